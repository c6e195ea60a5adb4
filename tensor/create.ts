import { isOpen } from "../device/mod.ts";
import { checkNames } from "../device/option_names.ts";
import { waitsForDevice } from "./before_device.ts";
import { checkDType, type DType, isFloat, isHalf, numberDType } from "./dtype.ts";
import { ShapeError, showShape } from "./errors.ts";
import { f16BitsOf, f32ToBf16, f32ToF16, hasFloat16Array } from "./half.ts";
import { type HostTensor, isHostTensor } from "./host.ts";
import { checkShape, numel, type Shape } from "./shape.ts";
import { Storage } from "./storage.ts";
import { type NestedArray, Tensor } from "./tensor.ts";

/** What a tensor can be made from. */
export type TensorData =
  | NestedArray
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | HostTensor;

/** How to make a tensor from host data. */
export interface TensorOptions {
  /**
   * Element type. Default: f32 for floats and for numbers of which one is not whole, i32 for whole numbers and integer
   * arrays, u32 for `Uint32Array`, bool for booleans; a host tensor's own type.
   */
  dtype?: DType;
  /** Sizes of the axes; default: those of the nesting, or one axis for a typed array. */
  shape?: Shape;
  /** Whether gradients are wanted; default false. */
  requiresGrad?: boolean;
}

/**
 * Copies numbers to the device.
 *
 * @param data A number, nested arrays, a typed array, or a {@link HostTensor}
 * @param options Element type, shape, and whether gradients are wanted
 * @returns The tensor
 * @throws {ShapeError} If nested arrays are ragged, or the shape does not hold all elements
 * @throws {TypeError} If the data is none of these
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([[1, 2.5], [3, 4]]); // f32 [2, 2]
 * const b = tensor(new Float32Array(6), { shape: [2, 3] });
 * const c = tensor([1, 2, 3]); // i32 [3]; say { dtype: "f32" } for floats
 * console.log(a.dtype, b.shape, c.dtype);
 * ```
 */
export function tensor(data: TensorData, options: TensorOptions = {}): Tensor {
  checkNames("make a tensor in tensor", options, { dtype: true, shape: true, requiresGrad: true });
  const source = sourceOf(data);
  const dtype = options.dtype ?? source.dtype;
  checkDType("tensor", dtype);
  const shape = options.shape ?? source.shape;
  checkShape("tensor", shape);
  if (numel(shape) !== source.numel) {
    throw new ShapeError(
      "tensor",
      `Cannot make a tensor in tensor: the shape must hold all elements, shape ${showShape(shape)} holds ${
        numel(shape)
      } and the data ${source.numel}`,
      [shape],
    );
  }
  if (options.requiresGrad && !isFloat(dtype)) {
    const hint = options.dtype === undefined && dtype === "i32" ? '; say { dtype: "f32" }' : "";
    throw new TypeError(`Cannot require gradients: only floating-point tensors have them, this one is ${dtype}${hint}`);
  }
  const storage = new Storage(source.numel, dtype, "tensor");
  const t = new Tensor({ shape: [...shape], storage, requiresGrad: options.requiresGrad });
  if (source.numel > 0) {
    const words = source.words(dtype);
    write(t, words);
    if (words instanceof Int32Array) storage.bounds = boundsOf(words);
  }
  return t;
}

/** Uploads words into a tensor; before a device is open a copy of them, when one is. */
export function write(t: Tensor, words: ArrayBufferView<ArrayBuffer>): void {
  if (isOpen()) return t.storage.upload(words);
  const { buffer, byteOffset, byteLength } = words;
  const copy = new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength));
  waitsForDevice([t], ([held]) => held.storage.upload(copy));
}

function boundsOf(values: Int32Array): { min: number; max: number } {
  let min = values[0], max = min;
  for (let i = 1; i < values.length; i++) {
    const value = values[i];
    if (value < min) min = value;
    else if (value > max) max = value;
  }
  return { min, max };
}

/** Host data as the device stores it in a type: its words, and the shape it has of its own. */
export function words(
  data: TensorData,
  dtype: DType,
): { shape: Shape; numel: number; words: ArrayBufferView<ArrayBuffer> } {
  const source = sourceOf(data);
  return { shape: source.shape, numel: source.numel, words: source.words(dtype) };
}

