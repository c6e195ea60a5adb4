import { checkNames, type OptionNames } from "../../device/option_names.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { gradEnabled } from "../../tensor/grad_mode.ts";
import { apply, applyAll, type GradContext, type Op, type Spec } from "../../tensor/op.ts";
import { sameShape } from "../../tensor/shape.ts";
import type { Storage } from "../../tensor/storage.ts";
import { checkTensors } from "../../tensor/operands.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { watching } from "../../tensor/watcher.ts";
import { add, div, mul, neg, sub } from "../elementwise/arithmetic.ts";
import { to } from "../elementwise/cast.ts";
import { ones } from "../elementwise/constants.ts";
import { pointwise } from "../elementwise/define.ts";
import { reshape } from "../layout/reshape.ts";
import { placeAt } from "../reduce/_pick.ts";
import { sum } from "../reduce/sum.ts";
import { rowsOf } from "../_rows.ts";
import { logSoftmax, softmax } from "../softmax/softmax.ts";
import { type LossAttrs, lossBackward, lossForward } from "./_kernels.ts";

/** How the losses of the samples become the result. */
export type LossReduction = "mean" | "sum" | "none";

/** Options of {@link nllLoss}. */
export interface NllLossOptions {
  /** A factor for each class, [C]. */
  weight?: Tensor | null;
  /** Samples with this label do not count; default −100. */
  ignoreIndex?: number;
  /** Default `"mean"`: the sum of losses by the sum of the weights of the samples' labels. */
  reduction?: LossReduction;
}

const OPTION_NAMES: OptionNames<NllLossOptions> = { weight: true, ignoreIndex: true, reduction: true };

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions extends NllLossOptions {
  /** Share of each label that is spread evenly over all classes, from 0 to 1; default 0. */
  labelSmoothing?: number;
}

/**
 * x, labels, weight → the loss, what softmax needs of each row, and the factor of a mean; only the gradient reads
 * those.
 */
const lossOp: Op<LossAttrs, readonly Spec[]> = {
  name: "crossEntropy",
  precision: "full",
  half: "reads",
  infer: ([x, labels], { rows, reduction }) => [
    { shape: reduction === "none" ? labels!.shape : [], dtype: x!.dtype },
    { shape: [rows.outer * rows.inner, 4], dtype: "f32" },
    { shape: [], dtype: "f32" },
  ],
  forward: ([x, labels, weight], attrs, [loss, stats, factor]) =>
    lossForward(x!, labels!, weight, attrs, loss, stats, factor),
  saves: { inputs: [0, 1, 2], outputs: [1, 2] },
  grad: (dy, context, attrs) => [
    context.needs[0] ? (gradEnabled() ? composedGrad(dy, context, attrs) : fusedGrad(dy, context, attrs)) : null,
    null,
    null,
  ],
};

function fusedGrad(dy: Tensor, { x, output, inputs }: GradContext, attrs: LossAttrs): Tensor {
  const factor = attrs.reduction === "none" ? null : output(2);
  return apply(lossGradOp, [x(0), x(1), inputs[2] ? x(2) : null, output(1), factor, dy], attrs);
}

const lossGradOp: Op<LossAttrs> = {
  name: "crossEntropyGrad",
  half: "any",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  forward: ([x, labels, weight, stats, factor, dy], attrs, [dx]) =>
    lossBackward(dy!, x!, labels!, weight, stats!, factor, attrs, dx),
  // Reached without gradients recorded only: the other path makes gradients of differentiable functions.
  grad: null,
};

const differs = pointwise({ name: "crossEntropyGrad", f: "x != y", result: "bool", grads: null });

