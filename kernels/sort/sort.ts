import { checkNames } from "../../device/option_names.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { normalizeDim } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { sortKeys } from "../_wgsl.ts";
import { takePlaces, withAxis } from "../gather/gather.ts";
import { reshape } from "../layout/reshape.ts";
import { narrow } from "../layout/slice.ts";
import { transpose } from "../layout/views.ts";
import { firstOf, orderMethod, orderOf, temporary } from "./_order.ts";

/** Which axis is sorted, and how. */
export interface SortOptions {
  /** The axis; default the last. */
  dim?: number;
  /** Largest first; default false. */
  descending?: boolean;
  /** Whether equal elements must keep their order. They always do. */
  stable?: boolean;
}

/** Along which axis, and which end. */
export interface TopkOptions {
  /** The axis; default the last. */
  dim?: number;
  /** The largest, or else the smallest; default true. */
  largest?: boolean;
  /** Whether the result must be in order. It always is. */
  sorted?: boolean;
}

interface Attrs {
  readonly descending: boolean;
  /** How many places of each row are wanted. */
  readonly kept: number;
}

const KEYS: Record<string, string> = {
  i32: "fn key(word: u32) -> u32 {\n  return word ^ 0x80000000u;\n}",
  u32: "fn key(word: u32) -> u32 {\n  return word;\n}",
};

/**
 * Where the elements of the last axis go in order; NaN counts as larger than all numbers, equal ones keep their order.
 */
const argsortOp: Op<Attrs> = {
  name: "sort",
  infer: ([x], { kept }) => ({ shape: [...x!.shape.slice(0, -1), kept], dtype: "i32" }),
  forward: ([x], { descending, kept }, [y]) => {
    const { dtype, numel } = x!, length = x!.shape.at(-1)!, rows = numel / length;
    const keys = temporary([rows, length], "u32", "sort");
    launch(sortKeys, { x: x!, keys }, { count: numel, flip: descending ? 0xffffffff : 0 }, Math.ceil(numel / 64), {
      functions: isFloat(dtype) ? {} : { key: KEYS[dtype === "i32" ? "i32" : "u32"] },
    });
    const { sorted } = kept < length ? firstOf(keys, kept, "sort", y) : orderOf(keys, 32, "sort", { into: y });
    keys.dispose();
    sorted.dispose();
  },
  grad: null,
};

/** The first `kept` places of an axis in order: values and indices, laid out as x. */
function ordered(x: Tensor, axis: number, descending: boolean, kept: number): [Tensor, Tensor] {
  const whole = withAxis(x), last = whole.ndim - 1;
  const rows = transpose(whole, axis, last), length = rows.shape[last];
  // Counting smaller keys makes only what is wanted; digit by digit all are sorted.
  const partial = orderMethod(rows.numel / Math.max(length, 1), length) === "rank";
  let indices = apply(argsortOp, [rows.detach()], { descending, kept: partial ? kept : length });
  if (!partial && kept < length) indices = narrow(indices, { dim: last, start: 0, length: kept });
  const values = takePlaces(rows, indices, { dim: last, unique: true });
  const back = (t: Tensor) => x.ndim === 0 ? reshape(t, []) : transpose(t, axis, last);
  return [back(values), back(indices)];
}

/**
 * Sorts along an axis. NaN counts as larger than all numbers; equal elements keep their order.
 *
 * @param x Any shape
 * @param options The axis, and which way
 * @returns The sorted values, and their places in x as i32
 *
 * @example
 * ```ts
 * import { init, sort, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [values, indices] = sort(tensor([3, 1, 2]));
 * console.log(await values.array(), await indices.array()); // [1, 2, 3] [1, 2, 0]
 * ```
 */
export function sort(x: Tensor, options: SortOptions = {}): [Tensor, Tensor] {
  checkNames("compute sort", options, { dim: true, descending: true, stable: true });
  const { dim = -1, descending = false } = options;
  const axis = normalizeDim("sort", dim, x.ndim);
  return ordered(x, axis, descending, x.shape[axis] ?? 1);
}

/**
 * The places of the elements in order along an axis.
 *
 * @param x Any shape
 * @param options The axis, and which way
 * @returns Places in x, i32 of x's shape
 *
 * @example
 * ```ts
 * import { argsort, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await argsort(tensor([3, 1, 2]), { descending: true }).array()); // [0, 2, 1]
 * ```
 */
export function argsort(x: Tensor, options: SortOptions = {}): Tensor {
  return sort(x.detach(), options)[1];
}

/**
 * The k largest (or smallest) elements along an axis, in order. NaN counts as larger than all numbers; of equal
 * elements the first counts first.
 *
 * @param x Any shape
 * @param k How many, at most as many as there are
 * @param options The axis, and which end
 * @returns The values, and their places in x as i32
 * @throws {RangeError} If there are fewer than k elements
 *
 * @example
 * ```ts
 * import { init, tensor, topk } from "@fulgurite/core";
 *
 * await init();
 * const [values, indices] = topk(tensor([3, 9, 2, 7]), 2);
 * console.log(await values.array(), await indices.array()); // [9, 7] [1, 3]
 * ```
 */
export function topk(x: Tensor, k: number, options: TopkOptions = {}): [Tensor, Tensor] {
  checkNames("compute topk", options, { dim: true, largest: true, sorted: true });
  const { dim = -1, largest = true } = options;
  const axis = normalizeDim("topk", dim, x.ndim), size = x.shape[axis] ?? 1;
  if (!Number.isInteger(k) || k < 0 || k > size) {
    throw new RangeError(`Cannot choose elements in topk: k must be from 0 to ${size}, got ${k}`);
  }
  return ordered(x, axis, largest, k);
}
