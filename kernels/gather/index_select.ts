import { checkNames } from "../../device/option_names.ts";
import { type DType, isHalf } from "../../tensor/dtype.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { normalizeDim, numel, type Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { runOf } from "../_family.ts";
import { launch } from "../_run.ts";
import { splitBy } from "../_split.ts";
import { indexSelect as indexSelectKernel } from "../_wgsl.ts";
import { add, mul } from "../elementwise/arithmetic.ts";
import { to } from "../elementwise/cast.ts";
import { requireAxes } from "../layout/slice.ts";
import { reshape } from "../layout/reshape.ts";
import { missingWord, requireIndices } from "../_indices.ts";
import { sumByIndex } from "./_sum.ts";

/** Along which axis. */
export interface IndexSelectOptions {
  /** The axis. */
  dim: number;
}

/** Along which axis, and how much of the source. */
export interface IndexAddOptions {
  /** The axis. */
  dim: number;
  /** Factor of the source; default 1. */
  alpha?: number;
}

interface TakeAttrs {
  readonly dim: number;
  /** A place whose gradient is nothing: a padding token; −1 for none. */
  readonly skip: number;
  /** Whether that place reads as zeros. */
  readonly masked: boolean;
}

interface SumAttrs {
  readonly dim: number;
  readonly size: number;
  readonly skip: number;
}

/** No index leads here. */
const NOWHERE = -(2 ** 31);

/** The axis replaced by the axes of the index. */
const taken = (shape: Shape, dim: number, index: Shape): number[] => [
  ...shape.slice(0, dim),
  ...index,
  ...shape.slice(dim + 1),
];

const takeOp: Op<TakeAttrs> = {
  name: "index_select",
  half: "native",
  infer: ([x, index], { dim }) => ({ shape: taken(x!.shape, dim, index!.shape), dtype: x!.dtype }),
  forward: ([x, index], { dim, skip, masked }, [y]) => {
    const packed = isHalf(y.dtype) ? 2 : 1, inner = numel(x!.shape.slice(dim + 1));
    const wide = inner % (4 * packed) === 0;
    const unit = wide ? 4 * packed : packed, count = y.numel / unit;
    const run = runOf(count, 64);
    launch(
      indexSelectKernel,
      { x: x!, index: index!, y },
      {
        size: x!.shape[dim],
        length: splitBy(index!.numel),
        inner: splitBy(inner / unit),
        count,
        missing: missingWord(y.dtype),
        skip: masked ? skip : NOWHERE,
        run,
      },
      Math.ceil(count / (64 * run)),
      { aliases: wide ? { Word: "vec4u" } : {} },
    );
  },
  saves: { inputs: [1] },
  grad: (dy, { x, inputs }, { dim, skip }) => [sumRows(dy, x(1), { dim, size: inputs[0]!.shape[dim], skip }), null],
};

const sumOp: Op<SumAttrs> = {
  name: "index_sum",
  half: "reads",
  infer: ([src, index], { dim, size }) => {
    const { shape } = src!;
    return { shape: [...shape.slice(0, dim), size, ...shape.slice(dim + index!.ndim)], dtype: src!.dtype };
  },
  forward: ([src, index], { dim, size, skip }, [y]) => {
    const outer = numel(src!.shape.slice(0, dim)), inner = numel(src!.shape.slice(dim + index!.ndim));
    sumByIndex("index_sum", src!, index!, y, { outer, length: index!.numel, inner, size }, skip);
  },
  saves: { inputs: [1] },
  grad: (ddy, { x }, { dim, skip }) => [takeRows(ddy, x(1), { dim, skip, masked: skip >= 0 }), null],
};

/** Rows of x by index; the index may have any axes, which take the place of `dim`. */
export function takeRows(x: Tensor, index: Tensor, attrs: TakeAttrs): Tensor {
  if (isHalf(x.dtype) && numel(x.shape.slice(attrs.dim + 1)) % 2 !== 0) {
    // A word would have two owners; f32 holds every value exactly.
    return to(apply(takeOp, [to(x, "f32"), index], attrs), x.dtype);
  }
  return apply(takeOp, [x, index], attrs);
}

