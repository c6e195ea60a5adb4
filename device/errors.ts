/**
 * What can go wrong on a device, as types.
 *
 * @module
 */
import type { MemoryReport } from "./pool.ts";

/** No usable WebGPU adapter was found; the message says what was tried and what to do. */
export class NoAdapterError extends Error {
  /** Name of the class. */
  override name = "NoAdapterError";
}

/** A kernel was refused by the driver's compiler or by WebGPU's validation. */
export class KernelError extends Error {
  /** Name of the class. */
  override name = "KernelError";
  /** The operation whose kernel failed. */
  readonly op: string;
  /** The offending WGSL line where the compiler named one, else empty. */
  readonly line: string;
  /** Shapes of the tensors it was first compiled for, where known. */
  readonly shapes: readonly (readonly number[])[];

  /**
   * Waits throw it; the library makes it.
   *
   * @param op The operation whose kernel failed
   * @param message What the compiler or the validation said
   * @param line The offending WGSL line, if known
   * @param shapes Shapes of the tensors it was first compiled for, if known
   */
  constructor(op: string, message: string, line = "", shapes: readonly (readonly number[])[] = []) {
    super(message);
    this.op = op;
    this.line = line;
    this.shapes = shapes;
  }
}

/**
 * Memory on the device does not suffice: a tensor is larger than one binding, the pool's limit is reached, or the
 * driver refused a buffer. The first two are thrown where the memory is wanted, before anything is recorded; what the
 * driver says arrives later and is thrown at the next wait. Tensors that did not come about are unusable, everything
 * else goes on.
 */
export class OutOfMemoryError extends RangeError {
  /** Name of the class. */
  override name = "OutOfMemoryError";
  /** The operation that wanted the memory, empty if unknown. */
  readonly op: string;
  /** Bytes that were asked for, 0 if unknown. */
  readonly bytes: number;
  /** What was held at that moment, if known. */
  readonly memory: MemoryReport | null;

  /**
   * The library makes it.
   *
   * @param message What was attempted
   * @param op The operation that wanted the memory, empty if unknown
   * @param bytes Bytes that were asked for, 0 if unknown
   * @param memory What was held at that moment, if known
   */
  constructor(message: string, op = "", bytes = 0, memory: MemoryReport | null = null) {
    super(message);
    this.op = op;
    this.bytes = bytes;
    this.memory = memory;
  }
}

/** The device is gone (driver reset, unplugged, destroyed); every pending and later wait is rejected with this. */
export class DeviceLostError extends Error {
  /** Name of the class. */
  override name = "DeviceLostError";
}
