import { checkNames } from "../../device/option_names.ts";
import type { DType } from "../../tensor/dtype.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { normalizeDim } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { keyText } from "../_keys.ts";
import { takeAlongDim } from "../gather/gather.ts";
import { type ScanAttrs, scanInto, type ScanOptions } from "./_scan.ts";

interface Attrs extends ScanAttrs {
  readonly name: "cummax" | "cummin";
}

/** What is carried along is the best key so far and its place; what is stored is the place, −1 where there is none. */
function functionsFor(dtype: DType, smallest: boolean): Record<string, string> {
  return {
    start: "fn start() -> Acc { return Acc(0u, 0xffffffffu); }",
    combine: "fn combine(a: Acc, b: Acc) -> Acc { return select(a, b, b.x >= a.x && b.y != 0xffffffffu); }",
    load: `fn load(base: u32, r: u32) -> Acc {
  let word = x[base + r * params.inner];
  return Acc(${keyText(dtype, smallest, "word")}, r);
}`,
    store: "fn store(v: Acc) -> Out { return bitcast<i32>(v.y); }",
    restore: `fn restore(v: Out, base: u32) -> Acc {
  if (v < 0) {
    return start();
  }
  return load(base, u32(v));
}`,
  };
}

const placeOp: Op<Attrs> = {
  name: "cummax",
  infer: ([x]) => ({ shape: x!.shape, dtype: "i32" }),
  forward: ([x], attrs, [y]) => {
    const functions = functionsFor(x!.dtype, attrs.name === "cummin");
    scanInto(attrs.name, { read: "u32", carry: "vec2u", vectors: false, functions }, x!, attrs, y);
  },
  grad: null,
};

function extremes(name: Attrs["name"], x: Tensor, options: ScanOptions): [Tensor, Tensor] {
  checkNames(`compute ${name}`, options, { dim: "required" });
  if (x.dtype === "bool") throw new TypeError(`Cannot compare in ${name}: elements must be numbers, they are bool`);
  const dim = normalizeDim(name, options.dim, x.ndim);
  const places = apply({ ...placeOp, name }, [x], { name, dim, reversed: false });
  return [x.numel === 0 ? x : takeAlongDim(x, places, { dim }), places];
}

/**
 * The largest of all elements up to each, along an axis, and where it stands. Of equal elements the last counts; a NaN
 * is the largest. The gradient goes to the places.
 *
 * @param x Any shape, numbers
 * @param options The axis
 * @returns Values, and places in i32, both of the shape of x
 * @throws {RangeError} If the axis does not exist
 * @throws {TypeError} If the elements are booleans
 *
 * @example
 * ```ts
 * import { cummax, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [values, places] = cummax(tensor([1, 3, 2, 5]), { dim: 0 });
 * console.log(await values.array(), await places.array()); // [1, 3, 3, 5] [0, 1, 1, 3]
 * ```
 */
export function cummax(x: Tensor, options: ScanOptions): [values: Tensor, places: Tensor] {
  return extremes("cummax", x, options);
}

/**
 * The smallest of all elements up to each, along an axis, and where it stands. Of equal elements the last counts; a NaN
 * is the smallest. The gradient goes to the places.
 *
 * @param x Any shape, numbers
 * @param options The axis
 * @returns Values, and places in i32, both of the shape of x
 * @throws {RangeError} If the axis does not exist
 * @throws {TypeError} If the elements are booleans
 *
 * @example
 * ```ts
 * import { cummin, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [values, places] = cummin(tensor([4, 3, 5, 3]), { dim: 0 });
 * console.log(await values.array(), await places.array()); // [4, 3, 3, 3] [0, 1, 1, 3]
 * ```
 */
export function cummin(x: Tensor, options: ScanOptions): [values: Tensor, places: Tensor] {
  return extremes("cummin", x, options);
}
