import { OutOfMemoryError } from "./errors.ts";
import type { Recording } from "./recording.ts";

/** A GPU buffer with the identity and the bookkeeping that pooling and caching need. */
export interface PooledBuffer {
  /** Unique for the life of the process; part of bind-group cache keys. */
  readonly id: number;
  /** The WebGPU buffer. */
  readonly gpu: GPUBuffer;
  /** Bytes, a size class of the pool. */
  readonly size: number;
  /** Where it begins in the WebGPU buffer, in bytes: 0, but for parts. */
  readonly offset: number;
  /** The buffer that it is a part of. */
  readonly whole: PooledBuffer | null;
  /** The recorder batch that used it last: a buffer of the open batch may not be written from the host. */
  batch: number;
  /** Keys of cached bind groups that hold this buffer; dropped with it. */
  readonly groups: Set<string>;
  /** The operation that holds it now, for reports. */
  label: string;
  /** Whether the driver had no memory for it: it must not be used again. */
  refused: boolean;
}

/** A part of a buffer with an identity of its own. Whoever uses the part or the whole uses both. */
class Part implements PooledBuffer {
  readonly groups: Set<string> = new Set();

  constructor(
    readonly id: number,
    readonly whole: PooledBuffer,
    readonly offset: number,
    readonly size: number,
    public label: string,
  ) {}

  get gpu(): GPUBuffer {
    return this.whole.gpu;
  }

  get batch(): number {
    return this.whole.batch;
  }

  set batch(batch: number) {
    this.whole.batch = batch;
  }

  get refused(): boolean {
    return this.whole.refused;
  }

  set refused(refused: boolean) {
    this.whole.refused = refused;
  }
}

/** Parts of a buffer begin at multiples of this many bytes, which every adapter can bind. */
export const PART_ALIGNMENT = 256;

/** What the pool holds, in bytes and buffers. */
export interface MemoryReport {
  /** Bytes of the buffers that tensors hold now. */
  liveBytes: number;
  /** Number of buffers that tensors hold now. */
  liveBuffers: number;
  /** Bytes of idle buffers kept for reuse. */
  pooledBytes: number;
  /** The most `liveBytes` has been since the last {@link BufferPool.resetPeak}. */
  peakBytes: number;
  /** Live bytes by the operation that made them, largest first. */
  byOp: Record<string, number>;
}

const STORAGE_COPY_USAGE = 0x80 | 0x4 | 0x8; // STORAGE | COPY_SRC | COPY_DST
const SMALLEST_CLASS = 256;
/** Idle bytes up to this are never given back on our own account. */
const FREE_RESERVE = 256 * 2 ** 20;
/** Allocations from this size are guarded by an out-of-memory error scope. */
const GUARDED_FROM = 2 ** 20;

/** Bytes of the size class that holds `bytes`: four classes an octave, so that at most a quarter is wasted. */
function sizeClass(bytes: number): number {
  if (bytes <= SMALLEST_CLASS) return SMALLEST_CLASS;
  const step = 2 ** Math.max(8, Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / step) * step;
}

/** Storage buffers by size class; a freed buffer serves the next request of its class. */
export class BufferPool {
  /** Idle buffers by size, each list sorted by id so that equal steps get equal buffers, and bind groups stay valid. */
  readonly #free = new Map<number, PooledBuffer[]>();
  readonly #live = new Set<PooledBuffer>();
  #nextId = 1;
  #liveBytes = 0;
  #pooledBytes = 0;
  #peakBytes = 0;
  #created = 0;
  #refusals = 0;
  /**
   * The most bytes that live and idle buffers may take together. Where it is reached, idle buffers are freed; what
   * still does not fit is refused with an {@link OutOfMemoryError}.
   */
  limit: number = Infinity;
  /**
   * What takes down who has which buffer when, while something is captured.
   *
   * @internal
   */
  recording: Recording | null = null;

  /**
   * Each device has one.
   *
   * @param gpu The device
   * @param maxBytes The largest buffer that can be bound
   * @param destroyed Called with each buffer that is destroyed
   * @param onError Takes errors found later (out of memory)
   * @param submit Ends the open batch; before idle buffers are destroyed, `all` batches must reach the device
   */
  constructor(
    readonly gpu: GPUDevice,
    readonly maxBytes: number,
    readonly destroyed: (buffer: PooledBuffer) => void,
    readonly onError: (error: Error) => void,
    readonly submit: (all: boolean) => void,
  ) {}