/** The gradient in differentiable functions, for gradients of gradients. */
function composedGrad(dy: Tensor, { x, inputs }: GradContext, attrs: LossAttrs): Tensor {
  const { rows: { outer, length, inner }, labelSmoothing, logarithms } = attrs;
  const shape = [outer, length, inner];
  const byRow = (t: Tensor) => reshape(t, [outer, 1, inner]);
  const labels = byRow(x(1));
  const counted = to(differs([labels, attrs.ignoreIndex]), "f32");
  const own = placeAt(ones([outer, 1, inner]), labels, shape, 1);
  const weights = inputs[2] ? reshape(x(2), [1, length, 1]) : ones([1, length, 1]);
  const picked = mul(counted, sum(mul(own, weights), { dim: 1, keepdim: true }));
  const slope = attrs.reduction === "none" ? byRow(dy) : attrs.reduction === "sum" ? dy : div(dy, sum(picked));
  if (logarithms) return reshape(neg(mul(slope, mul(picked, own))), inputs[0]!.shape);
  const p = softmax(reshape(x(0), shape), { dim: 1 });
  const hard = mul(mul(picked, sub(p, own)), 1 - labelSmoothing);
  if (labelSmoothing === 0) return reshape(mul(slope, hard), inputs[0]!.shape);
  const soft = mul(mul(counted, sub(mul(p, sum(weights)), weights)), labelSmoothing / length);
  return reshape(mul(slope, add(hard, soft)), inputs[0]!.shape);
}

function checkReduction(op: string, reduction: string): asserts reduction is LossReduction {
  if (reduction === "mean" || reduction === "sum" || reduction === "none") return;
  throw new RangeError(`Cannot reduce in ${op}: reduction must be mean, sum or none, got ${reduction}`);
}

/** Checks what a classification loss is given; an unbatched input is taken as a batch of one. */
function lossByLabels(
  op: string,
  x: Tensor,
  labels: Tensor,
  options: CrossEntropyOptions,
  logarithms: boolean,
): Tensor {
  const { weight = null, ignoreIndex = -100, reduction = "mean", labelSmoothing = 0 } = options;
  const axis = x.ndim === 1 ? 0 : 1;
  const expected = x.shape.filter((_, i) => i !== axis);
  if (labels.dtype !== "i32") {
    const hint = 'to(labels, "i32") makes them so, and a bigint in the place of a number in a data set';
    throw new TypeError(`Cannot compute ${op}: labels must be i32, they are ${labels.dtype}: ${hint}`);
  }
  if (x.ndim === 0 || !sameShape(labels.shape, expected)) {
    throw new ShapeError(
      op,
      `Cannot compute ${op}: labels must have the input's shape without its axis of classes, current shapes are ${
        showShape(x.shape)
      } and ${showShape(labels.shape)}`,
      [x.shape, labels.shape],
    );
  }
  checkWeight(op, x, axis, weight);
  requireClasses(op, labels, x.shape[axis], ignoreIndex);
  const attrs: LossAttrs = { rows: rowsOf(x.shape, axis), reduction, ignoreIndex, labelSmoothing, logarithms };
  const [loss, stats, factor] = applyAll({ ...lossOp, name: op }, [x, labels, weight], attrs);
  stats.dispose();
  factor.dispose();
  return loss;
}

/** Throws for labels that are no class, as far as the host knows them: those that came from it. */
function requireClasses(op: string, labels: Tensor, classes: number, ignoreIndex: number): void {
  if (labels.numel === 0) return;
  const wrong = (bounds: Storage["bounds"]) =>
    bounds === null
      ? undefined
      : [bounds.min, bounds.max].find((label) => (label < 0 || label >= classes) && label !== ignoreIndex);
  watching.by?.checks(labels.storage, (bounds) => wrong(bounds) === undefined);
  const label = wrong(labels.storage.bounds);
  if (label === undefined) return;
  throw new RangeError(
    `Cannot compute ${op}: labels must be from 0 to ${
      classes - 1
    }, or ignoreIndex (${ignoreIndex}), they hold ${label}`,
  );
}

function checkWeight(op: string, x: Tensor, axis: number, weight: Tensor | null): void {
  if (weight === null || sameShape(weight.shape, [x.shape[axis]])) return;
  throw new ShapeError(
    op,
    `Cannot compute ${op}: weight must have one element for each of the ${x.shape[axis]} classes, its shape is ${
      showShape(weight.shape)
    }`,
    [x.shape, weight.shape],
  );
}

