import { checkNames } from "../device/option_names.ts";
import { leakyRelu, sigmoid } from "../kernels/elementwise/activations.ts";
import { add, div, mul, neg, sub } from "../kernels/elementwise/arithmetic.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { eq, ge } from "../kernels/elementwise/compare.ts";
import { arange, zeros } from "../kernels/elementwise/constants.ts";
import { log } from "../kernels/elementwise/math.ts";
import { embedding } from "../kernels/gather/embedding.ts";
import { indexAdd } from "../kernels/gather/index_select.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { split } from "../kernels/layout/split.ts";
import { uniform } from "../kernels/random/random.ts";
import { argmax } from "../kernels/reduce/arg.ts";
import { amax } from "../kernels/reduce/extremum.ts";
import { mean, sum } from "../kernels/reduce/sum.ts";
import { softmax } from "../kernels/softmax/softmax.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { normalizeDim } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { roundedAs } from "./_half.ts";
import { searchsorted } from "./search.ts";
import { unsqueeze } from "./shape.ts";

/** Which axis is halved. */
export interface GluOptions {
  /** The axis; default −1. */
  dim?: number;
}

/**
 * A gated linear unit: the first half of an axis times the sigmoid of the second (Dauphin and others, 2017).
 *
 * @param x A tensor whose axis has an even size
 * @param options The axis
 * @returns The shape with that axis halved
 * @throws {ShapeError} If its size is odd
 *
 * @example
 * ```ts
 * import { glu, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await glu(tensor([[2, 4, 0, 0]], { dtype: "f32" })).array()); // [[1, 2]]
 * ```
 */
export function glu(x: Tensor, options: GluOptions = {}): Tensor {
  checkNames("compute glu", options, { dim: true });
  const dim = normalizeDim("glu", options.dim ?? -1, x.ndim), half = x.shape[dim] / 2;
  if (!Number.isInteger(half)) {
    throw new ShapeError("glu", `Cannot compute glu: axis ${dim} must have an even size, got ${showShape(x.shape)}`, [
      x.shape,
    ]);
  }
  const [value, gate] = split(x, half, { dim });
  return mul(value, sigmoid(gate));
}

/** Which axis. */
export interface SoftminOptions {
  /** The axis. */
  dim: number;
}

/**
 * {@link softmax} of the negative elements.
 *
 * @param x Any shape, floating-point
 * @param options The axis
 * @returns The same shape
 *
 * @example
 * ```ts
 * import { init, softmin, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await softmin(tensor([1.5, 1.5]), { dim: 0 }).array()); // [0.5, 0.5]
 * ```
 */
export function softmin(x: Tensor, options: SoftminOptions): Tensor {
  return softmax(neg(x), options);
}

/** How {@link gumbelSoftmax} samples. */
export interface GumbelSoftmaxOptions {
  /** Temperature; default 1. */
  tau?: number;
  /** Whether the result is one-hot, with the gradient of the soft one; default false. */
  hard?: boolean;
  /** The axis; default −1. */
  dim?: number;
}

/**
 * Samples from a categorical distribution so that gradients flow: softmax of (logits + Gumbel noise) / tau (Jang, Gu
 * and Poole, 2017). It follows `manualSeed`.
 *
 * @param logits Any shape, floating-point
 * @param options Temperature, whether hard, the axis
 * @returns The same shape
 * @throws {RangeError} If the temperature is not positive
 *
 * @example
 * ```ts
 * import { gumbelSoftmax, init, sum, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(await sum(gumbelSoftmax(zeros([4]), { hard: true })).item()); // 1
 * ```
 */
export function gumbelSoftmax(logits: Tensor, options: GumbelSoftmaxOptions = {}): Tensor {
  checkNames("sample in gumbelSoftmax", options, { tau: true, hard: true, dim: true });
  const { tau = 1, hard = false, dim = -1 } = options;
  if (!(tau > 0)) throw new RangeError(`Cannot sample in gumbelSoftmax: tau must be positive, got ${tau}`);
  const axis = normalizeDim("gumbelSoftmax", dim, logits.ndim);
  // Uniform numbers may be 0: the smallest step keeps the logarithms finite.
  const draws = uniform(logits.shape, { low: 2 ** -25, high: 1 - 2 ** -24 });
  const soft = roundedAs(softmax(div(sub(logits, log(neg(log(draws)))), tau), { dim: axis }), logits);
  if (!hard) return soft;
  const classes = reshape(
    arange(0, logits.shape[axis], 1, { dtype: "i32" }),
    logits.shape.map((n, i) => i === axis ? n : 1),
  );
  const chosen = to(eq(classes, argmax(soft, { dim: axis, keepdim: true })), soft.dtype);
  return add(sub(chosen, soft.detach()), soft);
}

