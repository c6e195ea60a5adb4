import type { Device } from "./device.ts";
import type { DispatchTimer } from "./recorder.ts";

/** What one kernel of a profile cost. */
export interface DispatchTime {
  /** The operation. */
  readonly label: string;
  /** Time on the device, in microseconds. */
  readonly microseconds: number;
}

const QUERY_RESOLVE_COPY_SRC = 0x200 | 0x4;
const MAP_READ_COPY_DST = 0x1 | 0x8;
/** WebGPU's limit for one set of queries. */
const MOST_QUERIES = 4096;

/** Gives each dispatch a pass of its own with a timestamp at both ends. */
class TimestampTimer implements DispatchTimer {
  readonly labels: string[] = [];
  readonly #device: Device;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  #resolvedUpTo = 0;

  constructor(device: Device) {
    this.#device = device;
    this.#queries = device.gpu.createQuerySet({ type: "timestamp", count: MOST_QUERIES });
    this.#resolved = device.gpu.createBuffer({ size: 8 * MOST_QUERIES, usage: QUERY_RESOLVE_COPY_SRC });
  }

  next(label: string): GPUComputePassTimestampWrites | undefined {
    const at = 2 * this.labels.length;
    if (at + 2 > MOST_QUERIES) return undefined;
    this.labels.push(label);
    return { querySet: this.#queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }

  resolve(encoder: GPUCommandEncoder): void {
    const end = 2 * this.labels.length;
    if (end === this.#resolvedUpTo) return;
    // Resolve offsets must be multiples of 256 bytes, so earlier queries of the block are resolved again.
    const start = this.#resolvedUpTo & ~31;
    encoder.resolveQuerySet(this.#queries, start, end - start, this.#resolved, 8 * start);
    this.#resolvedUpTo = end;
  }

  async read(): Promise<DispatchTime[]> {
    const bytes = 16 * this.labels.length;
    if (bytes === 0) return [];
    const staging = this.#device.gpu.createBuffer({ size: bytes, usage: MAP_READ_COPY_DST });
    this.#device.recorder.copyOut(this.#resolved, 0, staging, 0, bytes);
    await this.#device.sync();
    await staging.mapAsync(0x1);
    const ticks = new BigInt64Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return this.labels.map((label, i) => ({ label, microseconds: Number(ticks[2 * i + 1] - ticks[2 * i]) / 1000 }));
  }

  destroy(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
  }
}

/**
 * Runs `fn` and tells what each dispatch cost on the device, by timestamp queries. Every dispatch gets a compute pass of its
 * own, so the sum is a little more than the usual cost; at most 2,048 dispatches are timed.
 *
 * Browsers and Dawn round timestamps to 65.5 µs or 100 µs unless told otherwise (Dawn: the toggle
 * `timestamp_quantization` off), so short kernels need repetition.
 *
 * @param device The device
 * @param fn What to time; work recorded before it is submitted first
 * @returns The dispatches in order
 * @throws {TypeError} If the adapter has no timestamp queries
 *
 * @example
 * ```ts
 * import { init, ones, profile } from "@fulgurite/core";
 *
 * const device = await init();
 * if (device.features.has("timestamp-query")) {
 *   const times = await profile(device, () => ones([1000]).add(1).sum().item());
 *   console.log(times.map(({ label }) => label));
 * }
 * ```
 */
export async function profile(device: Device, fn: () => unknown): Promise<DispatchTime[]> {
  if (!device.features.has("timestamp-query")) {
    throw new TypeError(`Cannot take a profile: the adapter ${device.info.adapter} has no timestamp queries`);
  }
  device.flush();
  await device.recorder.caughtUp();
  const timer = new TimestampTimer(device);
  device.recorder.timer = timer;
  try {
    await fn();
    device.flush();
    await device.recorder.caughtUp();
  } finally {
    device.recorder.timer = null;
  }
  try {
    return await timer.read();
  } finally {
    timer.destroy();
  }
}
