import { Backlog } from "./backlog.ts";
import type { Pipeline } from "./pipeline.ts";
import { type Bound, PARAMS_WINDOW, type PipelineCache } from "./pipelines.ts";
import type { BufferPool, PooledBuffer } from "./pool.ts";
import type { Recording } from "./recording.ts";

const PARAMS_BYTES = 65536;
/** A batch is submitted after this many dispatches, so that the device starts while the host goes on recording. */
const BATCH_DISPATCHES = 96;

/** Counts since the device was opened; differences of two readings tell what a step cost. */
export interface RecorderCounts {
  /** Kernels that were recorded. */
  dispatches: number;
  /** Batches that were handed to the device. */
  submits: number;
  /** Compute passes. */
  passes: number;
  /** Writes of data from the host. */
  hostWrites: number;
}

/** What a dispatch works on, and how wide it is. */
export interface DispatchSize {
  /** Shapes of the tensors that are bound, where they are known. */
  readonly shapes: readonly (readonly number[])[] | null;
  /** Workgroups in x, y and z. */
  readonly groups: readonly [number, number, number];
}

/** Receives the time of each dispatch while a profile is taken. */
export interface DispatchTimer {
  /** Timestamp writes for the next pass, or `undefined` when its room is used up. */
  next(label: string, size: DispatchSize): GPUComputePassTimestampWrites | undefined;
  /** Called before a submit, to resolve the queries written so far. */
  resolve(encoder: GPUCommandEncoder): void;
}

/**
 * The one place where GPU work is recorded: one compute pass a batch, one submit a batch, one write of parameters.
 *
 * Parameters lie in a uniform ring and reach a kernel through a dynamic offset, so bind groups depend on buffers alone
 * and stay cached when a number changes from step to step.
 *
 * Where a kernel is still being compiled, its dispatch and all work after it are held, and done in their order when it
 * is there: the host goes on, and kernels compile side by side.
 */
export class Recorder {
  readonly counts: RecorderCounts = { dispatches: 0, submits: 0, passes: 0, hostWrites: 0 };
  /** Number of the open batch. */
  batch = 0;
  timer: DispatchTimer | null = null;
  /** What takes down all work, while something is captured. */
  recording: Recording | null = null;
  /** Shapes of what the next dispatch works on: who dispatches says them where {@link wantsShapes}. */
  shapes: DispatchSize["shapes"] = null;

  readonly #align: number;
  readonly #params: Bound;
  readonly #staged = new ArrayBuffer(PARAMS_BYTES);
  readonly #u32 = new Uint32Array(this.#staged);
  #paramsUsed = 0;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  /** The pipeline that the open pass has. */
  #pipeline: Pipeline | null = null;
  #inBatch = 0;
  /** Whether the open batch has work. */
  #begun = false;
  readonly #backlog: Backlog;
  /** The batch that was open when work began to be held; later ones are held as a whole. */
  #heldSince = Infinity;

  /**
   * Each device has one.
   *
   * @param gpu The device
   * @param pipelines Makes bind groups
   * @param pool Has buffers for values in between
   */
  constructor(readonly gpu: GPUDevice, readonly pipelines: PipelineCache, readonly pool: BufferPool) {
    this.#backlog = new Backlog(pipelines.onError);
    this.#align = gpu.limits.minUniformBufferOffsetAlignment;
    this.#params = pipelines.paramsBuffer("params", PARAMS_BYTES);
  }

