import type { Device } from "./device.ts";
import type { DispatchSize, DispatchTimer } from "./recorder.ts";

/** What one kernel of a profile cost. */
export interface DispatchTime {
  /** The operation. */
  readonly label: string;
  /** Time on the device, in microseconds. */
  readonly microseconds: number;
}

/** When one kernel ran. */
export interface TimedDispatch extends DispatchTime, DispatchSize {
  /** When it began, in the milliseconds of `performance.now()`. */
  readonly begin: number;
  /** When the batch of work that it belongs to was handed to the device, on the same clock. */
  readonly submitted: number;
}

const QUERY_RESOLVE_COPY_SRC = 0x200 | 0x4;
const MAP_READ_COPY_DST = 0x1 | 0x8;
/** WebGPU's limit for one set of queries, and how many sets there may be: 131,072 dispatches. */
const MOST_QUERIES = 4096, MOST_SETS = 64;

/** A set of queries and how far it is filled. */
interface QuerySet {
  readonly queries: GPUQuerySet;
  readonly resolved: GPUBuffer;
  used: number;
  resolvedUpTo: number;
}

/**
 * Notes when each dispatch runs, from its making to {@link stop}: every dispatch gets a pass of its own with a
 * timestamp at both ends.
 */
export class Timeline implements DispatchTimer {
  readonly #device: Device;
  readonly #sets: QuerySet[] = [];
  readonly #dispatches: (DispatchSize & { readonly label: string })[] = [];
  /** For each submit its time, and the number of dispatches until then. */
  readonly #submits: { readonly at: number; readonly until: number }[] = [];
  /** Dispatches that found no room. */
  lost = 0;

  /**
   * Begins. Work recorded before should be done: `await device.sync()`.
   *
   * @param device The device
   * @throws {TypeError} If the adapter has no timestamp queries
   */
  constructor(device: Device) {
    if (!device.features.has("timestamp-query")) {
      throw new TypeError(`Cannot take a profile: the adapter ${device.info.adapter} has no timestamp queries`);
    }
    this.#device = device;
    device.flush();
    device.recorder.timer = this;
  }

  /** Gives the next dispatch its two queries. */
  next(label: string, size: DispatchSize): GPUComputePassTimestampWrites | undefined {
    let set = this.#sets.at(-1);
    if (set === undefined || set.used === MOST_QUERIES) {
      if (this.#sets.length === MOST_SETS) return void this.lost++;
      const { gpu } = this.#device;
      set = {
        queries: gpu.createQuerySet({ type: "timestamp", count: MOST_QUERIES }),
        resolved: gpu.createBuffer({ size: 8 * MOST_QUERIES, usage: QUERY_RESOLVE_COPY_SRC }),
        used: 0,
        resolvedUpTo: 0,
      };
      this.#sets.push(set);
    }
    this.#dispatches.push({ label, ...size });
    const at = set.used;
    set.used += 2;
    return { querySet: set.queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }

  /** Has the queries of a batch resolved with it. */
  resolve(encoder: GPUCommandEncoder): void {
    for (const set of this.#sets) {
      if (set.used === set.resolvedUpTo) continue;
      // Resolve offsets must be multiples of 256 bytes, so earlier queries of the block are resolved again.
      const start = set.resolvedUpTo & ~31;
      encoder.resolveQuerySet(set.queries, start, set.used - start, set.resolved, 8 * start);
      set.resolvedUpTo = set.used;
    }
    this.#submits.push({ at: performance.now(), until: this.#dispatches.length });
  }

  /** Ends, and tells when each dispatch ran, in their order. It waits for the device. */
  async stop(): Promise<TimedDispatch[]> {
    try {
      this.#device.flush();
      await this.#device.recorder.caughtUp();
      this.#end();
      return this.#onHostClock(await this.#read());
    } finally {
      this.destroy();
    }
  }

  /** Ends without times, if it has not ended. */
  destroy(): void {
    this.#end();
    for (const { queries, resolved } of this.#sets.splice(0)) {
      queries.destroy();
      resolved.destroy();
    }
  }

  /** Times nothing more. What has its queries is submitted before, since that resolves them. */
  #end(): void {
    const { recorder } = this.#device;
    if (recorder.timer !== this) return;
    recorder.flushNow();
    recorder.timer = null;
  }

  /** Begin and end of each dispatch in turn, in the device's milliseconds. */
  async #read(): Promise<number[]> {
    const copies = this.#sets.map(({ resolved, used }) => {
      const staging = this.#device.gpu.createBuffer({ size: 8 * used, usage: MAP_READ_COPY_DST });
      this.#device.recorder.copyOut(resolved, 0, staging, 0, 8 * used);
      return staging;
    });
    await this.#device.sync();
    const times: number[] = [];
    for (const staging of copies) {
      await staging.mapAsync(0x1);
      for (const ticks of new BigInt64Array(staging.getMappedRange().slice(0))) times.push(Number(ticks) / 1e6);
      staging.destroy();
    }
    return times;
  }

  /** No kernel begins before it is submitted: the batch that waited least ties the two clocks. */
  #onHostClock(times: readonly number[]): TimedDispatch[] {
    let ahead = Infinity, first = 0;
    for (const { at, until } of this.#submits) {
      if (until > first) ahead = Math.min(ahead, times[2 * first] - at);
      first = until;
    }
    let submit = 0;
    return this.#dispatches.map((dispatch, i) => {
      while (this.#submits[submit].until <= i) submit++;
      const microseconds = 1000 * Math.max(0, times[2 * i + 1] - times[2 * i]);
      return { ...dispatch, microseconds, begin: times[2 * i] - ahead, submitted: this.#submits[submit].at };
    });
  }
}
