import { checkNames } from "../../device/option_names.ts";
import { type DType, isFloat } from "../../tensor/dtype.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { normalizeDim } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { keyText, wordText } from "../_keys.ts";
import { launch } from "../_run.ts";
import { splitBy } from "../_split.ts";
import { extremeClaim, extremeKeys, extremeValues, scatterProduct } from "../_wgsl.ts";
import { add, div, mul } from "../elementwise/arithmetic.ts";
import { to } from "../elementwise/cast.ts";
import { maskedFill, where } from "../elementwise/choice.ts";
import { eq, ge, gt, logicalAnd, lt } from "../elementwise/compare.ts";
import { ones } from "../elementwise/constants.ts";
import { around, sumPlaces, takePlaces } from "../gather/gather.ts";
import { fitted, scatterAdd } from "../gather/scatter.ts";
import { reshape } from "../layout/reshape.ts";
import { expand } from "../layout/views.ts";
import { countedWord } from "../reduce/sum.ts";
import { temporary } from "../sort/_order.ts";

/** How elements that meet become one. */
export type ScatterReduction = "sum" | "prod" | "mean" | "amax" | "amin";

/** Along which axis, and whether what is there takes part. */
export interface ScatterReduceOptions {
  /** The axis. */
  dim: number;
  /** Whether the elements of x take part where something leads to them; default true. */
  includeSelf?: boolean;
}

interface Attrs {
  readonly dim: number;
  readonly smallest: boolean;
}

/** Sums over what leads to each place, and what stands there for each index; nothing leads to a place below 0. */
const sumInto = (src: Tensor, index: Tensor, dim: number, size: number) =>
  sumPlaces(src, index, { dim, size, unique: false });
const takeFrom = (x: Tensor, index: Tensor, dim: number) => takePlaces(x, index, { dim, unique: false });

const extremeOp: Op<Attrs> = {
  name: "scatterReduce",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  forward: ([x, index, src], { dim, smallest }, [y]) => {
    const { dtype, numel: count } = y;
    const functions = { to_key: `fn to_key(word: u32) -> u32 { return ${keyText(dtype, smallest, "word")}; }` };
    const back = { from_key: `fn from_key(key: u32) -> u32 { return ${wordText(dtype, smallest, "key")}; }` };
    const keys = temporary(y.shape, "u32", "scatterReduce");
    launch(extremeKeys, { x: x!, keys }, { count }, Math.ceil(count / 64), { functions });
    const claims = {
      size: y.shape[dim],
      length: splitBy(index!.shape[dim]),
      inner: splitBy(around(y.shape, dim).inner),
      count: index!.numel,
    };
    launch(extremeClaim, { src: src!, index: index!, keys }, claims, Math.ceil(claims.count / 64), { functions });
    launch(extremeValues, { keys, y }, { count }, Math.ceil(count / 64), { functions: back });
    keys.dispose();
  },
  saves: { inputs: [0, 1, 2], outputs: [0] },
  grad: (dy, { x, y }, { dim }) => {
    // All that are equal to the result have equal parts of its gradient.
    const [own, index, src] = [eq(x(0), y), x(1), eq(x(2), takeFrom(y, x(1), dim))];
    const size = y.shape[dim], float = (t: Tensor) => to(t, "f32");
    const part = div(dy, add(float(own), sumInto(float(src), index, dim, size)));
    return [where(own, part, 0), null, where(src, takeFrom(part, index, dim), 0)];
  },
};

const productOp: Op<{ readonly dim: number }> = {
  name: "scatterReduce",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  forward: ([x, index, src], { dim }, [y]) => {
    const count = y.numel;
    const params = {
      size: splitBy(y.shape[dim]),
      inner: splitBy(around(y.shape, dim).inner),
      length: index!.shape[dim],
      count,
    };
    launch(scatterProduct, { x: x!, src: src!, index: index!, y }, params, Math.ceil(count / 64), {
      aliases: { Item: countedWord(y.dtype) },
    });
  },
  saves: { inputs: [0, 1, 2], outputs: [0] },
  grad: (dy, { x, y }, { dim }) => {
    // The product of all others: by division, and where an element is the only zero, the product without it.
    const [own, index, src] = [x(0), x(1), x(2)], size = y.shape[dim];
    const zero = eq(src, 0), ownZero = eq(own, 0);
    const others = apply(productOp, [where(ownZero, 1, own), index, src], { dim });
    const zeros = sumInto(to(zero, "f32"), index, dim, size);
    const single = logicalAnd(zero, eq(takeFrom(zeros, index, dim), 1));
    const without = apply(productOp, [own, index, where(single, 1, src)], { dim });
    const ordinary = div(takeFrom(mul(dy, y), index, dim), where(zero, 1, src));
    const fromSource = where(single, takeFrom(mul(dy, without), index, dim), ordinary);
    // Without a place, there is no gradient; what is read there is NaN.
    const placed = logicalAnd(ge(index, 0), lt(index, size));
    return [mul(dy, div(others, where(ownZero, 1, own))), null, where(placed, fromSource, 0)];
  },
};

