import { checkNames } from "../../device/option_names.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { normalizeDim } from "../../tensor/shape.ts";
import { checkTensors } from "../../tensor/operands.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { rowsOf } from "../_rows.ts";
import { argInto } from "./_arg.ts";
import { reducedShape, temporary } from "./_reduce.ts";
import { checkNonEmpty } from "./extremum.ts";

/** Which axis is searched, and whether it stays with size 1. */
export interface ArgOptions {
  /** The axis; default: all elements in row-major order. */
  dim?: number;
  /** Keep the axis (without `dim`: all axes) with size 1; default false. */
  keepdim?: boolean;
}

interface ArgAttrs {
  readonly name: "argmax" | "argmin";
  readonly dim: number | null;
  readonly keepdim: boolean;
}

const argOp: Op<ArgAttrs> = {
  name: "argmax",
  half: "reads",
  infer: ([x], { dim, keepdim }) => {
    const dims = dim === null ? x!.shape.map((_, i) => i) : x!.ndim === 0 ? [] : [dim];
    return { shape: reducedShape(x!.shape, { dims, keepdim }), dtype: "i32" };
  },
  forward: ([x], { name, dim }, [y]) => {
    const rows = dim === null || x!.ndim === 0 ? { outer: 1, length: x!.numel, inner: 1 } : rowsOf(x!.shape, dim);
    const values = temporary(y.shape, "u32", name);
    argInto(name, x!, rows, name === "argmin", values, y);
    values.dispose();
  },
  grad: null,
};

function arg(name: ArgAttrs["name"], x: Tensor, options: ArgOptions): Tensor {
  checkNames(`choose in ${name}`, options, { dim: true, keepdim: true });
  const { dim, keepdim = false } = options;
  checkTensors(name, x);
  if (x.dtype === "bool") throw new TypeError(`Cannot compare in ${name}: elements must be numbers, they are bool`);
  const axis = dim === undefined ? null : normalizeDim(name, dim, x.ndim);
  checkNonEmpty(name, x, axis === null ? x.shape.map((_, i) => i) : x.ndim === 0 ? [] : [axis]);
  return apply({ ...argOp, name }, [x], { name, dim: axis, keepdim });
}

/**
 * The place of the largest element. Of equal elements the first counts; a NaN is the largest.
 *
 * @param x Any shape, numbers
 * @param options The axis, and whether it stays; default: the place among all elements in row-major order
 * @returns Indices, i32
 * @throws {ShapeError} If there is no element to choose
 * @throws {TypeError} If the elements are booleans
 *
 * @example
 * ```ts
 * import { argmax, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await argmax(tensor([[1, 5], [4, 3]]), { dim: 1 }).array()); // [1, 0]
 * ```
 */
export function argmax(x: Tensor, options: ArgOptions = {}): Tensor {
  return arg("argmax", x, options);
}

/**
 * The place of the smallest element. Of equal elements the first counts; a NaN is the smallest.
 *
 * @param x Any shape, numbers
 * @param options The axis, and whether it stays; default: the place among all elements in row-major order
 * @returns Indices, i32
 * @throws {ShapeError} If there is no element to choose
 * @throws {TypeError} If the elements are booleans
 *
 * @example
 * ```ts
 * import { argmin, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await argmin(tensor([3, 1, 2])).item()); // 1
 * ```
 */
export function argmin(x: Tensor, options: ArgOptions = {}): Tensor {
  return arg("argmin", x, options);
}
