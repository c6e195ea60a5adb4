/**
 * What can go wrong on a device, as types.
 *
 * @module
 */

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

/** The device ran out of memory; the failed tensors are unusable, everything else goes on. */
export class OutOfMemoryError extends Error {
  /** Name of the class. */
  override name = "OutOfMemoryError";
  /** Bytes that were asked for, 0 if unknown. */
  readonly bytes: number;

  /**
   * Waits throw it; the library makes it.
   *
   * @param message What was attempted
   * @param bytes Bytes that were asked for, 0 if unknown
   */
  constructor(message: string, bytes = 0) {
    super(message);
    this.bytes = bytes;
  }
}

/** The device is gone (driver reset, unplugged, destroyed); every pending and later wait is rejected with this. */
export class DeviceLostError extends Error {
  /** Name of the class. */
  override name = "DeviceLostError";
}
