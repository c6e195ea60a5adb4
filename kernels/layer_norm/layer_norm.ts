import { checkNames } from "../../device/option_names.ts";
import { isFloat, isHalf, promote } from "../../tensor/dtype.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { gradEnabled } from "../../tensor/grad_mode.ts";
import { apply, applyAll, type GradContext, type Inputs, type Op, type Spec } from "../../tensor/op.ts";
import { numel, sameShape, type Shape } from "../../tensor/shape.ts";
import { checkTensors } from "../../tensor/operands.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { add, mul, sub } from "../elementwise/arithmetic.ts";
import { rsqrt } from "../elementwise/math.ts";
import { reshape } from "../layout/reshape.ts";
import { mean } from "../reduce/sum.ts";
import { sumTo } from "../reduce/sum_to.ts";
import { heldItems, itemKernel, laneGroup, pack, rowWidth, sharesRows } from "../_rows.ts";
import { launch } from "../_run.ts";
import { layerNorm as lanesKernel, layerNormGrad, layerNormGradTree, layerNormTree } from "../_wgsl.ts";
import { rowSums } from "./_row_sums.ts";

/** What {@link layerNorm} needs to know. */
export interface LayerNormOptions {
  /** The last axes, over which each part is normalised. */
  normalizedShape: readonly number[];
  /** Factors, of that shape; default: 1. */
  weight?: Tensor | null;
  /** Summands, of that shape; default: 0. */
  bias?: Tensor | null;
  /** Added to the variance; default 1e-5. */
  eps?: number;
}

/** What {@link rmsNorm} needs to know. */
export interface RmsNormOptions {
  /** The last axes, over which each part is normalised. */
  normalizedShape: readonly number[];
  /** Factors, of that shape; default: 1. */
  weight?: Tensor | null;
  /** Added to the mean of squares; default: the smallest ε with 1 + ε ≠ 1 in the input's type. */
  eps?: number | null;
}

interface Attrs {
  /** Elements of a row. */
  readonly count: number;
  readonly eps: number;
  /** Whether the mean is subtracted. */
  readonly centred: boolean;
}

const rowsOf = (x: Spec | Tensor, { count }: Attrs): number => count === 0 ? 0 : numel(x.shape) / count;

/** x, weight, bias → y, and the mean and 1/deviation of each row, which only the gradient reads. */
const normOp: Op<Attrs, readonly Spec[]> = {
  name: "layerNorm",
  precision: "full",
  half: "any",
  infer: (given, attrs) => {
    const x = given[0]!;
    const statistics: Spec = { shape: [rowsOf(x, attrs)], dtype: "f32" };
    const dtype = promote(given.flatMap((t) => t === null ? [] : [{ dtype: t.dtype, rank: 1 }]));
    return [{ shape: x.shape, dtype }, statistics, statistics];
  },
  forward: ([x, weight, bias], attrs, [y, means, rstds]) => {
    const rows = { outer: rowsOf(x!, attrs), length: attrs.count, inner: 1 };
    const packed = pack(rows, isHalf(y.dtype));
    const { rows: count, length } = packed;
    const kernel = itemKernel(packed);
    const affine = `v${weight ? " * weight[r]" : ""}${bias ? " + bias[r]" : ""}`;
    const functions = {
      ...kernel.functions,
      affine: `fn affine(v: Item, r: u32) -> Item { return ${affine}; }`,
    };
    const buffers = { x: x!, weight: weight ?? x!, bias: bias ?? x!, y, means, rstds };
    const params = { rows: count, length, count: attrs.count, eps: attrs.eps };
    const centred = attrs.centred ? 1 : 0;
    if (sharesRows(rows)) {
      const width = rowWidth(length);
      const held = heldItems(length, width, packed);
      launch(layerNormTree, buffers, params, Math.ceil(count * width / 256), {
        aliases: { ...kernel.aliases, ...held.aliases },
        functions,
        overrides: { width, centred, ...held.overrides },
      });
      return;
    }
    const group = laneGroup(count);
    launch(lanesKernel, buffers, params, Math.ceil(count / group), {
      aliases: kernel.aliases,
      functions,
      overrides: { group, centred },
    });
  },
  saves: (_, [x, weight]) => x || weight ? { inputs: [0, 1], outputs: [1, 2] } : { inputs: [1] },
  grad: (dy, context, attrs) => gradEnabled() ? composedGrad(dy, context, attrs) : fusedGrad(dy, context, attrs),
};

