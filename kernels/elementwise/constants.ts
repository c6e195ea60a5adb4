import { checkNames } from "../../device/option_names.ts";
import { checkDType, type DType, isFloat } from "../../tensor/dtype.ts";
import { checkShape, type Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { generate } from "./define.ts";
import { registerOf } from "./register.ts";

/** Type and role of a new tensor. */
export interface CreationOptions {
  /** Element type; default f32. */
  dtype?: DType;
  /** Whether gradients are wanted; default false. */
  requiresGrad?: boolean;
}

/** Type and role of a new tensor of another's shape. */
export interface LikeOptions {
  /** Element type; default that of the other tensor. */
  dtype?: DType;
  /** Whether gradients are wanted; default false. */
  requiresGrad?: boolean;
}

/** The element type that options ask for; throws for options and types that do not exist. */
function checkedType(op: string, options: CreationOptions, otherwise: DType): DType {
  checkNames(`make a tensor in ${op}`, options, { dtype: true, requiresGrad: true });
  const dtype = options.dtype ?? otherwise;
  checkDType(op, dtype);
  return dtype;
}

/** Asks for gradients of a new tensor, if they are wanted. */
export function asLeaf(t: Tensor, wanted: boolean | undefined): Tensor {
  if (wanted) t.requiresGrad = true;
  return t;
}

/**
 * A tensor of equal elements.
 *
 * @param shape Sizes of the axes
 * @param value The element
 * @param options Type (default: f32) and whether gradients are wanted
 * @returns The tensor
 * @throws {ShapeError} If a size is not a whole number from 0 on
 *
 * @example
 * ```ts
 * import { full, init } from "@fulgurite/core";
 *
 * await init();
 * console.log(await full([2, 2], 7).array()); // [[7, 7], [7, 7]]
 * ```
 */
export function full(shape: Shape, value: number, options: CreationOptions = {}): Tensor {
  checkShape("full", shape);
  const dtype = checkedType("full", options, "f32");
  const t = generate("full", "x", { shape: [...shape], dtype }, [{ value, as: registerOf(dtype) }]);
  return asLeaf(t, options.requiresGrad);
}

/**
 * A tensor of zeros.
 *
 * @param shape Sizes of the axes
 * @param options Type (default: f32) and whether gradients are wanted
 * @returns The tensor
 * @throws {ShapeError} If a size is not a whole number from 0 on
 *
 * @example
 * ```ts
 * import { init, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(await zeros([3]).array()); // [0, 0, 0]
 * ```
 */
export function zeros(shape: Shape, options: CreationOptions = {}): Tensor {
  return full(shape, 0, options);
}

/**
 * A tensor of ones.
 *
 * @param shape Sizes of the axes
 * @param options Type (default: f32) and whether gradients are wanted
 * @returns The tensor
 * @throws {ShapeError} If a size is not a whole number from 0 on
 *
 * @example
 * ```ts
 * import { init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(await ones([3]).array()); // [1, 1, 1]
 * ```
 */
export function ones(shape: Shape, options: CreationOptions = {}): Tensor {
  return full(shape, 1, options);
}

/**
 * A tensor of equal elements, of the shape and type of another.
 *
 * @param x The other tensor
 * @param value The element
 * @param options Another type, and whether gradients are wanted
 * @returns The tensor
 *
 * @example
 * ```ts
 * import { fullLike, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await fullLike(tensor([1, 2]), 7).array()); // [7, 7]
 * ```
 */
export function fullLike(x: Tensor, value: number, options: LikeOptions = {}): Tensor {
  return full(x.shape, value, { ...options, dtype: options.dtype ?? x.dtype });
}

/**
 * A tensor of zeros, of the shape and type of another.
 *
 * @param x The other tensor
 * @param options Another type, and whether gradients are wanted
 * @returns The tensor
 *
 * @example
 * ```ts
 * import { init, tensor, zerosLike } from "@fulgurite/core";
 *
 * await init();
 * console.log(await zerosLike(tensor([1, 2])).array()); // [0, 0]
 * ```
 */
export function zerosLike(x: Tensor, options: LikeOptions = {}): Tensor {
  return fullLike(x, 0, options);
}

/**
 * A tensor of ones, of the shape and type of another.
 *
 * @param x The other tensor
 * @param options Another type, and whether gradients are wanted
 * @returns The tensor
 *
 * @example
 * ```ts
 * import { init, onesLike, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await onesLike(tensor([5, 6])).array()); // [1, 1]
 * ```
 */
export function onesLike(x: Tensor, options: LikeOptions = {}): Tensor {
  return fullLike(x, 1, options);
}

/**
 * The identity matrix: ones on the main diagonal, zeros elsewhere.
 *
 * @param rows Number of rows
 * @param columns Number of columns; default as many as rows
 * @param options Type (default: f32) and whether gradients are wanted
 * @returns A tensor of shape [rows, columns]
 * @throws {ShapeError} If a size is not a whole number from 0 on
 *
 * @example
 * ```ts
 * import { eye, init } from "@fulgurite/core";
 *
 * await init();
 * console.log(await eye(2).array()); // [[1, 0], [0, 1]]
 * ```
 */
export function eye(rows: number, columns: number = rows, options: CreationOptions = {}): Tensor {
  checkShape("eye", [rows, columns]);
  const dtype = checkedType("eye", options, "f32");
  const register = registerOf(dtype);
  const on = "i / x == i % x";
  const f = register === "bool" ? `(${on})` : `select(${register}(0), ${register}(1), ${on})`;
  return asLeaf(
    generate("eye", f, { shape: [rows, columns], dtype }, [{ value: columns, as: "u32" }]),
    options.requiresGrad,
  );
}

/**
 * Numbers from `start` on, `step` apart, up to but without `end`. Called with one number, that is the end, and the
 * start is 0.
 *
 * @param start The first number
 * @param end Where to stop
 * @param step The distance; default 1
 * @param options Type (default: i32 if all three are whole, else f32) and whether gradients are wanted
 * @returns A tensor of one axis
 * @throws {RangeError} If the step is 0 or leads away from the end
 *
 * @example
 * ```ts
 * import { arange, init } from "@fulgurite/core";
 *
 * await init();
 * console.log(await arange(4).array()); // [0, 1, 2, 3]
 * console.log(await arange(1, 2, 0.25).array()); // [1, 1.25, 1.5, 1.75]
 * ```
 */
export function arange(start: number, end?: number, step: number = 1, options: CreationOptions = {}): Tensor {
  const [from, until] = end === undefined ? [0, start] : [start, end];
  const size = Math.ceil((until - from) / step);
  if (!Number.isFinite(size) || size < 0) {
    throw new RangeError(
      `Cannot count in arange: the step must lead from start to end, got ${from} to ${until} by ${step}`,
    );
  }
  const whole = [from, until, step].every(Number.isInteger);
  const dtype = checkedType("arange", options, whole ? "i32" : "f32");
  const as = isFloat(dtype) ? "f32" : "i32";
  // f32 numbers beyond 2^24 would not be whole; differences of whole numbers are computed as such.
  const f = as === "f32" && Number.isInteger(from) && Number.isInteger(step)
    ? "f32(i32(x) + i32(i) * i32(y))"
    : `(x + ${as}(i) * y)`;
  const converted = dtype === "u32" ? `u32${f}` : dtype === "bool" ? `(${f} != 0)` : f;
  const t = generate("arange", converted, { shape: [size], dtype }, [{ value: from, as }, { value: step, as }]);
  return asLeaf(t, options.requiresGrad);
}

/**
 * `steps` numbers from `start` to `end`, both included, equally far apart.
 *
 * @param start The first number
 * @param end The last number
 * @param steps How many
 * @param options Type (default: f32) and whether gradients are wanted
 * @returns A tensor of one axis
 * @throws {RangeError} If `steps` is not a whole number from 0 on
 *
 * @example
 * ```ts
 * import { init, linspace } from "@fulgurite/core";
 *
 * await init();
 * console.log(await linspace(0, 1, 5).array()); // [0, 0.25, 0.5, 0.75, 1]
 * ```
 */
export function linspace(start: number, end: number, steps: number, options: CreationOptions = {}): Tensor {
  if (!Number.isInteger(steps) || steps < 0) {
    throw new RangeError(`Cannot divide in linspace: steps must be a whole number from 0 on, got ${steps}`);
  }
  const dtype = checkedType("linspace", options, "f32");
  // From both ends towards the middle, so that both come out exactly.
  const f = "select(y - f32(u - i) * z, x + f32(i) * z, 2u * i < u)";
  const register = registerOf(dtype);
  const converted = register === "f32" ? f : register === "bool" ? `(${f} != 0.0)` : `${register}(${f})`;
  const t = generate("linspace", converted, { shape: [steps], dtype }, [
    { value: start, as: "f32" },
    { value: end, as: "f32" },
    { value: steps > 1 ? (end - start) / (steps - 1) : 0, as: "f32" },
    { value: Math.max(steps - 1, 1), as: "u32" },
  ]);
  return asLeaf(t, options.requiresGrad);
}
