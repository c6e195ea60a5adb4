import { checkNames } from "../../device/option_names.ts";
import { autocastDType } from "../../tensor/autocast.ts";
import { type DType, isFloat } from "../../tensor/dtype.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { normalizeDim, sameShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { splitBy } from "../_split.ts";
import { fill, scatter as scatterKernel, scatterClaim, scatterSettle } from "../_wgsl.ts";
import { add } from "../elementwise/arithmetic.ts";
import { to } from "../elementwise/cast.ts";
import { reshape } from "../layout/reshape.ts";
import { window } from "../layout/window.ts";
import { spread } from "../pad/spread.ts";
import { temporary } from "../sort/_order.ts";
import { requireIndices } from "../_indices.ts";
import { around, requireInside, sumPlaces, takePlaces, withAxis } from "./gather.ts";
import { requireSummable, wideOf } from "./index_select.ts";

/** Along which axis. */
export interface ScatterOptions {
  /** The axis. */
  dim: number;
}

interface Attrs {
  readonly dim: number;
  /** What is written where there is no source. */
  readonly value: number;
}

/** Looking through all indices is one dispatch; beyond this many for each result, three are faster. */
const DIRECT_LENGTH = 32;

/**
 * How the last index that leads to a place is found: by looking through all, or by letting each index claim its place.
 */
export type ScatterMethod = "direct" | "claims";

const scatterOp: Op<Attrs> = {
  name: "scatter",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  forward: ([x, index, src], { dim, value }, [y]) => scatterInto(x!, index!, src, y, dim, value),
  saves: { inputs: [1] },
  grad: (dy, { x, needs }, { dim }) => [
    needs[0] ? apply(scatterOp, [dy, x(1), null], { dim, value: 0 }) : null,
    null,
    needs[2] ? takePlaces(dy, x(1), { dim, unique: false }) : null,
  ],
};

/** Records the kernels of a scatter; by default those that suit the size. */
export function scatterInto(
  x: Tensor,
  index: Tensor,
  src: Tensor | null,
  y: Tensor,
  dim: number,
  value: number,
  method?: ScatterMethod,
): void {
  const size = y.shape[dim], length = index.shape[dim], { inner } = around(y.shape, dim), count = y.numel;
  const special = { overrides: { constant: Number(src === null) } };
  const word = wordOf(value, y.dtype);
  if ((method ?? (length <= DIRECT_LENGTH ? "direct" : "claims")) === "direct") {
    const params = { size: splitBy(size), length, inner: splitBy(inner), count, value: word };
    launch(scatterKernel, { x, index, src: src ?? x, y }, params, Math.ceil(count / 64), special);
    return;
  }
  const claims = temporary(y.shape, "u32", "scatter");
  launch(fill, { y: claims }, { count, value: 0 }, Math.ceil(count / 64));
  const claimed = { size, length: splitBy(length), inner: splitBy(inner), count: index.numel };
  launch(scatterClaim, { index, claims }, claimed, Math.ceil(index.numel / 64));
  launch(scatterSettle, { x, claims, src: src ?? x, y }, { count, value: word }, Math.ceil(count / 64), special);
  claims.dispose();
}

/** The word that a number of a type is stored as. */
function wordOf(value: number, dtype: DType): number {
  if (isFloat(dtype)) return new Uint32Array(Float32Array.of(value).buffer)[0];
  return dtype === "bool" ? Number(value !== 0) : value >>> 0;
}

/** Index and source brought to x's size along all axes but `dim`: what is added leads nowhere. */
export function fitted(
  op: string,
  x: Tensor,
  index: Tensor,
  src: Tensor | null,
  dim: number,
): { into: Tensor; places: Tensor; from: Tensor | null } {
  requireInside(op, x, index, dim);
  requireIndices(op, index, x.shape[dim] ?? 1);
  if (src !== null && (src.ndim !== index.ndim || src.shape.some((n, i) => n < index.shape[i]))) {
    throw new ShapeError(
      op,
      `Cannot write in ${op}: the source must have the index' axes, none smaller, current shapes are ${
        showShape(src.shape)
      } and ${showShape(index.shape)}`,
      [x.shape, index.shape, src.shape],
    );
  }
  const into = withAxis(x);
  let places = withAxis(index), from = src && withAxis(src);
  const ones = places.shape.map(() => 1), zeros = places.shape.map(() => 0);
  if (from !== null) from = window(from, op, { start: zeros, size: places.shape, step: ones });
  const shape = into.shape.map((n, i) => i === dim ? places.shape[i] : n);
  if (!sameShape(shape, places.shape)) {
    places = spread(places, { shape, before: zeros, step: ones, value: -1 });
    from = from && spread(from, { shape, before: zeros, step: ones });
  }
  return { into, places, from };
}