/** −Σ_c w_c q_c log p_c by sample, for targets q that are probabilities. */
function lossByProbabilities(x: Tensor, target: Tensor, options: CrossEntropyOptions): Tensor {
  const { weight = null, reduction = "mean", labelSmoothing = 0 } = options;
  const axis = x.ndim === 1 ? 0 : 1;
  checkWeight("crossEntropy", x, axis, weight);
  const classes = x.shape[axis];
  const q = labelSmoothing === 0 ? target : add(mul(target, 1 - labelSmoothing), labelSmoothing / classes);
  const parts = mul(logSoftmax(x, { dim: axis }), q);
  const weighted = weight === null
    ? parts
    : mul(parts, reshape(weight, x.shape.map((_, i) => i === axis ? classes : 1)));
  if (reduction === "none") return neg(sum(weighted, { dim: axis }));
  const total = neg(sum(weighted));
  return reduction === "sum" ? total : div(total, x.numel / classes);
}

/**
 * The cross-entropy of classes, from unnormalised scores: −log softmax(x)[label], in one kernel that also keeps what
 * the gradient needs.
 *
 * A label outside the classes that is not `ignoreIndex` throws when it came from the host, and gives NaN when it was
 * computed on the device, where it cannot be checked without waiting. Nothing is read or written out of bounds.
 *
 * @param x Scores, [C], [N, C] or [N, C, d1, …]
 * @param target Class labels (i32) of the shape of `x` without its axis of classes, or probabilities of the shape of
 *   `x`
 * @param options Weights of classes, label to ignore, label smoothing, and reduction
 * @returns The loss: a number, or without reduction one for each sample
 * @throws {ShapeError} If the shapes do not fit
 * @throws {TypeError} If labels are not i32, or the scores not floating-point
 * @throws {RangeError} If a label from the host, `reduction` or `labelSmoothing` is out of range
 *
 * @example
 * ```ts
 * import { crossEntropy, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const scores = tensor([[2, 0, 0], [0, 0, 3]], { dtype: "f32" });
 * console.log(await crossEntropy(scores, tensor([0, 2])).item()); // about 0.167
 * ```
 */
export function crossEntropy(x: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkNames("compute crossEntropy", options, { ...OPTION_NAMES, labelSmoothing: true });
  const { reduction = "mean", labelSmoothing = 0 } = options;
  checkReduction("crossEntropy", reduction);
  checkFloat("crossEntropy", x);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new RangeError(
      `Cannot smooth labels in crossEntropy: labelSmoothing must be from 0 to 1, got ${labelSmoothing}`,
    );
  }
  return isFloat(target.dtype) && sameShape(x.shape, target.shape) && x.ndim > 0
    ? lossByProbabilities(x, target, options)
    : lossByLabels("crossEntropy", x, target, options, false);
}

/**
 * The negative log-likelihood of classes: −x[label], where `x` holds log-probabilities (of `logSoftmax`).
 *
 * A label outside the classes that is not `ignoreIndex` is an error or gives NaN, as in {@link crossEntropy}.
 *
 * @param x Log-probabilities, [C], [N, C] or [N, C, d1, …]
 * @param target Class labels (i32) of the shape of `x` without its axis of classes
 * @param options Weights of classes, label to ignore, and reduction
 * @returns The loss: a number, or without reduction one for each sample
 * @throws {ShapeError} If the shapes do not fit
 * @throws {TypeError} If labels are not i32, or `x` is not floating-point
 * @throws {RangeError} If a label from the host is out of range, or `reduction` unknown
 *
 * @example
 * ```ts
 * import { init, logSoftmax, nllLoss, tensor } from "@fulgurite/core";
 *
 * await init();
 * const scores = tensor([[2, 0, 0], [0, 0, 3]], { dtype: "f32" });
 * console.log(await nllLoss(logSoftmax(scores, { dim: 1 }), tensor([0, 2])).item()); // about 0.167
 * ```
 */
export function nllLoss(x: Tensor, target: Tensor, options: NllLossOptions = {}): Tensor {
  checkNames("compute nllLoss", options, OPTION_NAMES);
  checkReduction("nllLoss", options.reduction ?? "mean");
  checkFloat("nllLoss", x);
  return lossByLabels("nllLoss", x, target, { ...options, labelSmoothing: 0 }, true);
}

function checkFloat(op: string, x: Tensor): void {
  checkTensors(op, x);
  if (isFloat(x.dtype)) return;
  throw new TypeError(`Cannot compute ${op}: the input must be floating-point, it is ${x.dtype}`);
}
