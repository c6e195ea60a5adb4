import { div, maximum, minimum, mul, square, sub } from "../kernels/elementwise/arithmetic.ts";
import { lerp } from "../kernels/elementwise/ternary.ts";
import { clamp } from "../kernels/elementwise/choice.ts";
import { pow, rsqrt, sqrt } from "../kernels/elementwise/math.ts";
import { mean } from "../kernels/reduce/sum.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ComposedChange, ComposedOptimizer, type NamedTensors } from "./composed_optimizer.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";

/** Options of {@link Adafactor}. */
export interface AdafactorOptions {
  /** Learning rate, and the largest share of a parameter's size that a step has; default 0.01. */
  lr: number;
  /** Exponent of the step count by which the mean of squares forgets; default −0.8. */
  beta2Decay: number;
  /** The least root of the mean of squares, and the least size of a parameter; default [2⁻²³, 1e-3]. */
  eps: readonly [number, number];
  /** Bound of a step's root mean square; default 1. */
  d: number;
  /** Weight decay, as a factor of the rate; default 0. */
  weightDecay: number;
  /** Whether to climb in place of descending; default false. */
  maximize: boolean;
}

/**
 * Adam without momentum whose mean of squares is kept as the product of a row and a column, so that it costs hardly any
 * memory (Shazeer and Stern, "Adafactor", 2018), with PyTorch's rule of rates. State: `step`, and `rowVar` and `colVar`
 * for matrices, `variance` for vectors.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { Adafactor } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([[3, -2]], { dtype: "f32", requiresGrad: true });
 * const optimizer = new Adafactor([w], { lr: 0.1 });
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array()); // a little closer to 0
 * ```
 */
export class Adafactor extends ComposedOptimizer<AdafactorOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate and the like
   * @throws {RangeError} If an option is out of range
   */
  constructor(
    params: Iterable<Tensor> | Iterable<ParamGroupInput<AdafactorOptions>>,
    options: Partial<AdafactorOptions> = {},
  ) {
    super(
      params,
      { lr: 0.01, beta2Decay: -0.8, eps: [2 ** -23, 1e-3], d: 1, weightDecay: 0, maximize: false },
      options,
    );
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<AdafactorOptions>): void {
    this.requireNonNegative(group, "lr", "weightDecay");
    this.require(group.beta2Decay <= 0, "beta2Decay", "at most 0", group.beta2Decay);
    this.require(group.d >= 1, "d", "at least 1", group.d);
  }

  /** Rows and columns of matrices, all elements of vectors. */
  protected override stateShapes({ shape }: Tensor): Readonly<Record<string, Shape>> {
    if (shape.length < 2) return { variance: shape };
    return { rowVar: [...shape.slice(0, -1), 1], colVar: [...shape.slice(0, -2), 1, shape[shape.length - 1]] };
  }

  /** The options that a step reads. */
  protected override numbersOf(group: ParamGroup<AdafactorOptions>): Readonly<Record<string, number>> {
    const { lr, beta2Decay, weightDecay, maximize } = group;
    return { lr, beta2Decay, keep: 1 - lr * weightDecay, direction: maximize ? -1 : 1 };
  }

  /** One step of a parameter. */
  protected override change(
    param: Tensor,
    grad: Tensor,
    state: NamedTensors,
    { lr, beta2Decay, keep, direction }: NamedTensors,
    { eps: [eps, least], d }: ParamGroup<AdafactorOptions>,
  ): ComposedChange {
    const fresh = pow(state.step, beta2Decay), rate = minimum(lr, rsqrt(state.step));
    const size = (x: Tensor) => sqrt(mean(square(x)));
    const alpha = mul(maximum(size(param), least), rate);
    const squares = square(grad);
    const next: Record<string, Tensor> = {};
    if (param.ndim > 1) {
      next.rowVar = lerp(state.rowVar, mean(squares, { dim: -1, keepdim: true }), fresh);
      next.colVar = lerp(state.colVar, mean(squares, { dim: -2, keepdim: true }), fresh);
    } else next.variance = lerp(state.variance, squares, fresh);
    const variance = next.variance ??
      div(mul(next.rowVar, next.colVar), maximum(mean(next.rowVar, { dim: -2, keepdim: true }), eps));
    const update = mul(rsqrt(clamp(variance, { min: eps * eps })), grad);
    const step = mul(update, div(alpha, maximum(div(size(update), d), 1)));
    return { param: sub(mul(param, keep), mul(step, direction)), state: next };
  }
}