/**
 * x with elements replaced: y[index[i][j]][j] = src[i][j] for axis 0. Where two lead to the same place, the last one
 * counts.
 *
 * @param x Any shape
 * @param index i32, as many axes as x, none larger but `dim`. An index that was computed on the device and leads
 *   outside writes nothing
 * @param src A tensor of x's type with the index' axes, none smaller, or a number. Its gradient is read from the places
 *   it was written to
 * @param options The axis
 * @returns A tensor of x's shape
 * @throws {ShapeError} If index or source have other axes
 * @throws {RangeError} If an index that came from the host leads outside
 *
 * @example
 * ```ts
 * import { init, scatter, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 2, 3]]);
 * console.log(await scatter(x, tensor([[2, 0]]), tensor([[7, 8]]), { dim: 1 }).array()); // [[8, 2, 7]]
 * ```
 */
export function scatter(x: Tensor, index: Tensor, src: Tensor | number, options: ScatterOptions): Tensor {
  checkNames("write in scatter", options, { dim: "required" });
  const { dim } = options;
  const axis = normalizeDim("scatter", dim, x.ndim);
  const constant = typeof src === "number";
  if (!constant && src.dtype !== x.dtype) {
    throw new TypeError(
      `Cannot write in scatter: both tensors must have one type, they are ${x.dtype} and ${src.dtype}`,
    );
  }
  const { into, places, from } = fitted("scatter", x, index, constant ? null : src, axis);
  if (places.numel === 0) return x;
  return reshape(apply(scatterOp, [into, places, from], { dim: axis, value: constant ? src : 0 }), x.shape);
}

/**
 * x with elements added: y[index[i][j]][j] += src[i][j] for axis 0. Where several lead to the same place they are added
 * in their order, so the result is the same in every run.
 *
 * @param x Any shape
 * @param index i32, as many axes as x, none larger but `dim`. An index that was computed on the device and leads
 *   outside adds nothing
 * @param src A tensor of x's type with the index' axes, none smaller
 * @param options The axis
 * @returns A tensor of x's shape
 * @throws {ShapeError} If index or source have other axes
 * @throws {RangeError} If an index that came from the host leads outside
 *
 * @example
 * ```ts
 * import { init, scatterAdd, tensor, zeros } from "@fulgurite/core";
 *
 * await init();
 * const src = tensor([1, 2, 3], { dtype: "f32" });
 * console.log(await scatterAdd(zeros([2]), tensor([1, 0, 1]), src, { dim: 0 }).array()); // [2, 4]
 * ```
 */
export function scatterAdd(x: Tensor, index: Tensor, src: Tensor, options: ScatterOptions): Tensor {
  checkNames("add in scatterAdd", options, { dim: "required" });
  const { dim } = options;
  const axis = normalizeDim("scatterAdd", dim, x.ndim);
  // Under autocast its operands may come from operations of either type.
  if (autocastDType() !== null && isFloat(x.dtype) && isFloat(src.dtype) && x.dtype !== src.dtype) {
    return scatterAdd(to(x, "f32"), index, to(src, "f32"), { dim });
  }
  requireSummable("scatterAdd", x.dtype, src.dtype);
  const { into, places, from } = fitted("scatterAdd", x, index, to(src, wideOf(x.dtype)), axis);
  const sum = sumPlaces(from!, places, { dim: axis, size: into.shape[axis], unique: false });
  return to(add(x, reshape(sum, x.shape)), x.dtype);
}
