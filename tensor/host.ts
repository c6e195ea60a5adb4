import type { F16Array } from "./half.ts";
import { hasFloat16Array } from "./half.ts";
import { ShapeError, showShape } from "./errors.ts";
import { checkShape, numel } from "./shape.ts";

/**
 * The typed array that holds each element type on the host.
 *
 * `bool` has one byte an element, 0 or 1; `bf16` its bits; `f16` is a `Float16Array` where the runtime has it, else
 * bits. `u8` exists on the host only (image bytes before they are scaled); tensors on the GPU have no such type.
 */
export interface HostArrays<B extends ArrayBufferLike = ArrayBuffer> {
  /** 32-bit floats. */
  f32: Float32Array<B>;
  /** IEEE halves, or their bits. */
  f16: F16Array<B>;
  /** Bits of bfloat16. */
  bf16: Uint16Array<B>;
  /** Signed 32-bit integers. */
  i32: Int32Array<B>;
  /** Unsigned 32-bit integers. */
  u32: Uint32Array<B>;
  /** 0 or 1, one byte each. */
  bool: Uint8Array<B>;
  /** Bytes, on the host only. */
  u8: Uint8Array<B>;
}

/** Element types of arrays on the host: those of tensors, and bytes. */
export type HostDType = keyof HostArrays;

/** An array on the host with its element type and shape (row-major), as files and data loaders give it. */
export type HostTensor<D extends HostDType = HostDType> = {
  [K in D]: {
    /** Element type; tells which typed array `data` is. */
    readonly dtype: K;
    /** Sizes of the axes, outermost first; `[]` is a scalar. */
    readonly shape: readonly number[];
    /** The elements in row-major order. */
    readonly data: HostArrays[K];
  };
}[D];

/**
 * Whether a typed array can hold elements of a type on this runtime.
 *
 * @example
 * ```ts
 * import { isHostArray } from "./host.ts";
 * console.assert(isHostArray("i32", Int32Array.of(1)) && !isHostArray("i32", Float32Array.of(1)));
 * ```
 */
export function isHostArray<D extends HostDType>(dtype: D, data: unknown): data is HostArrays[D] {
  switch (dtype) {
    case "f32":
      return data instanceof Float32Array;
    case "i32":
      return data instanceof Int32Array;
    case "u32":
      return data instanceof Uint32Array;
    case "f16":
      return data instanceof Uint16Array || (hasFloat16Array && data instanceof Float16Array);
    case "bf16":
      return data instanceof Uint16Array;
    case "bool":
    case "u8":
      return data instanceof Uint8Array;
  }
  return false;
}

/**
 * Whether a value is a {@link HostTensor}: it has an element type, a shape, and the typed array that belongs to it.
 *
 * @example
 * ```ts
 * import { hostTensor, isHostTensor } from "@fulgurite/core";
 * console.assert(isHostTensor(hostTensor(new Float32Array(6), { dtype: "f32", shape: [2, 3] })));
 * ```
 */
export function isHostTensor(value: unknown): value is HostTensor {
  if (typeof value !== "object" || value === null) return false;
  const { dtype, shape, data } = value as Partial<HostTensor>;
  return typeof dtype === "string" && Array.isArray(shape) && isHostArray(dtype, data);
}

/**
 * Joins a typed array with its element type and shape; without a copy, unless its memory is shared between threads.
 *
 * @throws {TypeError} if the array is not the one that {@link HostArrays} names for the type
 * @throws {ShapeError} if the shape does not hold as many elements as the array
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * const images = hostTensor(new Uint8Array(2 * 28 * 28), { dtype: "u8", shape: [2, 1, 28, 28] });
 * console.assert(images.shape[0] === 2);
 * ```
 */
export function hostTensor<D extends HostDType>(
  data: HostArrays<ArrayBufferLike>[D],
  options: {
    /** Element type. */
    dtype: D;
    /** Sizes of the axes; one axis by default. */
    shape?: readonly number[];
  },
): HostTensor<D>;
/** Without `dtype` a `Float32Array` is f32, an `Int32Array` i32, a `Uint32Array` u32 and a `Uint8Array` u8. */
export function hostTensor<A extends Float32Array | Int32Array | Uint32Array | Uint8Array>(
  data: A,
  options?: { shape?: readonly number[] },
): HostTensor<A extends Float32Array ? "f32" : A extends Int32Array ? "i32" : A extends Uint32Array ? "u32" : "u8">;
export function hostTensor(
  data: HostArrays<ArrayBufferLike>[HostDType],
  { dtype, shape = [data.length] }: { dtype?: HostDType; shape?: readonly number[] } = {},
): HostTensor {
  const own = dtype ?? (["f32", "i32", "u32", "u8"] as const).find((type) => isHostArray(type, data));
  if (own === undefined || !isHostArray(own, data)) {
    const got = (data as { constructor?: { name?: string } } | null)?.constructor?.name ?? typeof data;
    const why = own === undefined
      ? `dtype must be given for a ${got}`
      : `${own} elements need their own typed array, got ${got}`;
    throw new TypeError(`Cannot make a host tensor in hostTensor: ${why}`);
  }
  checkShape("hostTensor", shape);
  if (numel(shape) !== data.length) {
    throw new ShapeError(
      "hostTensor",
      `Cannot make a host tensor in hostTensor: the shape must hold all elements, shape ${showShape(shape)} holds ` +
        `${numel(shape)} and the array ${data.length}`,
      [shape],
    );
  }
  // TypeScript does not see that a type and its array belong together.
  return { dtype: own, shape, data: data.buffer instanceof ArrayBuffer ? data : data.slice() } as HostTensor;
}
