import { add, div, mul, square, sub } from "../kernels/elementwise/arithmetic.ts";
import { lerp } from "../kernels/elementwise/ternary.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { gt, logicalAnd } from "../kernels/elementwise/compare.ts";
import { pow, sqrt } from "../kernels/elementwise/math.ts";
import { norm } from "../kernels/reduce/norm.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ComposedChange, ComposedOptimizer, type NamedTensors } from "./composed_optimizer.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";

/** Options of {@link Lamb}. */
export interface LambOptions {
  /** Learning rate; default 1e-3. */
  lr: number;
  /** Decay of the running means of gradients and of squares; default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator; default 1e-6. */
  eps: number;
  /** Factor of the parameter that is added to its direction; default 0. */
  weightDecay: number;
}

/**
 * Adam whose step is as long as the rate times the parameter's norm, for large batches (You and others, "Large batch
 * optimization for deep learning", 2020). State: `step`, `expAvg`, `expAvgSq`.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { Lamb } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new Lamb([w], { lr: 0.1 });
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array()); // a little closer to [0, 0]
 * ```
 */
export class Lamb extends ComposedOptimizer<LambOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate and the like
   * @throws {RangeError} If an option is out of range
   */
  constructor(params: Iterable<Tensor> | Iterable<ParamGroupInput<LambOptions>>, options: Partial<LambOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-6, weightDecay: 0 }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<LambOptions>): void {
    this.requireNonNegative(group, "lr", "weightDecay", "eps");
    this.requireRates(group.betas, "betas");
  }

  /** Running means of gradients and of squares. */
  protected override stateShapes({ shape }: Tensor): Readonly<Record<string, Shape>> {
    return { expAvg: shape, expAvgSq: shape };
  }

  /** The options that a step reads. */
  protected override numbersOf(group: ParamGroup<LambOptions>): Readonly<Record<string, number>> {
    const { lr, betas: [beta1, beta2], eps, weightDecay } = group;
    return { lr, beta1, beta2, fresh1: 1 - beta1, fresh2: 1 - beta2, eps, weightDecay };
  }

  /** One step of a parameter. */
  protected override change(
    param: Tensor,
    grad: Tensor,
    { step, ...state }: NamedTensors,
    { lr, beta1, beta2, fresh1, fresh2, eps, weightDecay }: NamedTensors,
  ): ComposedChange {
    const expAvg = lerp(state.expAvg, grad, fresh1), expAvgSq = lerp(state.expAvgSq, square(grad), fresh2);
    const unbiased = (mean: Tensor, beta: Tensor) => div(mean, sub(1, pow(beta, step)));
    const adam = div(unbiased(expAvg, beta1), add(sqrt(unbiased(expAvgSq, beta2)), eps));
    const direction = add(adam, mul(param, weightDecay));
    const [size, length] = [norm(param), norm(direction)];
    const trust = where(logicalAnd(gt(size, 0), gt(length, 0)), div(size, length), 1);
    return { param: sub(param, mul(direction, mul(trust, lr))), state: { expAvg, expAvgSq } };
  }
}