/** The gradients by kernels. */
function fusedGrad(dy: Tensor, { x, output, needs, inputs }: GradContext, attrs: Attrs): Inputs {
  const dx = needs[0] ? apply(normGradOp, [x(0), dy, inputs[1] ? x(1) : null, output(1), output(2)], attrs) : null;
  if (!needs[1] && !needs[2]) return [dx, null, null];
  if (!needs[1]) return [dx, null, biasGrad(dy, inputs[2]!.shape, attrs)];
  const [weight, bias] = applyAll(paramsGradOp, [x(0), dy, output(1), output(2)], attrs);
  const shaped = (t: Tensor, i: number) => needs[i] ? reshape(t, inputs[i]!.shape) : null;
  return [dx, shaped(weight, 1), shaped(bias, 2)];
}

function biasGrad(dy: Tensor, shape: Shape, attrs: Attrs): Tensor {
  return reshape(sumTo(reshape(dy, [rowsOf(dy, attrs), attrs.count]), [attrs.count]), shape);
}

const normGradOp: Op<Attrs> = {
  name: "layerNormGrad",
  half: "any",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  forward: ([x, dy, weight, means, rstds], attrs, [dx]) => {
    const rows = { outer: rowsOf(x!, attrs), length: attrs.count, inner: 1 };
    const packed = pack(rows, isHalf(dx.dtype));
    const { rows: count, length } = packed;
    const kernel = itemKernel(packed);
    const functions = {
      ...kernel.functions,
      weighted: `fn weighted(dy: Item, r: u32) -> Item { return dy${weight ? " * weight[r]" : ""}; }`,
    };
    const buffers = { x: x!, dy: dy!, weight: weight ?? x!, means: means!, rstds: rstds!, dx };
    const params = { rows: count, length, count: attrs.count };
    const centred = attrs.centred ? 1 : 0;
    if (sharesRows(rows)) {
      const width = rowWidth(length);
      const held = heldItems(length, width, packed, 2);
      launch(layerNormGradTree, buffers, params, Math.ceil(count * width / 256), {
        aliases: { ...kernel.aliases, ...held.aliases },
        functions,
        overrides: { width, centred, ...held.overrides },
      });
      return;
    }
    const group = laneGroup(count);
    launch(layerNormGrad, buffers, params, Math.ceil(count / group), {
      aliases: kernel.aliases,
      functions,
      overrides: { group, centred },
    });
  },
  // Reached without gradients recorded only: the other path makes gradients of differentiable functions.
  grad: null,
};

/** x, dy, means, rstds → the gradients of weight and bias, flat. */
const paramsGradOp: Op<Attrs, readonly Spec[]> = {
  name: "layerNormGrad",
  half: "any",
  infer: (_, { count }) => [{ shape: [count], dtype: "f32" }, { shape: [count], dtype: "f32" }],
  forward: ([x, dy, means, rstds], attrs, [weight, bias]) => {
    rowSums(x!, dy!, means!, rstds!, rowsOf(x!, attrs), attrs.count, weight, bias);
  },
  grad: null,
};

/** The gradients in differentiable functions, for gradients of gradients. */
function composedGrad(dy: Tensor, { x, needs, inputs }: GradContext, { count, eps, centred }: Attrs): Inputs {
  const flat = (t: Tensor) => reshape(t, [-1, count]);
  const average = (t: Tensor) => mean(t, { dim: 1, keepdim: true });
  const rows = flat(x(0));
  const d = centred ? sub(rows, average(rows)) : rows;
  const rstd = rsqrt(add(average(mul(d, d)), eps));
  const h = mul(d, rstd);
  const out = flat(dy);
  const g = inputs[1] ? mul(out, reshape(x(1), [count])) : out;
  const sloped = sub(g, mul(h, average(mul(g, h))));
  const dx = () => mul(centred ? sub(sloped, average(g)) : sloped, rstd);
  return [
    needs[0] ? reshape(dx(), inputs[0]!.shape) : null,
    needs[1] ? reshape(sumTo(mul(out, h), [count]), inputs[1]!.shape) : null,
    needs[2] ? reshape(sumTo(out, [count]), inputs[2]!.shape) : null,
  ];
}

