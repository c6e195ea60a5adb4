import { checkNames } from "../device/option_names.ts";
import { abs, div, mul, square, sub } from "../kernels/elementwise/arithmetic.ts";
import { clamp } from "../kernels/elementwise/choice.ts";
import { checkTensors } from "../tensor/operands.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSameShape, lossInputs, reduced, type ReductionOptions } from "./_loss.ts";

/** Options of {@link smoothL1Loss}. */
export interface SmoothL1LossOptions extends ReductionOptions {
  /** The difference at which the square becomes a line; default 1, and 0 makes it {@link l1Loss}. */
  beta?: number;
}

/** Options of {@link huberLoss}. */
export interface HuberLossOptions extends ReductionOptions {
  /** The difference at which the square becomes a line; default 1. */
  delta?: number;
}

function difference(op: string, input: Tensor, target: Tensor): Tensor {
  checkTensors(op, input, target);
  checkSameShape(op, input, target);
  const [a, b] = lossInputs(op, input, target);
  return sub(a, b);
}

/**
 * The squared difference, (input − target)².
 *
 * @param input Any shape
 * @param target The same shape
 * @param options Reduction; default: the mean
 * @returns The loss: a number, or without reduction one for each element
 * @throws {ShapeError} If the shapes differ
 *
 * @example
 * ```ts
 * import { init, mseLoss, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await mseLoss(tensor([1.5, 2]), tensor([1.5, 4], { dtype: "f32" })).item()); // 2
 * ```
 */
export function mseLoss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  checkNames("compute mseLoss", options, { reduction: true });
  const { reduction } = options;
  return reduced("mseLoss", square(difference("mseLoss", input, target)), reduction);
}

/**
 * The absolute difference, |input − target|. Its gradient where they are equal is 0.
 *
 * @param input Any shape
 * @param target The same shape
 * @param options Reduction; default: the mean
 * @returns The loss: a number, or without reduction one for each element
 * @throws {ShapeError} If the shapes differ
 *
 * @example
 * ```ts
 * import { init, l1Loss, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await l1Loss(tensor([1.5, 2]), tensor([1.5, 4], { dtype: "f32" })).item()); // 1
 * ```
 */
export function l1Loss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  checkNames("compute l1Loss", options, { reduction: true });
  const { reduction } = options;
  return reduced("l1Loss", abs(difference("l1Loss", input, target)), reduction);
}

/** q (d − q/2) with q = min(d, knee): d²/2 up to the knee, a line beyond. */
function bent(d: Tensor, knee: number): Tensor {
  const size = abs(d);
  const q = clamp(size, { max: knee });
  return mul(q, sub(size, mul(q, 0.5)));
}

/**
 * A square near 0 and a line beyond: d²/(2 beta) for d = |input − target| < beta, else d − beta/2.
 *
 * @param input Any shape
 * @param target The same shape
 * @param options Beta and reduction; default: 1 and the mean
 * @returns The loss: a number, or without reduction one for each element
 * @throws {ShapeError} If the shapes differ
 * @throws {RangeError} If beta is negative
 *
 * @example
 * ```ts
 * import { init, smoothL1Loss, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await smoothL1Loss(tensor([0.5, 3]), tensor([0, 0], { dtype: "f32" })).item()); // 1.3125
 * ```
 */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  options: SmoothL1LossOptions = {},
): Tensor {
  checkNames("compute smoothL1Loss", options, { beta: true, reduction: true });
  const { beta = 1, reduction } = options;
  if (!(beta >= 0)) throw new RangeError(`Cannot compute smoothL1Loss: beta must be at least 0, got ${beta}`);
  if (beta === 0) return l1Loss(input, target, { reduction });
  return reduced("smoothL1Loss", div(bent(difference("smoothL1Loss", input, target), beta), beta), reduction);
}

/**
 * A square near 0 and a line beyond: d²/2 for d = |input − target| < delta, else delta (d − delta/2).
 *
 * @param input Any shape
 * @param target The same shape
 * @param options Delta and reduction; default: 1 and the mean
 * @returns The loss: a number, or without reduction one for each element
 * @throws {ShapeError} If the shapes differ
 * @throws {RangeError} If delta is not positive
 *
 * @example
 * ```ts
 * import { huberLoss, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await huberLoss(tensor([0.5, 3]), tensor([0, 0], { dtype: "f32" })).item()); // 1.3125
 * ```
 */
export function huberLoss(input: Tensor, target: Tensor, options: HuberLossOptions = {}): Tensor {
  checkNames("compute huberLoss", options, { delta: true, reduction: true });
  const { delta = 1, reduction } = options;
  if (!(delta > 0)) throw new RangeError(`Cannot compute huberLoss: delta must be positive, got ${delta}`);
  return reduced("huberLoss", bent(difference("huberLoss", input, target), delta), reduction);
}
