import { isFloat } from "../../tensor/dtype.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { gradEnabled } from "../../tensor/grad_mode.ts";
import { apply, applyAll, type GradContext, type Inputs, type Op, type Spec } from "../../tensor/op.ts";
import { sameShape } from "../../tensor/shape.ts";
import { checkTensors } from "../../tensor/operands.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { add, mul, sub } from "../elementwise/arithmetic.ts";
import { to } from "../elementwise/cast.ts";
import { Chain, type Operand } from "../elementwise/chain.ts";
import { ones, zeros } from "../elementwise/constants.ts";
import { expressionOf } from "../elementwise/expression.ts";
import { rsqrt } from "../elementwise/math.ts";
import { reshape } from "../layout/reshape.ts";
import { mean } from "../reduce/sum.ts";
import { sumTo } from "../reduce/sum_to.ts";
import { channelGradSums, channelMoments, type Running } from "./_channels.ts";

/** What {@link batchNorm} needs to know. */
export interface BatchNormOptions {
  /** A factor for each channel, [C]; default: 1. */
  weight?: Tensor | null;
  /** A summand for each channel, [C]; default: 0. */
  bias?: Tensor | null;
  /** Mean of each channel over batches, [C]: used outside training, and changed in place in training. */
  runningMean?: Tensor | null;
  /** Unbiased variance of each channel over batches, [C]: used outside training, and changed in place in training. */
  runningVar?: Tensor | null;
  /** Whether the batch's own statistics are used; default false. */
  training?: boolean;
  /** How far running statistics go towards the batch's, from 0 to 1; default 0.1. */
  momentum?: number;
  /** Added to the variance; default 1e-5. */
  eps?: number;
}

interface Attrs {
  readonly eps: number;
  /** Whether mean and variance are x's own, so that gradients go through them. */
  readonly own: boolean;
}

/** x → mean and biased variance of each channel; running statistics change on the way. */
const momentsOp: Op<{ running: Running | null }, readonly Spec[]> = {
  name: "batchNorm",
  half: "any",
  infer: ([x]) => [{ shape: [x!.shape[1]], dtype: "f32" }, { shape: [x!.shape[1]], dtype: "f32" }],
  forward: ([x], { running }, [mean, variance]) => channelMoments(x!, running, mean, variance),
  // The gradient of what is done with them includes their own.
  grad: null,
};

/** A value for each channel as an operand. */
function perChannel(t: Tensor, rank: number): Operand {
  return { storage: t.storage, shape: channelShape(t, rank), view: null, as: "f32" };
}

const channelShape = (t: Tensor, rank: number): number[] => [t.numel, ...new Array<number>(rank - 2).fill(1)];

/** x, mean, variance, weight, bias → y: lazy, so that it fuses with what follows. */
const normOp: Op<Attrs> = {
  name: "batchNorm",
  half: "native",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  lazy: ([x, mean, variance, weight, bias], { eps }, { shape, dtype }) => {
    const names = ["x", "mean", "variance", "eps"];
    const operands: Operand[] = [
      { storage: x!.storage, shape, view: null, as: "f32" },
      perChannel(mean!, shape.length),
      perChannel(variance!, shape.length),
      { value: eps, as: "f32" },
    ];
    let f = "(x - mean) * inverseSqrt(variance + eps)";
    for (const [name, t, operator] of [["weight", weight, "*"], ["bias", bias, "+"]] as const) {
      if (t === null) continue;
      names.push(name);
      operands.push(perChannel(t, shape.length));
      f = `(${f} ${operator} ${name})`;
    }
    return new Chain({ f: expressionOf(f, names), operands, dtype }, shape);
  },
  saves: (_, [x, , , weight]) => x || weight ? { inputs: [0, 1, 2, 3] } : { inputs: [3] },
  grad: (dy, context, attrs) => gradEnabled() ? composedGrad(dy, context, attrs) : fusedGrad(dy, context, attrs),
};

