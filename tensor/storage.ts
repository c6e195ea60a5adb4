import { type Device, device, isOpen, type PooledBuffer } from "../device/mod.ts";
import { byteLength, type DType } from "./dtype.ts";
import type { Shape } from "./shape.ts";
import type { Slab } from "./slab.ts";
import { type Watcher, watching } from "./watcher.ts";

/** Work that has been described but not recorded: a chain of pointwise operations waiting for a consumer. */
export interface Pending {
  /** The shape the chain is described for; a reader of another shape needs the value itself. */
  readonly shape: Shape;
  /** Records the work that fills `into`, whose buffer is ready. */
  record(into: Storage): void;
  /** Lets go of the inputs. */
  release(): void;
}

/**
 * The elements of one or more tensors (a reshape shares them). Counted references decide when the buffer goes back to
 * the pool; the value itself comes into being when it is first needed.
 */
export class Storage {
  readonly numel: number;
  readonly dtype: DType;
  readonly label: string;
  /** Changes with every write in place, so that a saved value can be told from a changed one. */
  version = 0;
  /** Smallest and largest of whole numbers that came from the host: indices are checked against them without a read. */
  bounds: { readonly min: number; readonly max: number } | null = null;
  /** Whether it is kept for long: its buffer is of the size that it needs, where others are rounded up for reuse. */
  lasting = false;
  /** The memory that it shares with others, and its first element there. */
  #place: { readonly slab: Slab; readonly at: number } | null = null;
  /** `null` for a storage that was made before a device was open, until it is needed. */
  #device: Device | null;
  #buffer: PooledBuffer | null = null;
  #pending: Pending | null;
  /** The recording in which the pending work was described. */
  #describedIn: Watcher | null;
  #references = 1;
  /** Whether the buffer belongs to a replay, which will write to it again. */
  #lent = false;
  #constant = false;
  /** Chains that read this storage and are not recorded yet: a write in place records them first. */
  #readers: Set<Storage> | null = null;
  /** The storages that this one is such a reader of. */
  #reads: Storage[] | null = null;

  constructor(numel: number, dtype: DType, label: string, pending: Pending | null = null) {
    this.#device = isOpen() ? device() : null;
    this.numel = numel;
    this.dtype = dtype;
    this.label = label;
    this.#pending = pending;
    this.#describedIn = pending === null ? null : watching.by;
  }

  /** Where the elements are, or will be. Throws while no device is open. */
  get device(): Device {
    return this.#device ??= device();
  }

  /**
   * The work that would fill it, while it has not been needed. A recording reads what was described before it as a
   * value.
   */
  get pending(): Pending | null {
    if (this.#isOlderThanRecording) void this.buffer;
    return this.#pending;
  }

  /** Whether its work waits and is none of the recording: a replay must neither repeat it nor read what it reads. */
  get #isOlderThanRecording(): boolean {
    return watching.by !== null && this.#pending !== null && this.#describedIn !== watching.by;
  }

  /** Bytes of the elements, without padding. */
  get bytes(): number {
    return byteLength(this.dtype, this.numel);
  }

  /**
   * A storage in a buffer that a replay owns.
   *
   * @param buffer Where the value lies
   */
  static lent(buffer: PooledBuffer, numel: number, dtype: DType, label: string): Storage {
    const storage = new Storage(numel, dtype, label);
    storage.#buffer = buffer;
    storage.#lent = true;
    return storage;
  }

  /**
   * A storage whose value never changes and whose buffer is not of the pool.
   *
   * @param buffer Where the value lies
   */
  static constant(buffer: PooledBuffer, numel: number, dtype: DType, label: string): Storage {
    const storage = Storage.lent(buffer, numel, dtype, label);
    storage.#constant = true;
    return storage;
  }

  /**
   * A storage in memory that it shares with others.
   *
   * @param slab That memory
   * @param at Its first element there
   */
  static within(slab: Slab, at: number, numel: number, label: string): Storage {
    const storage = new Storage(numel, slab.all.dtype, label);
    storage.#enter(slab, at);
    return storage;
  }

  /** The memory that it shares with others and its first element there, or `null` when it has a buffer of its own. */
  get place(): { readonly slab: Slab; readonly at: number } | null {
    return this.#place;
  }

  /** Whether {@link moveInto} can be called: it has a buffer of its own, and a value that can change. */
  get movable(): boolean {
    return this.#place === null && !this.#lent && !this.#constant && this.#references > 0 && this.numel > 0;
  }

