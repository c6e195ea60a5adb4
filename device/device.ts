import { waitPolitely } from "../platform/webgpu.ts";
import type { Backend } from "./adapter.ts";
import { DeviceLostError, KernelError, OutOfMemoryError } from "./errors.ts";
import { type LimitCaps, plainLimits } from "./limits.ts";
import { PipelineCache } from "./pipelines.ts";
import { BufferPool, type MemoryReport, type PooledBuffer } from "./pool.ts";
import { Recorder } from "./recorder.ts";
import type { SubgroupMatrices } from "./subgroup_matrices.ts";

const MAP_READ_COPY_DST = 0x1 | 0x8;
/** The most that one staging buffer of `readAll` takes. */
const READ_ALL_BYTES = 2 ** 28;
/** Larger staging buffers are not kept for the next read. */
const KEPT_READBACK_BYTES = 2 ** 24;

/** What is known of the adapter behind a device. */
export interface DeviceInfo {
  /** The WebGPU implementation. */
  readonly backend: Backend;
  /** The adapter's own description. */
  readonly adapter: string;
  /** Who made the hardware, as the adapter says it. */
  readonly vendor: string;
  /** The family of the hardware, as the adapter says it. */
  readonly architecture: string;
  /** Whether it computes on the processor's cores. */
  readonly software: boolean;
  /** Its products of small matrices, `null` where it has none; Dawn shows them with `allow_unsafe_apis` only. */
  readonly subgroupMatrices: SubgroupMatrices | null;
}

/**
 * A WebGPU device with its recorder, its buffer pool and its caches.
 *
 * Users get it from `device()` after `await init()`; ops talk to it through `kernels/_run.ts`.
 */
export class Device {
  /** The WebGPU device. */
  readonly gpu: GPUDevice;
  /** What is known of its adapter. */
  readonly info: DeviceInfo;
  /** What it was opened with: sizes of buffers, bindings and workgroups. */
  readonly limits: GPUSupportedLimits;
  /** WebGPU's optional features that it was opened with. */
  readonly features: ReadonlySet<string>;
  /**
   * Compiled kernels and bind groups.
   *
   * @internal
   */
  readonly pipelines: PipelineCache;
  /** Where buffers come from, and go back to. */
  readonly pool: BufferPool;
  /**
   * Where all work for the device is recorded.
   *
   * @internal
   */
  readonly recorder: Recorder;
  readonly #readback: { buffer: GPUBuffer; size: number }[] = [];
  #failure: Error | null = null;
  /** An error that only follows from another, which is reported later: told only if that one does not come. */
  #consequence: Error | null = null;
  #lost: DeviceLostError | null = null;
  /**
   * What rejects the waits that are pending. Racing each with `gpu.lost` would keep them all until the device is lost.
   */
  readonly #waits = new Set<(reason: DeviceLostError) => void>();