function fusedGrad(dy: Tensor, { x, needs, inputs }: GradContext, attrs: Attrs): Inputs {
  const rank = inputs[0]!.shape.length;
  const biasOnly = () => {
    const shape = inputs[4]!.shape;
    return to(reshape(sumTo(dy, [shape[0], ...new Array<number>(rank - 2).fill(1)]), shape), inputs[4]!.dtype);
  };
  if (!needs[0] && !needs[3]) return [null, null, null, null, needs[4] ? biasOnly() : null];
  const weight = inputs[3] ? x(3) : null;
  const [products, sums] = attrs.own || needs[3] || needs[4]
    ? applyAll(sumsOp, [x(0), dy, x(1), x(2)], attrs)
    : [null, null];
  return [
    needs[0] ? apply(inputGradOp, [dy, x(0), x(1), x(2), weight, products, sums], attrs) : null,
    null,
    null,
    needs[3] ? to(products!, inputs[3]!.dtype) : null,
    needs[4] ? to(sums!, inputs[4]!.dtype) : null,
  ];
}

/** x, dy, mean, variance → Σ dy · normalised x and Σ dy of each channel: the gradients of weight and bias. */
const sumsOp: Op<Attrs, readonly Spec[]> = {
  name: "batchNormGrad",
  half: "any",
  infer: ([x]) => [{ shape: [x!.shape[1]], dtype: "f32" }, { shape: [x!.shape[1]], dtype: "f32" }],
  forward: ([x, dy, mean, variance], { eps }, [products, sums]) =>
    channelGradSums(x!, dy!, mean!, variance!, eps, products, sums),
  // Reached without gradients recorded only, as the next one.
  grad: null,
};