/** Sums of rows by index, in a fixed order; the axes of the index become one of `size`. */
function sumRows(src: Tensor, index: Tensor, attrs: SumAttrs): Tensor {
  return apply(sumOp, [src, index], attrs);
}

function requireList(op: string, index: Tensor): Tensor {
  if (index.ndim > 1) {
    throw new ShapeError(
      op,
      `Cannot look up in ${op}: the index must have one axis, its shape is ${showShape(index.shape)}`,
      [index.shape],
    );
  }
  return reshape(index, [index.numel]);
}

/**
 * The places of an axis that an index names, in its order.
 *
 * @param x At least one axis
 * @param index i32, one axis. An index that was computed on the device and leads outside reads NaN (0 for whole
 *   numbers)
 * @param options The axis
 * @returns A tensor in which that axis has as many places as the index
 * @throws {RangeError} If an index that came from the host leads outside
 * @throws {TypeError} If the index is not i32
 *
 * @example
 * ```ts
 * import { indexSelect, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 2], [3, 4], [5, 6]]);
 * console.log(await indexSelect(x, tensor([2, 0]), { dim: 0 }).array()); // [[5, 6], [1, 2]]
 * ```
 */
export function indexSelect(x: Tensor, index: Tensor, options: IndexSelectOptions): Tensor {
  checkNames("look up in indexSelect", options, { dim: "required" });
  const { dim } = options;
  requireAxes("indexSelect", x);
  const axis = normalizeDim("indexSelect", dim, x.ndim);
  requireIndices("indexSelect", index, x.shape[axis]);
  return takeRows(x, requireList("indexSelect", index), { dim: axis, skip: -1, masked: false });
}

/**
 * Adds rows of `source` to the places of an axis that an index names; places named twice get both, in the index' order.
 *
 * @param x At least one axis
 * @param index i32, one axis. An index that was computed on the device and leads outside adds nothing
 * @param source x's shape, but with as many places along the axis as the index
 * @param options The axis, and a factor of the source
 * @returns A tensor of x's shape
 * @throws {ShapeError} If the source does not fit
 * @throws {RangeError} If an index that came from the host leads outside
 *
 * @example
 * ```ts
 * import { indexAdd, init, tensor, zeros } from "@fulgurite/core";
 *
 * await init();
 * const source = tensor([1, 2, 3], { dtype: "f32" });
 * console.log(await indexAdd(zeros([2]), tensor([1, 0, 1]), source, { dim: 0 }).array()); // [2, 4]
 * ```
 */
export function indexAdd(x: Tensor, index: Tensor, source: Tensor, options: IndexAddOptions): Tensor {
  checkNames("add in indexAdd", options, { dim: "required", alpha: true });
  const { dim, alpha = 1 } = options;
  requireAxes("indexAdd", x);
  const axis = normalizeDim("indexAdd", dim, x.ndim);
  requireIndices("indexAdd", index, x.shape[axis]);
  const list = requireList("indexAdd", index);
  requireSummable("indexAdd", x.dtype, source.dtype);
  if (source.ndim !== x.ndim || source.shape.some((n, i) => n !== (i === axis ? list.numel : x.shape[i]))) {
    throw new ShapeError(
      "indexAdd",
      `Cannot add in indexAdd: the source must have x's shape with a place for each index along axis ${axis}, current ` +
        `shapes are ${showShape(x.shape)} and ${showShape(source.shape)} with ${list.numel} indices`,
      [x.shape, source.shape, index.shape],
    );
  }
  const sum = sumRows(to(source, wideOf(x.dtype)), list, { dim: axis, size: x.shape[axis], skip: -1 });
  return to(add(x, alpha === 1 ? sum : mul(sum, alpha)), x.dtype);
}

/** The type that sums are made in. */
export function wideOf(dtype: DType): DType {
  return isHalf(dtype) ? "f32" : dtype;
}

/** Throws unless both have the same type, and one that can be added. */
export function requireSummable(op: string, x: DType, source: DType): void {
  if (x === source && x !== "bool") return;
  throw new TypeError(
    `Cannot add in ${op}: both tensors must be numbers of the same type, they are ${x} and ${source}`,
  );
}
