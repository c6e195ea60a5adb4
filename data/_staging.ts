import type { HostArrays, HostDType } from "../tensor/host.ts";
import { f16ArrayOf } from "../tensor/half.ts";

/** The most bytes that wait for use again, unless one step alone takes more. */
const MOST_BYTES = 256 * 2 ** 20;

/** Smaller arrays cost less to make than to keep. */
const LEAST_BYTES = 4096;

/**
 * Host memory of batches, to be used again: making and clearing megabytes for each batch takes longer than filling
 * them.
 *
 * Sizes repeat from batch to batch, so a free buffer is taken only for exactly its size.
 */
export class StagingPool {
  readonly #free: Map<number, ArrayBuffer[]> = new Map();
  readonly #lent: WeakSet<ArrayBuffer> = new WeakSet();
  #bytes = 0;

  /** A buffer with any content. */
  take(bytes: number): ArrayBuffer {
    const free = this.#free.get(bytes)?.pop();
    if (free !== undefined) this.#bytes -= bytes;
    const buffer = free ?? new ArrayBuffer(bytes);
    this.#lent.add(buffer);
    return buffer;
  }

  /** Counts a buffer that came from elsewhere among those that may be taken back. */
  adopt(buffer: ArrayBuffer): void {
    this.#lent.add(buffer);
  }

  /** Whether a buffer was taken from here and not given back. */
  lends(buffer: ArrayBuffer): boolean {
    return this.#lent.has(buffer);
  }

  /** Takes a buffer back, which nobody may use any more; it is forgotten where enough wait. */
  give(buffer: ArrayBuffer): void {
    const bytes = buffer.byteLength;
    this.#lent.delete(buffer);
    if (bytes < LEAST_BYTES || this.#bytes + bytes > MOST_BYTES) return;
    const free = this.#free.get(bytes);
    if (free === undefined) this.#free.set(bytes, [buffer]);
    else free.push(buffer);
    this.#bytes += bytes;
  }

  /** All that waits, taken out. */
  drain(): ArrayBuffer[] {
    const all = [...this.#free.values()].flat();
    this.#free.clear();
    this.#bytes = 0;
    return all;
  }
}

const BYTES: Readonly<Record<HostDType, number>> = { f32: 4, i32: 4, u32: 4, f16: 2, bf16: 2, bool: 1, u8: 1 };

/** Elements of a type over a new buffer of `take`. */
export function arrayOver<D extends HostDType>(
  dtype: D,
  length: number,
  take: (bytes: number) => ArrayBuffer,
): HostArrays[D] {
  const buffer = take(length * BYTES[dtype]);
  const array = dtype === "f32"
    ? new Float32Array(buffer)
    : dtype === "i32"
    ? new Int32Array(buffer)
    : dtype === "u32"
    ? new Uint32Array(buffer)
    : dtype === "f16"
    ? f16ArrayOf(new Uint16Array(buffer))
    : dtype === "bf16"
    ? new Uint16Array(buffer)
    : new Uint8Array(buffer);
  // TypeScript does not follow the choice by `dtype` into the type parameter.
  return array as HostArrays[D];
}

/** Every buffer of the arrays in a value, each once: what can move to another thread, or be used again. */
export function buffersIn(value: unknown, into: Set<ArrayBuffer> = new Set()): Set<ArrayBuffer> {
  if (typeof value !== "object" || value === null) return into;
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) into.add(value.buffer);
  } else if (value instanceof ArrayBuffer) into.add(value);
  else if (Array.isArray(value)) {
    // Lists of numbers or strings may be long, and all their elements are of a kind.
    if (typeof value[0] === "object") { for (const item of value) buffersIn(item, into); }
  } else if (isPlain(value)) { for (const key in value) buffersIn(value[key], into); }
  return into;
}

function isPlain(value: object): value is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