/** Slopes of {@link rrelu}. */
export interface RreluOptions {
  /** The least slope; default 1/8. */
  lower?: number;
  /** The largest slope; default 1/3. */
  upper?: number;
  /** Whether slopes are drawn; default false: their mean. */
  training?: boolean;
}

/**
 * {@link leakyRelu} whose slopes are drawn for each element in training (Xu and others, 2015).
 *
 * @param x Any shape, floating-point
 * @param options The slopes
 * @returns The same shape
 *
 * @example
 * ```ts
 * import { init, rrelu, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await rrelu(tensor([-1, 1.5]), { lower: 0.25, upper: 0.25 }).array()); // [-0.25, 1.5]
 * ```
 */
export function rrelu(x: Tensor, options: RreluOptions = {}): Tensor {
  checkNames("compute rrelu", options, { lower: true, upper: true, training: true });
  const { lower = 1 / 8, upper = 1 / 3, training = false } = options;
  if (!(lower <= upper)) {
    throw new RangeError(`Cannot compute rrelu: lower must not exceed upper, got ${lower} and ${upper}`);
  }
  if (!training || lower === upper) return leakyRelu(x, { negativeSlope: (lower + upper) / 2 });
  return where(
    ge(x, 0),
    x,
    mul(x, uniform(x.shape, { low: lower, high: upper, dtype: isFloat(x.dtype) ? x.dtype : "f32" })),
  );
}

/** How the vectors of a bag become one. */
export interface EmbeddingBagOptions {
  /** Where each bag starts in a flat list of ids, i32 [bags]; without it ids are [bags, length]. */
  offsets?: Tensor;
  /** Default `"mean"`. */
  mode?: "sum" | "mean" | "max";
  /** A factor for each id, for `"sum"`; the shape of the ids. */
  perSampleWeights?: Tensor;
}

/**
 * Sums, means or maxima of the rows of a table that ids name, bag by bag. An empty bag gives zeros.
 *
 * @param ids i32 [bags, length], or with offsets [count]
 * @param weight Table, [rows, width]
 * @param options Bags, mode, and factors
 * @returns Shape [bags, width]
 * @throws {TypeError} If an option does not fit the mode
 *
 * @example
 * ```ts
 * import { embeddingBag, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const weight = tensor([[1, 1], [2, 2], [6, 4]], { dtype: "f32" });
 * console.log(await embeddingBag(tensor([[0, 2]]), weight).array()); // [[3.5, 2.5]]
 * ```
 */
export function embeddingBag(ids: Tensor, weight: Tensor, options: EmbeddingBagOptions = {}): Tensor {
  checkNames("look up in embeddingBag", options, { offsets: true, mode: true, perSampleWeights: true });
  const { offsets, mode = "mean", perSampleWeights } = options;
  if (!["sum", "mean", "max"].includes(mode)) {
    throw new RangeError(`Cannot look up in embeddingBag: mode must be sum, mean or max, got ${mode}`);
  }
  if (perSampleWeights && mode !== "sum") {
    throw new TypeError(`Cannot look up in embeddingBag: perSampleWeights need the mode sum, it is ${mode}`);
  }
  if (ids.ndim !== (offsets ? 1 : 2)) {
    throw new ShapeError(
      "embeddingBag",
      `Cannot look up in embeddingBag: ids must have ${offsets ? "one axis with" : "two axes without"} offsets, got ${
        showShape(ids.shape)
      }`,
      [ids.shape],
    );
  }
  const found = embedding(ids, weight);
  const rows = perSampleWeights ? mul(found, unsqueeze(perSampleWeights, -1)) : found;
  if (!offsets) {
    if (ids.shape[1] === 0) return zeros([ids.shape[0], weight.shape[1]]);
    return mode === "max" ? amax(rows, { dim: 1 }) : mode === "sum" ? sum(rows, { dim: 1 }) : mean(rows, { dim: 1 });
  }
  if (mode === "max") {
    throw new TypeError("Cannot look up in embeddingBag: the mode max takes ids of two axes, without offsets");
  }
  // The bag of each id is the number of bags that start at or before it, less one.
  const bags = offsets.shape[0];
  const bag = sub(searchsorted(offsets, arange(0, ids.numel, 1, { dtype: "i32" }), { right: true }), 1);
  const total = indexAdd(zeros([bags, weight.shape[1]], { dtype: rows.dtype }), bag, rows, { dim: 0 });
  if (mode === "sum") return total;
  const counts = sum(eq(unsqueeze(bag, 0), reshape(arange(0, bags, 1, { dtype: "i32" }), [bags, 1])), { dim: 1 });
  return div(total, unsqueeze(where(eq(counts, 0), 1, counts), 1));
}