  /**
   * Moves the value into memory that it shares with others.
   *
   * @param slab That memory
   * @param at Its first element there
   */
  moveInto(slab: Slab, at: number): void {
    const own = this.buffer;
    this.#enter(slab, at);
    this.device.recorder.copy(own, 0, this.#buffer!, 0, Math.ceil(this.bytes / 4) * 4);
    this.device.pool.release(own);
  }

  #enter(slab: Slab, at: number): void {
    const { storage } = slab.all;
    this.#place = { slab, at };
    this.#buffer = this.device.pool.part(storage.buffer, byteLength(this.dtype, at), this.bytes, this.label);
    slab.enter();
  }

  /** Whether it can never be changed. */
  get constant(): boolean {
    return this.#constant;
  }

  /** Moves the value out of a buffer that a replay is about to write to. */
  settle(): void {
    if (!this.#lent || this.#references === 0) return;
    const from = this.#buffer!;
    this.#buffer = this.device.pool.acquire(Math.max(this.bytes, 4), this.label);
    this.#lent = false;
    this.device.recorder.copy(from, 0, this.#buffer, 0, Math.ceil(this.bytes / 4) * 4);
  }

  /** Moves the value into a buffer that a replay owns. */
  lendTo(buffer: PooledBuffer): void {
    const own = this.buffer;
    this.device.recorder.copy(own, 0, buffer, 0, Math.ceil(this.bytes / 4) * 4);
    if (!this.#lent) this.device.pool.release(own);
    this.#buffer = buffer;
    this.#lent = true;
  }

  /** Whether it has been given back. */
  get released(): boolean {
    return this.#references === 0;
  }

  /** Whether more than one holder refers to it. */
  get shared(): boolean {
    return this.#references > 1;
  }

  /** The buffer with the value; records the pending work, or takes an empty buffer for an op to fill. */
  get buffer(): PooledBuffer {
    if (this.#isOlderThanRecording) watching.by!.outside(() => void this.buffer);
    if (this.#buffer === null) {
      if (this.#references === 0) throw new Error(`Cannot read a tensor of ${this.label}: it is disposed`);
      const bytes = Math.max(this.bytes, 4), { pool } = this.device;
      this.#buffer = this.lasting ? pool.acquireExactly(bytes, this.label) : pool.acquire(bytes, this.label);
      const pending = this.#pending;
      if (pending !== null) {
        try {
          pending.record(this);
        } catch (error) {
          // Without its value the buffer must not be taken for it.
          this.device.pool.release(this.#buffer);
          this.#buffer = null;
          throw error;
        }
        this.#pending = this.#describedIn = null;
        this.#stopReading();
        pending.release();
      }
    }
    watching.by?.uses(this);
    return this.#buffer;
  }

  /** Fills it from the host, in a buffer that no recorded work uses. */
  upload(bytes: ArrayBufferView<ArrayBuffer>): void {
    const { pool, recorder } = this.device;
    this.bounds = null;
    this.#buffer ??= pool.acquire(Math.max(this.bytes, 4), this.label, recorder.batch);
    recorder.write(this.#buffer, bytes);
  }

  /** Prepares a write in place: chains that still want the old value are recorded first. */
  willChange(): void {
    if (this.#constant) throw new Error(`Cannot change a tensor of ${this.label} in place: it is a constant`);
    watching.by?.changes(this);
    if (isOpen()) void this.buffer;
    if (this.#readers !== null) {
      const readers = this.#readers;
      this.#readers = null;
      for (const reader of readers) if (reader.#pending !== null) void reader.buffer;
    }
    this.version++;
    this.bounds = null;
  }

  /** Notes that a pending chain reads this storage, until that is recorded or given up. */
  addReader(reader: Storage): void {
    (this.#readers ??= new Set()).add(reader);
    (reader.#reads ??= []).push(this);
  }

  #stopReading(): void {
    if (this.#reads === null) return;
    for (const storage of this.#reads) storage.#readers?.delete(this);
    this.#reads = null;
  }

  /** Another holder. */
  retain(): this {
    if (this.#references === 0) throw new Error(`Cannot share a tensor of ${this.label}: it is disposed`);
    this.#references++;
    return this;
  }

  /** One holder less; the last one gives the buffer back. */
  release(): void {
    if (this.#references === 0) return;
    if (--this.#references > 0) return;
    if (this.#place !== null) {
      this.device.pool.dropPart(this.#buffer!);
      this.#place.slab.leave();
      this.#place = null;
    } else if (this.#buffer !== null && !this.#lent) this.device.pool.release(this.#buffer);
    this.#buffer = null;
    this.#stopReading();
    this.#pending?.release();
    this.#pending = this.#describedIn = null;
  }
}