  /**
   * Users call `await init()` or `await openDevice()` instead.
   *
   * @param gpu The WebGPU device
   * @param info What is known of its adapter
   * @param caps Limits below those that it was opened with
   */
  constructor(gpu: GPUDevice, info: DeviceInfo, caps: LimitCaps = {}) {
    this.gpu = gpu;
    this.info = info;
    this.limits = plainLimits(gpu.limits, caps);
    this.features = new Set([...gpu.features].map(String));
    const fail = (error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error)));
    this.pipelines = new PipelineCache(gpu, fail);
    const maxBytes = Math.min(this.limits.maxStorageBufferBindingSize, this.limits.maxBufferSize);
    const dropGroups = (buffer: PooledBuffer) => this.pipelines.dropGroupsOf(buffer);
    const submit = (all: boolean) => all ? this.recorder.flushNow() : this.recorder.flush();
    this.pool = new BufferPool(gpu, maxBytes, dropGroups, fail, submit);
    this.recorder = new Recorder(gpu, this.pipelines, this.pool);
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault?.();
      const error = (event as GPUUncapturedErrorEvent).error;
      if (isOutOfMemory(error)) return fail(new OutOfMemoryError(`Cannot allocate: ${error.message.trim()}`));
      const op = /(?:ComputePipeline|ComputePass|Buffer)[^"]*"([^"]+)"/.exec(error.message)?.[1] ??
        "a recorded operation";
      fail(new KernelError(op, `Cannot run ${op}: ${error.message.trim()}`));
    });
    gpu.lost.then((lost) => {
      const reason = this.#lost = new DeviceLostError(
        `The device is lost (${lost.reason || "unknown"}): ${lost.message.trim()}`,
      );
      this.recorder.abandon();
      for (const reject of this.#waits) reject(reason);
    });
  }

  /** Submits what is recorded, without waiting. */
  flush(): void {
    this.recorder.flush();
    if (this.pool.overgrown && !this.recorder.holding) this.pool.trim();
  }

  /**
   * Waits until the device has finished everything recorded so far.
   *
   * @throws {KernelError | OutOfMemoryError | DeviceLostError} What went wrong since the last wait
   */
  async sync(): Promise<void> {
    const refused = this.#refusal("wait");
    if (refused !== null) return refused;
    await this.#wait(this.reached());
  }

  /**
   * Reads the first `bytes` of a buffer, after everything recorded so far.
   *
   * @throws {KernelError | OutOfMemoryError | DeviceLostError} What went wrong since the last wait
   */
  async read(buffer: PooledBuffer, bytes: number): Promise<ArrayBuffer> {
    const refused = this.#refusal("read");
    if (refused !== null) return refused;
    if (this.#lost) throw this.#lost;
    const size = Math.max(16, Math.ceil(bytes / 4) * 4);
    const staging = this.#takeReadback(size);
    this.recorder.copyOut(buffer.gpu, buffer.offset, staging.buffer, 0, size);
    buffer.batch = this.recorder.batch;
    this.flush();
    await this.#wait(this.#submitted(() => staging.buffer.mapAsync(0x1, 0, size)));
    const copy = staging.buffer.getMappedRange(0, size).slice(0, bytes);
    staging.buffer.unmap();
    this.#readback.push(staging);
    return copy;
  }

  /**
   * Reads the first bytes of several buffers with one copy for all, after everything recorded so far: a picture of one
   * moment.
   *
   * @throws {KernelError | OutOfMemoryError | DeviceLostError} What went wrong since the last wait
   */
  async readAll(parts: readonly { buffer: PooledBuffer; bytes: number }[]): Promise<ArrayBuffer[]> {
    const refused = this.#refusal("read");
    if (refused !== null) return refused;
    if (this.#lost) throw this.#lost;
    const most = Math.min(this.limits.maxBufferSize, READ_ALL_BYTES);
    const groups: { part: typeof parts[number]; at: number; size: number }[][] = [];
    let end = Infinity;
    for (const part of parts) {
      const size = Math.max(4, Math.ceil(part.bytes / 4) * 4);
      if (end + size > most) {
        groups.push([]);
        end = 0;
      }
      groups.at(-1)!.push({ part, at: end, size });
      end = Math.ceil((end + size) / 8) * 8;
    }
    const staged = groups.map((group) => {
      const last = group.at(-1)!, used = last.at + last.size;
      const staging = this.#takeReadback(used);
      for (const { part: { buffer }, at, size } of group) {
        this.recorder.copyOut(buffer.gpu, buffer.offset, staging.buffer, at, size);
        buffer.batch = this.recorder.batch;
      }
      return { staging, used, group };
    });
    this.flush();
    const map = () => Promise.all(staged.map(({ staging, used }) => staging.buffer.mapAsync(0x1, 0, used)));
    await this.#wait(this.#submitted(map));
    const copies = staged.flatMap(({ staging, group }) =>
      group.map(({ part, at, size }) => staging.buffer.getMappedRange(at, size).slice(0, part.bytes))
    );
    for (const { staging } of staged) {
      staging.buffer.unmap();
      if (staging.size <= KEPT_READBACK_BYTES) this.#readback.push(staging);
      else staging.buffer.destroy();
    }
    return copies;
  }

  /**
   * Submits what is recorded, and resolves when the device has done it. What went wrong is left to who waits for
   * values.
   *
   * @internal
   */
  reached(): Promise<undefined> {
    this.flush();
    return this.#submitted(() => this.gpu.queue.onSubmittedWorkDone());
  }

  /**
   * Submits what is recorded and marks this point, so that a loop can keep the host from running far ahead of the
   * device.
   *
   * @returns A function that waits until the device has come here, and throws what went wrong since the last wait
   */
  mark(): () => Promise<void> {
    const reached = this.reached();
    reached.catch(() => {}); // who waits is told
    return () => this.#wait(reached);
  }

  /** What the pool holds: live, idle and peak bytes, and live bytes by op. */
  memory(): MemoryReport {
    return this.pool.report();
  }

  /** Ends the device; every later wait is rejected with a {@link DeviceLostError}. */
  destroy(): void {
    this.gpu.destroy();
  }

  /** Throws what went wrong since the last wait, once. */
  throwFailure(): void {
    if (this.#lost) throw this.#lost;
    const failure = this.#failure ?? this.#consequence;
    this.#failure = this.#consequence = null;
    if (failure) throw failure;
  }

  /**
   * Nothing is read in a captured function: the recording fails. The promise never settles, for nobody may be there who
   * hears of it.
   */
  #refusal(what: string): Promise<never> | null {
    const { recording } = this.recorder;
    if (recording === null) return null;
    recording.failure ??= new Error(
      `Cannot ${what} in a captured function: a replay does not wait for values, return tensors and read them outside`,
    );
    return new Promise(() => {});
  }

  /** A staging buffer, one that was used before if it fits. */
  #takeReadback(size: number): { buffer: GPUBuffer; size: number } {
    const at = this.#readback.findIndex((entry) => entry.size >= size && entry.size <= 4 * size);
    if (at >= 0) return this.#readback.splice(at, 1)[0];
    if (this.#readback.length >= 8) this.#readback.shift()?.buffer.destroy();
    const rounded = Math.min(2 ** Math.ceil(Math.log2(size)), this.limits.maxBufferSize);
    return {
      buffer: this.gpu.createBuffer({ label: "readback", size: rounded, usage: MAP_READ_COPY_DST }),
      size: rounded,
    };
  }

  #fail(error: Error): void {
    if (/\[Invalid \w+|is invalid due to a previous error/.test(error.message)) this.#consequence ??= error;
    // What memory was refused explains what went wrong with it.
    else if (error instanceof OutOfMemoryError && !(this.#failure instanceof OutOfMemoryError)) this.#failure = error;
    else this.#failure ??= error;
  }

  /** What is asked of the queue when all that was flushed is in it. */
  #submitted<T>(ask: () => Promise<T>): Promise<T> {
    return this.recorder.holding ? this.recorder.caughtUp().then(ask) : ask();
  }

  /** Waits for the device, politely where it needs our cores, and reports what failed meanwhile. */
  async #wait(work: Promise<unknown>): Promise<void> {
    const guarded = this.#unlessLost(Promise.all([work, this.pipelines.settled()]));
    try {
      await (this.info.software && this.info.backend === "dawn" ? waitPolitely(guarded) : guarded);
    } catch (error) {
      this.throwFailure();
      throw error;
    }
    this.throwFailure();
  }

  /** The outcome of some work, or the loss of the device if that comes first. */
  #unlessLost<T>(work: Promise<T>): Promise<T> {
    if (this.#lost !== null) {
      work.catch(() => {}); // it fails for the same reason
      return Promise.reject(this.#lost);
    }
    return new Promise((resolve, reject) => {
      this.#waits.add(reject);
      work.then(resolve, reject).finally(() => this.#waits.delete(reject));
    });
  }
}

/** Bindings may not have WebGPU's classes; what Dawn says then begins with its name for the error. */
function isOutOfMemory(error: GPUError): boolean {
  return error.constructor.name === "GPUOutOfMemoryError" || /out.of.memory/i.test(error.message);
}