function normalise(
  name: string,
  x: Tensor,
  normalizedShape: readonly number[],
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
  centred: boolean,
): Tensor {
  checkTensors(name, x);
  if (!isFloat(x.dtype)) {
    throw new TypeError(`Cannot normalise in ${name}: elements must be floating-point numbers, they are ${x.dtype}`);
  }
  const rank = normalizedShape.length;
  if (rank === 0 || rank > x.ndim || !sameShape(x.shape.slice(x.ndim - rank), normalizedShape)) {
    throw new ShapeError(
      name,
      `Cannot normalise in ${name}: the last axes must be normalizedShape, current shapes are ${
        showShape(x.shape)
      } and ${showShape(normalizedShape)}`,
      [x.shape, normalizedShape],
    );
  }
  for (const [what, t] of [["weight", weight], ["bias", bias]] as const) {
    if (t === null || sameShape(t.shape, normalizedShape)) continue;
    throw new ShapeError(
      name,
      `Cannot normalise in ${name}: ${what} must have the shape normalizedShape, current shapes are ${
        showShape(t.shape)
      } and ${showShape(normalizedShape)}`,
      [t.shape, normalizedShape],
    );
  }
  const [y, means, rstds] = applyAll({ ...normOp, name }, [x, weight, bias], {
    count: numel(normalizedShape),
    eps,
    centred,
  });
  means.dispose();
  rstds.dispose();
  return y;
}

/**
 * Normalises each part over the last axes to mean 0 and variance 1: (x − mean) / √(variance + eps) · weight + bias
 * (Ba, Kiros and Hinton, "Layer normalization", 2016). The variance is the biased one.
 *
 * @param x Any shape that ends in `normalizedShape`, floating-point
 * @param options The axes, weight, bias and eps
 * @returns A tensor of the same shape
 * @throws {ShapeError} If the last axes of `x`, or weight or bias, do not have the shape `normalizedShape`
 *
 * @example
 * ```ts
 * import { init, layerNorm, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 3], [10, 30]], { dtype: "f32" });
 * console.log(await layerNorm(x, { normalizedShape: [2] }).array()); // about [[-1, 1], [-1, 1]]
 * ```
 */
export function layerNorm(x: Tensor, options: LayerNormOptions): Tensor {
  checkNames("normalise in layerNorm", options, { normalizedShape: "required", weight: true, bias: true, eps: true });
  const { normalizedShape, weight, bias, eps = 1e-5 } = options;
  return normalise("layerNorm", x, normalizedShape, weight ?? null, bias ?? null, eps, true);
}

/** The distance from 1 to the next number of a type. */
const EPSILON: Partial<Record<Tensor["dtype"], number>> = { f32: 2 ** -23, f16: 2 ** -10, bf16: 2 ** -7 };

/**
 * Divides each part over the last axes by its root mean square: x / √(mean(x²) + eps) · weight (Zhang and Sennrich,
 * "Root mean square layer normalization", 2019).
 *
 * @param x Any shape that ends in `normalizedShape`, floating-point
 * @param options The axes, weight and eps
 * @returns A tensor of the same shape
 * @throws {ShapeError} If the last axes of `x`, or weight, do not have the shape `normalizedShape`
 *
 * @example
 * ```ts
 * import { init, rmsNorm, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[3, 3], [-5, 5]], { dtype: "f32" });
 * console.log(await rmsNorm(x, { normalizedShape: [2] }).array()); // about [[1, 1], [-1, 1]]
 * ```
 */
export function rmsNorm(x: Tensor, options: RmsNormOptions): Tensor {
  checkNames("normalise in rmsNorm", options, { normalizedShape: "required", weight: true, eps: true });
  const { normalizedShape, weight, eps } = options;
  return normalise("rmsNorm", x, normalizedShape, weight ?? null, null, eps ?? EPSILON[x.dtype] ?? 0, false);
}