  /** Number of buffers that the driver refused; values that were made meanwhile may be missing. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Number of GPU buffers ever created, for tests of reuse. */
  get created(): number {
    return this.#created;
  }

  /**
   * Takes a buffer of at least `bytes`.
   *
   * @param bytes Size wanted
   * @param label The operation that will hold it
   * @param idleSince Only reuse a buffer whose last batch is older than this (for writes from the host)
   * @returns The buffer; its contents are undefined
   * @throws {OutOfMemoryError} If `bytes` exceeds what the adapter can bind, or what is left of {@link limit}
   */
  acquire(bytes: number, label: string, idleSince = Infinity): PooledBuffer {
    if (bytes > this.maxBytes) {
      throw this.#outOfMemory(label, bytes, `this adapter binds at most ${this.maxBytes} bytes at once`);
    }
    const exact = Math.ceil(bytes / 16) * 16;
    return this.#take(
      bytes,
      Math.min(sizeClass(bytes), Math.max(Math.floor(this.maxBytes / 16) * 16, exact)),
      label,
      idleSince,
    );
  }

  /**
   * Takes a buffer that is to be kept for long: of the size asked for, where {@link acquire} rounds up so that others
   * find a use for it.
   *
   * @param bytes Size wanted
   * @param label The operation that will hold it
   * @returns The buffer; its contents are undefined
   */
  acquireExactly(bytes: number, label: string): PooledBuffer {
    return this.#take(bytes, Math.max(16, Math.ceil(bytes / 16) * 16), label, Infinity);
  }

  #take(bytes: number, size: number, label: string, idleSince: number): PooledBuffer {
    const list = this.#free.get(size);
    let buffer: PooledBuffer | undefined;
    if (list !== undefined && list.length > 0) {
      if (idleSince === Infinity) buffer = list.shift();
      else {
        const at = list.findIndex((candidate) => candidate.batch < idleSince);
        if (at >= 0) buffer = list.splice(at, 1)[0];
      }
    }
    if (buffer === undefined) {
      this.#makeRoom(size, label);
      buffer = this.#create(size, label);
    } else this.#pooledBytes -= size;
    buffer.label = label;
    this.#live.add(buffer);
    this.#liveBytes += size;
    if (this.#liveBytes > this.#peakBytes) this.#peakBytes = this.#liveBytes;
    this.recording?.acquired(buffer, bytes);
    return buffer;
  }

  /**
   * A buffer beside the pool, for a value that stays as long as the device.
   *
   * @param bytes Its contents, at most 256 bytes
   * @param label What it is called
   */
  constant(bytes: ArrayBufferView<ArrayBuffer>, label: string): PooledBuffer {
    const gpu = this.gpu.createBuffer({
      label,
      size: SMALLEST_CLASS,
      usage: STORAGE_COPY_USAGE,
      mappedAtCreation: true,
    });
    const source = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    new Uint8Array(gpu.getMappedRange()).set(source);
    gpu.unmap();
    return this.#bufferOf(gpu, SMALLEST_CLASS, label);
  }

  /**
   * A part of a buffer, to be used as a buffer. It is not given back: it lives as long as the whole, or until
   * {@link dropPart}.
   *
   * @param whole A buffer that is no part itself
   * @param offset The first byte, a multiple of {@link PART_ALIGNMENT}
   * @param bytes Its contents; what is left until the next multiple belongs to it
   * @param label The operation that holds it
   */
  part(whole: PooledBuffer, offset: number, bytes: number, label: string): PooledBuffer {
    const size = Math.min(Math.ceil(bytes / PART_ALIGNMENT) * PART_ALIGNMENT, whole.size - offset);
    return new Part(this.#nextId++, whole, offset, size, label);
  }

  /** Forgets a part. */
  dropPart(part: PooledBuffer): void {
    this.destroyed(part);
  }

  #bufferOf(gpu: GPUBuffer, size: number, label: string): PooledBuffer {
    const id = this.#nextId++;
    return { id, gpu, size, offset: 0, whole: null, batch: -1, groups: new Set(), label, refused: false };
  }

  /** Gives a buffer back; work recorded before this call may still use it, since the queue keeps its order. */
  release(buffer: PooledBuffer): void {
    if (this.recording?.released(buffer) === false) return;
    if (!this.#live.delete(buffer)) throw new Error(`Cannot release a buffer of ${buffer.label}: it is not in use`);
    this.#liveBytes -= buffer.size;
    if (buffer.refused) return this.#destroy(buffer);
    this.#pooledBytes += buffer.size;
    let list = this.#free.get(buffer.size);
    if (list === undefined) this.#free.set(buffer.size, list = []);
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle].id < buffer.id) low = middle + 1;
      else high = middle;
    }
    list.splice(low, 0, buffer);
  }

  /**
   * Whether idle buffers have outgrown what live tensors justify; the device then calls {@link trim} after a submit.
   */
  get overgrown(): boolean {
    return this.#pooledBytes > FREE_RESERVE + 2 * this.#peakBytes;
  }

  /** Destroys all idle buffers. Call only when nothing recorded and not yet submitted uses them. */
  trim(): void {
    for (const list of this.#free.values()) for (const buffer of list) this.#destroy(buffer);
    this.#free.clear();
    this.#pooledBytes = 0;
  }

  /** Starts a new measurement of the peak. */
  resetPeak(): void {
    this.#peakBytes = this.#liveBytes;
  }

  /** What is held now. */
  report(): MemoryReport {
    const byOp: Record<string, number> = {};
    for (const buffer of this.#live) byOp[buffer.label] = (byOp[buffer.label] ?? 0) + buffer.size;
    return {
      liveBytes: this.#liveBytes,
      liveBuffers: this.#live.size,
      pooledBytes: this.#pooledBytes,
      peakBytes: this.#peakBytes,
      byOp: Object.fromEntries(Object.entries(byOp).sort((a, b) => b[1] - a[1])),
    };
  }

  /** Frees idle buffers where the limit is reached, and throws where that does not suffice. */
  #makeRoom(size: number, label: string): void {
    if (this.#liveBytes + this.#pooledBytes + size <= this.limit) return;
    this.#freeIdle();
    if (this.#liveBytes + size <= this.limit) return;
    throw this.#outOfMemory(label, size, `tensors may take ${this.limit} bytes in all`);
  }

  #freeIdle(): void {
    this.submit(true);
    this.trim();
  }

  #destroy(buffer: PooledBuffer): void {
    this.destroyed(buffer);
    buffer.gpu.destroy();
  }

  #create(size: number, label: string): PooledBuffer {
    this.#created++;
    const descriptor = { label, size, usage: STORAGE_COPY_USAGE };
    if (size < GUARDED_FROM) return this.#bufferOf(this.gpu.createBuffer(descriptor), size, label);
    // A batch that uses a refused buffer is dropped as a whole: what was recorded before is not to be lost with it.
    this.submit(false);
    this.gpu.pushErrorScope("out-of-memory");
    const buffer = this.#bufferOf(this.gpu.createBuffer(descriptor), size, label);
    this.gpu.popErrorScope().then((error) => {
      if (error) this.#refuse(buffer, label);
    }, this.onError);
    return buffer;
  }

  /** The driver had no memory for a buffer: nobody gets it again, and idle ones make room for the next step. */
  #refuse(buffer: PooledBuffer, label: string): void {
    buffer.refused = true;
    this.#refusals++;
    this.onError(this.#outOfMemory(label, buffer.size, "the driver has no memory for it"));
    this.#freeIdle();
  }

  #outOfMemory(op: string, bytes: number, why: string): OutOfMemoryError {
    const memory = this.report();
    const largest = Object.entries(memory.byOp).slice(0, 4).map(([op, bytes]) => `${op} ${bytes}`).join(", ");
    const held = `${memory.liveBytes} bytes are live${largest && ` (${largest})`}, ${memory.pooledBytes} idle`;
    return new OutOfMemoryError(`Cannot allocate ${bytes} bytes in ${op}: ${why}, ${held}`, op, bytes, memory);
  }
}
