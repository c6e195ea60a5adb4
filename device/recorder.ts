import { type Bound, PARAMS_WINDOW, type Pipeline, type PipelineCache } from "./pipelines.ts";
import type { PooledBuffer } from "./pool.ts";
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

/** Receives the time of each dispatch while a profile is taken. */
export interface DispatchTimer {
  /** Timestamp writes for the next pass, or `undefined` when its room is used up. */
  next(label: string): GPUComputePassTimestampWrites | undefined;
  /** Called before a submit, to resolve the queries written so far. */
  resolve(encoder: GPUCommandEncoder): void;
}

/**
 * The one place where GPU work is recorded: one compute pass a batch, one submit a batch, one write of parameters.
 *
 * Parameters lie in a uniform ring and reach a kernel through a dynamic offset, so bind groups depend on buffers alone
 * and stay cached when a number changes from step to step.
 */
export class Recorder {
  readonly counts: RecorderCounts = { dispatches: 0, submits: 0, passes: 0, hostWrites: 0 };
  /** Number of the open batch. */
  batch = 0;
  timer: DispatchTimer | null = null;
  /** What takes down all work, while something is captured. */
  recording: Recording | null = null;

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

  constructor(readonly gpu: GPUDevice, readonly pipelines: PipelineCache) {
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
    let offset: number[] | null = null;
    if (params !== null) {
      if (this.#paramsUsed + PARAMS_WINDOW > PARAMS_BYTES) this.flush();
      const at = this.#paramsUsed;
      this.#u32.set(params, at >> 2);
      this.#paramsUsed = Math.ceil((at + params.length * 4) / this.#align) * this.#align;
      offset = [at];
    }
    this.recording?.dispatch(pipeline, buffers, params, groups);
    this.play(pipeline, this.pipelines.group(pipeline.layout, buffers, this.#params), offset, groups);
    for (const buffer of buffers) buffer.batch = this.batch;
    this.played();
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
    const pass = this.#openPass(pipeline.label);
    if (pipeline !== this.#pipeline) pass.setPipeline((this.#pipeline = pipeline).gpu);
    if (offset === null) pass.setBindGroup(0, group);
    else pass.setBindGroup(0, group, offset);
    pass.dispatchWorkgroups(groups[0], groups[1], groups[2]);
    this.counts.dispatches++;
    this.#inBatch++;
    if (this.timer !== null) this.#endPass();
  }

  /** Submits a long batch, after a dispatch or a whole replay: one replay is not torn apart by a submit. */
  played(): void {
    if (this.#inBatch >= BATCH_DISPATCHES) this.flush();
  }

  /** Records a copy between two buffers of the pool. */
  copy(from: PooledBuffer, fromOffset: number, to: PooledBuffer, toOffset: number, bytes: number): void {
    this.recording?.copy(from, fromOffset, to, toOffset, bytes);
    this.copyOut(from.gpu, fromOffset, to.gpu, toOffset, bytes);
    from.batch = to.batch = this.batch;
  }

  /** Records a copy to a buffer that is not of the pool, for reading. */
  copyOut(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.#endPass();
    this.#openEncoder().copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
  }

  /** Writes host bytes into a buffer, after everything recorded so far that uses it. */
  write(buffer: PooledBuffer, bytes: ArrayBufferView<ArrayBuffer>): void {
    if (buffer.batch === this.batch) this.flush();
    this.recording?.write(buffer);
    const whole = bytes.byteLength & ~3;
    const source = bytes.buffer;
    if (whole > 0) this.gpu.queue.writeBuffer(buffer.gpu, 0, source, bytes.byteOffset, whole);
    if (whole < bytes.byteLength) {
      const tail = new Uint8Array(4);
      tail.set(new Uint8Array(source, bytes.byteOffset + whole, bytes.byteLength - whole));
      this.gpu.queue.writeBuffer(buffer.gpu, whole, tail);
    }
    this.counts.hostWrites++;
  }

  /** Submits the open batch. */
  flush(): void {
    if (this.#encoder === null) return;
    this.#endPass();
    this.timer?.resolve(this.#encoder);
    if (this.#paramsUsed > 0) {
      this.gpu.queue.writeBuffer(
        this.#params.gpu,
        0,
        this.#staged,
        0,
        Math.min(PARAMS_BYTES, (this.#paramsUsed + 3) & ~3),
      );
      this.#paramsUsed = 0;
    }
    this.gpu.queue.submit([this.#encoder.finish()]);
    this.#encoder = null;
    this.#inBatch = 0;
    this.batch++;
    this.counts.submits++;
  }

  /** Forgets what was recorded and not submitted, after the device is lost. */
  abandon(): void {
    this.#encoder = null;
    this.#pass = null;
    this.#pipeline = null;
    this.#paramsUsed = 0;
    this.#inBatch = 0;
    this.batch++;
  }

  #openEncoder(): GPUCommandEncoder {
    return this.#encoder ??= this.gpu.createCommandEncoder();
  }

  #openPass(label: string): GPUComputePassEncoder {
    if (this.#pass === null) {
      const timestampWrites = this.timer?.next(label);
      this.#pass = this.#openEncoder().beginComputePass(timestampWrites ? { label, timestampWrites } : undefined);
      this.counts.passes++;
    }
    return this.#pass;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
    this.#pipeline = null;
  }
}