  /**
   * Records one dispatch.
   *
   * @param pipeline The kernel
   * @param buffers Its storage bindings, in order
   * @param params The words of its `Params`, or `null` when it has none
   * @param groups Workgroups in x, y and z, each within the device's limit
   */
  dispatch(
    pipeline: Pipeline,
    buffers: readonly PooledBuffer[],
    params: Uint32Array | null,
    groups: readonly [number, number, number],
  ): void {
    if (clashIn(pipeline, buffers) !== null) {
      const { shapes } = this;
      return this.apart(pipeline, buffers, (apart) => {
        this.shapes = shapes;
        this.dispatch(pipeline, apart, params, groups);
      });
    }
    let offset: number[] | null = null;
    if (params !== null) {
      if (this.#paramsUsed + PARAMS_WINDOW > PARAMS_BYTES) this.flush();
      const at = this.#paramsUsed;
      this.#u32.set(params, at >> 2);
      this.#paramsUsed = Math.ceil((at + params.length * 4) / this.#align) * this.#align;
      offset = [at];
    }
    this.recording?.dispatch(pipeline, buffers, params, groups, this.shapes);
    this.play(pipeline, this.pipelines.group(pipeline.layout, buffers, this.#params), offset, groups);
    for (const buffer of buffers) buffer.batch = this.batch;
    this.played();
  }

  /**
   * Calls `use` with buffers that WebGPU takes for one dispatch: copies where one is read of which another part is
   * written.
   *
   * @param pipeline The kernel
   * @param buffers Its storage bindings, in order
   * @param use Records the dispatch
   */
  apart(
    pipeline: Pipeline,
    buffers: readonly PooledBuffer[],
    use: (apart: readonly PooledBuffer[]) => void,
  ): void {
    const clash = clashIn(pipeline, buffers);
    if (clash === null) return use(buffers);
    const copies: PooledBuffer[] = [];
    use(buffers.map((buffer, i) => {
      if (buffer.gpu !== clash || pipeline.layout.key[i] !== "r") return buffer;
      const copy = this.pool.acquire(buffer.size, pipeline.label);
      this.copy(buffer, 0, copy, 0, buffer.size);
      copies.push(copy);
      return copy;
    }));
    for (const copy of copies) this.pool.release(copy);
  }

  /** Whether somebody looks at the shapes of dispatches. */
  get wantsShapes(): boolean {
    return this.timer !== null || this.recording !== null;
  }

  /**
   * Encodes one dispatch, new or replayed.
   *
   * @param pipeline The kernel
   * @param group Its bindings
   * @param offset Where its parameters begin, as WebGPU takes it; `null` when it has none
   * @param groups Workgroups in x, y and z
   */
  play(
    pipeline: Pipeline,
    group: GPUBindGroup,
    offset: number[] | null,
    groups: readonly [number, number, number],
  ): void {
    this.counts.dispatches++;
    this.#inBatch++;
    this.#begun = true;
    const { shapes } = this;
    this.shapes = null;
    if (this.#backlog.holds(pipeline)) {
      this.#hold(pipeline, () => this.#encode(pipeline, group, offset, groups, shapes));
    } else this.#encode(pipeline, group, offset, groups, shapes);
  }

  /** Submits a long batch, after a dispatch or a whole replay: one replay is not torn apart by a submit. */
  played(): void {
    if (this.#inBatch >= BATCH_DISPATCHES) this.flush();
  }

  /** Records a copy between two buffers of the pool. */
  copy(from: PooledBuffer, fromOffset: number, to: PooledBuffer, toOffset: number, bytes: number): void {
    if (from.gpu === to.gpu) {
      // WebGPU copies from one buffer to another only.
      const between = this.pool.acquire(bytes, to.label);
      this.copy(from, fromOffset, between, 0, bytes);
      this.copy(between, 0, to, toOffset, bytes);
      return this.pool.release(between);
    }
    this.recording?.copy(from, fromOffset, to, toOffset, bytes);
    this.copyOut(from.gpu, from.offset + fromOffset, to.gpu, to.offset + toOffset, bytes);
    from.batch = to.batch = this.batch;
  }

  /** Records a copy to a buffer that is not of the pool, for reading. */
  copyOut(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.#begun = true;
    this.#inTurn(() => {
      this.#endPass();
      this.#openEncoder().copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
    });
  }

  /** Writes host bytes into a buffer, after everything recorded so far that uses it. */
  write(buffer: PooledBuffer, bytes: ArrayBufferView<ArrayBuffer>): void {
    if (buffer.batch === this.batch) this.flush();
    this.recording?.write(buffer);
    this.counts.hostWrites++;
    if (!this.holding || buffer.batch < this.#heldSince) return this.#upload(buffer, bytes);
    const kept = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice();
    this.#hold(null, () => this.#upload(buffer, kept));
  }

  /** Submits the open batch, or sees to it that it is when its kernels are compiled. */
  flush(): void {
    if (!this.#begun) return;
    const used = Math.min(PARAMS_BYTES, (this.#paramsUsed + 3) & ~3);
    if (!this.holding) this.#submit(this.#staged, used);
    else {
      const params = this.#staged.slice(0, used);
      this.#hold(null, () => this.#submit(params, used));
    }
    this.#paramsUsed = 0;
    this.#begun = false;
    this.#inBatch = 0;
    this.batch++;
    this.counts.submits++;
  }

  /** Whether work waits for kernels that are being compiled. */
  get holding(): boolean {
    return this.#backlog.holds(null);
  }

  /** Resolves when nothing waits for kernels any more. */
  caughtUp(): Promise<void> {
    return this.#backlog.emptied();
  }

  /** Submits everything, without waiting for kernels: they are compiled at once. */
  flushNow(): void {
    this.flush();
    this.#backlog.finish();
  }

  /** Runs something after all work that was recorded before is submitted. */
  afterwards(run: () => void): void {
    this.flush();
    this.#inTurn(run);
  }

  /** Forgets what was recorded and not submitted, after the device is lost. */
  abandon(): void {
    this.#backlog.clear();
    this.#encoder = null;
    this.#pass = null;
    this.#pipeline = null;
    this.#paramsUsed = 0;
    this.#begun = false;
    this.#inBatch = 0;
    this.batch++;
  }

  /** Does something now, or after the work that is held. */
  #inTurn(run: () => void): void {
    if (this.holding) this.#hold(null, run);
    else run();
  }

  #hold(pipeline: Pipeline | null, run: () => void): void {
    if (!this.holding) this.#heldSince = this.batch;
    this.#backlog.add(pipeline, run);
  }

  #encode(
    pipeline: Pipeline,
    group: GPUBindGroup,
    offset: number[] | null,
    groups: DispatchSize["groups"],
    shapes: DispatchSize["shapes"],
  ): void {
    const { gpu } = pipeline;
    if (gpu === null) return;
    const pass = this.#pass ?? this.#openPass(pipeline.label, { shapes, groups });
    if (pipeline !== this.#pipeline) {
      pass.setPipeline(gpu);
      this.#pipeline = pipeline;
    }
    if (offset === null) pass.setBindGroup(0, group);
    else pass.setBindGroup(0, group, offset);
    pass.dispatchWorkgroups(groups[0], groups[1], groups[2]);
    if (this.timer !== null) this.#endPass();
  }

  #upload(
    { gpu, offset }: PooledBuffer,
    { buffer: source, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>,
  ): void {
    const whole = byteLength & ~3;
    if (whole > 0) this.gpu.queue.writeBuffer(gpu, offset, source, byteOffset, whole);
    if (whole < byteLength) {
      const tail = new Uint8Array(4);
      tail.set(new Uint8Array(source, byteOffset + whole, byteLength - whole));
      this.gpu.queue.writeBuffer(gpu, offset + whole, tail);
    }
  }

  /** Submits what is encoded; `params` are the first bytes of the ring. */
  #submit(params: ArrayBuffer, bytes: number): void {
    this.#endPass();
    // Nothing is encoded where all its kernels have failed.
    const encoder = this.#openEncoder();
    this.timer?.resolve(encoder);
    if (bytes > 0) this.gpu.queue.writeBuffer(this.#params.gpu, 0, params, 0, bytes);
    this.gpu.queue.submit([encoder.finish()]);
    this.#encoder = null;
  }

  #openEncoder(): GPUCommandEncoder {
    return this.#encoder ??= this.gpu.createCommandEncoder();
  }

  #openPass(label: string, size: DispatchSize): GPUComputePassEncoder {
    const timestampWrites = this.timer?.next(label, size);
    this.counts.passes++;
    return this.#pass = this.#openEncoder().beginComputePass(timestampWrites ? { label, timestampWrites } : undefined);
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
    this.#pipeline = null;
  }
}

/** The buffer of which a kernel would write one part and read another, which WebGPU forbids in one dispatch. */
function clashIn({ layout: { key } }: Pipeline, buffers: readonly PooledBuffer[]): GPUBuffer | null {
  for (let i = 0; i < buffers.length; i++) {
    const { whole, gpu } = buffers[i];
    if (whole === null || key[i] === "r") continue;
    for (let k = 0; k < buffers.length; k++) if (key[k] === "r" && buffers[k].gpu === gpu) return gpu;
  }
  return null;
}