/** What changes nothing when it takes part. */
function identityOf(reduction: ScatterReduction, dtype: DType): number {
  if (reduction === "prod") return 1;
  if (reduction === "sum" || reduction === "mean") return 0;
  const low = reduction === "amax";
  if (isFloat(dtype)) return low ? -Infinity : Infinity;
  if (dtype === "u32") return low ? 0 : 2 ** 32 - 1;
  return low ? -(2 ** 31) : 2 ** 31 - 1;
}

/**
 * x with elements of a source reduced into it: y[index[i][j]][j] becomes one with src[i][j] for axis 0, and with all
 * others that lead there. Sums, products and means take them in their order, so the result is the same in every run.
 *
 * @param x Any shape, numbers
 * @param index i32, as many axes as x, none larger but `dim`. An index that was computed on the device and leads
 *   outside changes nothing
 * @param src A tensor of x's type with the index' axes, none smaller
 * @param reduction How elements become one. Of equal extremes all share the gradient; a product looks through all
 *   indices of a row for each of its results
 * @param options The axis, and whether elements of x take part
 * @returns A tensor of x's shape
 * @throws {ShapeError} If index or source have other axes
 * @throws {TypeError} If the types differ, or are not numbers
 * @throws {RangeError} If the reduction is unknown, or an index that came from the host leads outside
 *
 * @example
 * ```ts
 * import { init, scatterReduce, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([1, 2, 3]);
 * const y = scatterReduce(x, tensor([0, 0, 2]), tensor([5, 4, -1]), "amax", { dim: 0 });
 * console.log(await y.array()); // [5, 2, 3]
 * ```
 */
export function scatterReduce(
  x: Tensor,
  index: Tensor,
  src: Tensor,
  reduction: ScatterReduction,
  options: ScatterReduceOptions,
): Tensor {
  return reduced("scatterReduce", x, index, src, reduction, options);
}

function reduced(
  op: string,
  x: Tensor,
  index: Tensor,
  src: Tensor,
  reduction: ScatterReduction,
  options: ScatterReduceOptions,
): Tensor {
  checkNames(`reduce in ${op}`, options, { dim: "required", includeSelf: true });
  const { includeSelf = true } = options, dim = normalizeDim(op, options.dim, x.ndim);
  if (!["sum", "prod", "mean", "amax", "amin"].includes(reduction)) {
    throw new RangeError(
      `Cannot reduce in ${op}: the reduction must be sum, prod, mean, amax or amin, got ${reduction}`,
    );
  }
  if (x.dtype !== src.dtype || x.dtype === "bool") {
    throw new TypeError(
      `Cannot reduce in ${op}: both tensors must be numbers of one type, they are ${x.dtype} and ${src.dtype}`,
    );
  }
  const { into, places, from } = fitted(op, x, index, src, dim);
  if (places.numel === 0 || x.numel === 0) return x;
  const size = into.shape[dim];
  const counts = () => sumInto(ones(places.shape), places, dim, size);
  const own = includeSelf ? into : maskedFill(into, gt(counts(), 0), identityOf(reduction, x.dtype));
  const shaped = (y: Tensor) => reshape(y, x.shape);
  if (reduction === "prod") return shaped(apply(productOp, [own, places, from], { dim }));
  if (reduction === "amax" || reduction === "amin") {
    return shaped(apply(extremeOp, [own, places, from], { dim, smallest: reduction === "amin" }));
  }
  const total = scatterAdd(own, places, from!, { dim });
  if (reduction === "sum") return shaped(total);
  const found = counts(), all = includeSelf ? add(found, 1) : where(gt(found, 0), found, 1);
  if (isFloat(x.dtype)) return shaped(to(div(total, all), x.dtype));
  return shaped(div(total, to(all, x.dtype), { roundingMode: "floor" }));
}

/**
 * x with slices of a source reduced into the places of an axis that an index names: {@link scatterReduce} with one
 * index for each slice.
 *
 * @param x At least one axis, numbers
 * @param index i32 [k], places along the axis
 * @param source The shape of x with k along the axis
 * @param reduction How elements become one
 * @param options The axis, and whether elements of x take part
 * @returns A tensor of x's shape
 * @throws {ShapeError} If the source does not fit
 * @throws {RangeError} If the reduction is unknown, or an index that came from the host leads outside
 *
 * @example
 * ```ts
 * import { indexReduce, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 2], [3, 4]]);
 * const y = indexReduce(x, tensor([0, 0]), tensor([[2, 2], [5, 1]]), "prod", { dim: 0 });
 * console.log(await y.array()); // [[10, 4], [3, 4]]
 * ```
 */
export function indexReduce(
  x: Tensor,
  index: Tensor,
  source: Tensor,
  reduction: ScatterReduction,
  options: ScatterReduceOptions,
): Tensor {
  const dim = normalizeDim("indexReduce", options.dim, x.ndim);
  const places = expand(reshape(index, source.shape.map((_, i) => i === dim ? -1 : 1)), source.shape);
  return reduced("indexReduce", x, places, source, reduction, { ...options, dim });
}