/** dy, x, mean, variance, weight, and those sums → dx, lazy. */
const inputGradOp: Op<Attrs> = {
  name: "batchNormGrad",
  half: "native",
  infer: ([, x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  lazy: ([dy, x, mean, variance, weight, products, sums], { eps, own }, { shape, dtype }) => {
    const rank = shape.length;
    const names = ["dy", "variance", "eps"];
    const operands: Operand[] = [
      { storage: dy!.storage, shape, view: null, as: "f32" },
      perChannel(variance!, rank),
      { value: eps, as: "f32" },
    ];
    let f = "dy";
    if (own) {
      names.push("x", "mean", "products", "sums", "share");
      operands.push(
        { storage: x!.storage, shape, view: null, as: "f32" },
        perChannel(mean!, rank),
        perChannel(products!, rank),
        perChannel(sums!, rank),
        { value: shape[1] / x!.numel, as: "f32" },
      );
      f = "(dy - (sums + (x - mean) * inverseSqrt(variance + eps) * products) * share)";
    }
    if (weight !== null) {
      names.push("weight");
      operands.push(perChannel(weight, rank));
      f += " * weight";
    }
    f += " * inverseSqrt(variance + eps)";
    return new Chain({ f: expressionOf(f, names), operands, dtype }, shape);
  },
  grad: null,
};

/** The gradients in differentiable functions, for gradients of gradients. */
function composedGrad(dy: Tensor, { x, needs, inputs }: GradContext, { eps, own }: Attrs): Inputs {
  const input = x(0), rank = input.ndim;
  const dim = input.shape.flatMap((_, i) => i === 1 ? [] : [i]);
  const average = (t: Tensor) => mean(t, { dim, keepdim: true });
  const shaped = (t: Tensor) => reshape(t, channelShape(t, rank));
  const d = sub(input, own ? average(input) : shaped(x(1)));
  const rstd = rsqrt(add(own ? average(mul(d, d)) : shaped(x(2)), eps));
  const h = mul(d, rstd);
  const g = inputs[3] ? mul(dy, shaped(x(3))) : dy;
  const dx = () => mul(own ? sub(g, add(average(g), mul(h, average(mul(g, h))))) : g, rstd);
  const summed = (t: Tensor, i: number) => {
    const { shape, dtype } = inputs[i]!;
    return to(reshape(sumTo(t, [shape[0], ...new Array<number>(rank - 2).fill(1)]), shape), dtype);
  };
  return [
    needs[0] ? to(dx(), input.dtype) : null,
    null,
    null,
    needs[3] ? summed(mul(dy, h), 3) : null,
    needs[4] ? summed(dy, 4) : null,
  ];
}

function check(x: Tensor, options: BatchNormOptions): void {
  checkTensors("batchNorm", x);
  if (!isFloat(x.dtype)) {
    throw new TypeError(`Cannot normalise in batchNorm: elements must be floating-point numbers, they are ${x.dtype}`);
  }
  const { training = false, runningMean, runningVar } = options;
  if (x.ndim < 2) {
    throw new ShapeError(
      "batchNorm",
      `Cannot normalise in batchNorm: the input must have axes for samples and channels, its shape is ${
        showShape(x.shape)
      }`,
      [x.shape],
    );
  }
  const channels = x.shape[1];
  for (const name of ["weight", "bias", "runningMean", "runningVar"] as const) {
    const t = options[name];
    if (!t || sameShape(t.shape, [channels])) continue;
    throw new ShapeError(
      "batchNorm",
      `Cannot normalise in batchNorm: ${name} must have one element for each of the ${channels} channels, its shape is ${
        showShape(t.shape)
      }`,
      [x.shape, t.shape],
    );
  }
  if (!runningMean !== !runningVar) {
    throw new TypeError("Cannot normalise in batchNorm: runningMean and runningVar must be given together");
  }
  if (!training && !runningMean) {
    throw new TypeError("Cannot normalise in batchNorm: without training it needs runningMean and runningVar");
  }
  if (training && x.numel > 0 && x.numel / channels < 2) {
    throw new ShapeError(
      "batchNorm",
      `Cannot normalise in batchNorm: training needs more than one value per channel, the input's shape is ${
        showShape(x.shape)
      }`,
      [x.shape],
    );
  }
}

/**
 * Normalises each channel to mean 0 and variance 1 over all samples and places: (x − mean) / √(variance + eps) · weight
 * + bias (Ioffe and Szegedy, "Batch normalization", 2015). In training mean and variance are the batch's own, and the
 * running statistics are changed in place on the device; otherwise the running ones are used.
 *
 * @param x [N, C] or [N, C, d1, …], floating-point
 * @param options Weight, bias, running statistics, mode, momentum and eps
 * @returns A tensor of the same shape
 * @throws {ShapeError} If a shape does not fit, or a channel has one value only in training
 * @throws {TypeError} If running statistics are missing outside training, or one of the two always
 *
 * @example
 * ```ts
 * import { batchNorm, init, ones, tensor, zeros } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 10], [3, 30]], { dtype: "f32" });
 * const runningMean = zeros([2]), runningVar = ones([2]);
 * const y = batchNorm(x, { runningMean, runningVar, training: true });
 * console.log(await y.array(), await runningMean.array()); // about [[-1, -1], [1, 1]] and [0.2, 2]
 * ```
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  check(x, options);
  const { weight = null, bias = null, runningMean, runningVar, training = false, momentum = 0.1, eps = 1e-5 } = options;
  if (!training) return apply(normOp, [x, runningMean!, runningVar!, weight, bias], { eps, own: false });
  if (x.numel === 0) {
    const channels = [x.shape[1]];
    return apply(normOp, [x, zeros(channels), ones(channels), weight, bias], { eps, own: false });
  }
  const running = runningMean && runningVar ? { mean: runningMean, variance: runningVar, momentum } : null;
  const [mean, variance] = applyAll(momentsOp, [x], { running });
  const y = apply(normOp, [x, mean, variance, weight, bias], { eps, own: true });
  mean.dispose();
  variance.dispose();
  return y;
}
