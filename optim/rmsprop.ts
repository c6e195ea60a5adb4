import { type RMSpropOptions, rmspropRule } from "../kernels/optimizer/adaptive.ts";
import type { Rule } from "../kernels/optimizer/rule.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";
import { RuleOptimizer } from "./rule_optimizer.ts";

export type { RMSpropOptions };

/**
 * Divides the gradient by the root of a running mean of its squares (Tieleman and Hinton, lecture 6e of "Neural
 * networks for machine learning", 2012). State: `step`, `squareAvg`, with momentum `momentumBuffer`, when centred
 * `gradAvg`.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { RMSprop } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new RMSprop([w]);
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array()); // a little closer to [0, 0]
 * ```
 */
export class RMSprop extends RuleOptimizer<RMSpropOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate and the like
   * @throws {RangeError} If an option is out of range
   */
  constructor(
    params: Iterable<Tensor> | Iterable<ParamGroupInput<RMSpropOptions>>,
    options: Partial<RMSpropOptions> = {},
  ) {
    super(params, {
      lr: 0.01,
      alpha: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      momentum: 0,
      centered: false,
      maximize: false,
    }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<RMSpropOptions>): void {
    this.requireNonNegative(group, "lr", "alpha", "eps", "weightDecay", "momentum");
  }

  /** The rule for a group's present options. */
  protected override ruleOf(group: ParamGroup<RMSpropOptions>): Rule<RMSpropOptions> {
    return rmspropRule(group);
  }
}
