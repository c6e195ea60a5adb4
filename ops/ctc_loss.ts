import { checkNames, show } from "../device/option_names.ts";
import { add, div, maximum, sub } from "../kernels/elementwise/arithmetic.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { ge, gt, logicalAnd, lt, ne } from "../kernels/elementwise/compare.ts";
import { arange, full, fullLike } from "../kernels/elementwise/constants.ts";
import { logaddexp } from "../kernels/elementwise/math.ts";
import { cat, stack } from "../kernels/cat/cat.ts";
import { gather } from "../kernels/gather/gather.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { select, slice } from "../kernels/layout/slice.ts";
import { expand } from "../kernels/layout/views.ts";
import { mean, sum } from "../kernels/reduce/sum.ts";
import { tensor } from "../tensor/create.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import { Tensor } from "../tensor/tensor.ts";
import { lossInputs } from "./_loss.ts";

/** Options of {@link ctcLoss}. */
export interface CtcLossOptions {
  /** The class that stands for no label; default 0. */
  blank?: number;
  /** The mean of losses by target length (default), their sum, or each for itself. */
  reduction?: "mean" | "sum" | "none";
  /** Whether losses of targets that do not fit into their input become 0; default false. */
  zeroInfinity?: boolean;
}

/** The logarithm of a probability that is as good as 0, and whose differences are finite. */
const NEVER = -1e30;

/** Lengths as a tensor [n]. */
function lengths(what: string, given: Tensor | readonly number[], n: number): Tensor {
  const t = given instanceof Tensor ? given : tensor(Int32Array.from(given));
  if (t.ndim === 1 && t.shape[0] === n && t.dtype === "i32") return t;
  throw new TypeError(`Cannot compute ctcLoss: ${what} must be ${n} whole numbers, got ${show(given)}`);
}

/**
 * Connectionist temporal classification: −ln of the probability of all ways in which a sequence of classes and blanks
 * reads as the target (Graves and others, 2006). The sum over ways is taken time by time, in logarithms, in
 * differentiable functions.
 *
 * @param logProbs Log-probabilities, [time, n, classes]
 * @param targets Labels, i32 [n, longest]; what lies behind a target's length is ignored
 * @param inputLengths Times of each sample, [n]; without any, only an empty target fits
 * @param targetLengths Labels of each sample, [n]
 * @param options Blank, reduction, zeroInfinity
 * @returns The loss: a number, or without reduction one for each sample
 * @throws {ShapeError} If the shapes do not fit
 *
 * @example
 * ```ts
 * import { ctcLoss, init, logSoftmax, tensor, zeros } from "@fulgurite/core";
 *
 * await init();
 * const logProbs = logSoftmax(zeros([2, 1, 2]), { dim: 2 });
 * console.log(await ctcLoss(logProbs, tensor([[1]]), [2], [1]).item()); // about 0.2877: ln(4/3)
 * ```
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Tensor | readonly number[],
  targetLengths: Tensor | readonly number[],
  options: CtcLossOptions = {},
): Tensor {
  checkNames("compute ctcLoss", options, { blank: true, reduction: true, zeroInfinity: true });
  const { blank = 0, reduction = "mean", zeroInfinity = false } = options;
  const [time, n, classes] = logProbs.shape;
  if (logProbs.ndim !== 3 || targets.ndim !== 2 || targets.shape[0] !== n || time === 0) {
    throw new ShapeError(
      "ctcLoss",
      `Cannot compute ctcLoss: log-probabilities must be [time, n, classes] and targets [n, longest], current shapes ` +
        `are ${showShapes([logProbs.shape, targets.shape])}`,
      [logProbs.shape, targets.shape],
    );
  }
  if (!Number.isInteger(blank) || blank < 0 || blank >= classes) {
    throw new RangeError(`Cannot compute ctcLoss: blank must be a class from 0 to ${classes - 1}, got ${blank}`);
  }
  const [x] = lossInputs("ctcLoss", logProbs);
  const times = lengths("inputLengths", inputLengths, n), counts = lengths("targetLengths", targetLengths, n);
  const longest = targets.shape[1], places = 2 * longest + 1;
  // Labels with blanks around them: blank, t1, blank, t2, …, blank. Places that no target reaches are read as blanks.
  const inside = lt(arange(0, longest, 1, { dtype: "i32" }), reshape(counts, [n, 1]));
  const labels = where(inside, targets, blank);
  const pairs = reshape(stack([fullLike(labels, blank), labels], { dim: 2 }), [n, 2 * longest]);
  const path = cat([pairs, full([n, 1], blank, { dtype: "i32" })], { dim: 1 });
  const scores = gather(x, expand(reshape(path, [1, n, places]), [time, n, places]), { dim: 2 });
  // From two places before, where a blank between two different labels may be left out.
  const twoBefore = cat([full([n, Math.min(2, places)], blank, { dtype: "i32" }), slice(path, { dim: 1, end: -2 })], {
    dim: 1,
  });
  const place = arange(0, places, 1, { dtype: "i32" });
  const skips = places < 3 ? null : logicalAnd(ge(place, 2), logicalAnd(ne(path, blank), ne(path, twoBefore)));
  const at = (t: number) => select(scores, { dim: 0, index: t });
  const lasts = (t: number) => gt(reshape(times, [n, 1]), t);
  // Before any time nothing is read, for certain.
  let alpha = where(lasts(0), where(lt(place, 2), at(0), NEVER), where(lt(place, 1), 0, NEVER));
  const before = (a: Tensor, by: number) => cat([full([n, by], NEVER), slice(a, { dim: 1, end: -by })], { dim: 1 });
  for (let t = 1; t < time; t++) {
    let next = places < 2 ? alpha : logaddexp(alpha, before(alpha, 1));
    if (skips !== null) next = logaddexp(next, where(skips, before(alpha, 2), NEVER));
    alpha = where(lasts(t), maximum(add(next, at(t)), 2 * NEVER), alpha);
  }
  const end = (back: number) =>
    reshape(gather(alpha, reshape(maximum(sub(add(counts, counts), back), 0), [n, 1]), { dim: 1 }), [n]);
  const ways = longest === 0 ? end(0) : logaddexp(end(0), where(gt(counts, 0), end(1), NEVER));
  const impossible = lt(ways, NEVER / 2);
  const losses = where(impossible, zeroInfinity ? 0 : Infinity, sub(0, where(impossible, 0, ways)));
  if (reduction === "none") return losses;
  if (reduction === "sum") return sum(losses);
  if (reduction === "mean") return mean(div(losses, to(maximum(counts, 1), "f32")));
  throw new RangeError(`Cannot reduce in ctcLoss: reduction must be mean, sum or none, got ${reduction}`);
}