interface Source {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly numel: number;
  /** The elements as the device stores them in `dtype`. */
  words(dtype: DType): ArrayBufferView<ArrayBuffer>;
}

function sourceOf(data: TensorData): Source {
  if (isHostTensor(data)) return hostSource(data);
  if (ArrayBuffer.isView(data)) {
    const dtype: DType = data instanceof Float32Array || data instanceof Float64Array
      ? "f32"
      : data instanceof Uint32Array
      ? "u32"
      : "i32";
    return { shape: [data.length], dtype, numel: data.length, words: (to) => toWords(data, dtype, to) };
  }
  if (hasFloat16Array && data as unknown instanceof Float16Array) {
    return hostSource(
      { dtype: "f16", shape: [(data as unknown as Float16Array).length], data } as unknown as HostTensor,
    );
  }
  const shape: number[] = [];
  for (let level: unknown = data; Array.isArray(level); level = level[0]) shape.push(level.length);
  const flat = new Float64Array(numel(shape));
  let at = 0, bools = 0, whole = true;
  const visit = (value: unknown, depth: number): void => {
    if (Array.isArray(value)) {
      if (depth >= shape.length || value.length !== shape[depth]) {
        throw new ShapeError(
          "tensor",
          `Cannot make a tensor in tensor: nested arrays must be equally long, found ${value.length} elements at depth ` +
            `${depth}, expected shape ${showShape(shape)}`,
          [shape],
        );
      }
      for (const item of value) visit(item, depth + 1);
      return;
    }
    if (depth !== shape.length || (typeof value !== "number" && typeof value !== "boolean")) {
      throw depth === shape.length
        ? new TypeError(`Cannot make a tensor in tensor: elements must be numbers or booleans, got ${typeof value}`)
        : new ShapeError(
          "tensor",
          `Cannot make a tensor in tensor: nested arrays must be equally deep, expected shape ${showShape(shape)}`,
          [shape],
        );
    }
    if (typeof value === "boolean") bools++;
    else if (whole && numberDType(value) !== "i32") whole = false;
    flat[at++] = Number(value);
  };
  visit(data, 0);
  const dtype: DType = at === 0 ? "f32" : bools === at ? "bool" : whole ? "i32" : "f32";
  return { shape, dtype, numel: at, words: (to) => toWords(flat, dtype, to) };
}

function hostSource({ dtype, shape, data }: HostTensor): Source {
  // Objects of this form are also made by hand, and come from other threads.
  checkShape("tensor", shape);
  if (numel(shape) !== data.length) {
    throw new ShapeError(
      "tensor",
      `Cannot use a host tensor: its shape must hold all elements, shape ${showShape(shape)} holds ${numel(shape)} ` +
        `and the array ${data.length}`,
      [shape],
    );
  }
  const own: DType = dtype === "u8" ? "i32" : dtype;
  return {
    shape,
    dtype: own,
    numel: data.length,
    words: (to) => {
      if (dtype === to && isHalf(to)) return f16BitsOf(data as Uint16Array) as Uint16Array<ArrayBuffer>;
      if (dtype === "bf16") {
        const bits = data as Uint16Array;
        const wide = new Uint32Array(bits.length);
        for (let i = 0; i < bits.length; i++) wide[i] = bits[i] << 16;
        return toWords(new Float32Array(wide.buffer), "f32", to);
      }
      if (dtype === "f16" && data instanceof Uint16Array) {
        throw new TypeError("Cannot convert f16 bits in tensor: this runtime has no Float16Array, keep the dtype f16");
      }
      return toWords(data, own, to);
    },
  };
}

function toWords(data: ArrayLike<number>, from: DType, to: DType): ArrayBufferView<ArrayBuffer> {
  switch (to) {
    case "f32":
      return data instanceof Float32Array ? data as Float32Array<ArrayBuffer> : Float32Array.from(data);
    case "f16":
      return f32ToF16(data);
    case "bf16":
      return f32ToBf16(data);
    case "i32":
      return data instanceof Int32Array ? data as Int32Array<ArrayBuffer> : Int32Array.from(data);
    case "u32":
      return data instanceof Uint32Array ? data as Uint32Array<ArrayBuffer> : Uint32Array.from(data);
    case "bool":
      return Uint32Array.from(data, (value) => from === "bool" ? value : Number(value !== 0));
  }
}
