import { nadam, type NAdamOptions } from "../kernels/optimizer/rectified.ts";
import type { Rule } from "../kernels/optimizer/rule.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";
import { RuleOptimizer } from "./rule_optimizer.ts";

export type { NAdamOptions };

/**
 * Adam with Nesterov's look ahead (Dozat, "Incorporating Nesterov momentum into Adam", 2016). State: `step`,
 * `muProduct`, `expAvg`, `expAvgSq`.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { NAdam } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new NAdam([w]);
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array()); // a little closer to [0, 0]
 * ```
 */
export class NAdam extends RuleOptimizer<NAdamOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate and the like
   * @throws {RangeError} If an option is out of range
   */
  constructor(
    params: Iterable<Tensor> | Iterable<ParamGroupInput<NAdamOptions>>,
    options: Partial<NAdamOptions> = {},
  ) {
    super(params, {
      lr: 2e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      momentumDecay: 4e-3,
      decoupledWeightDecay: false,
      maximize: false,
    }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<NAdamOptions>): void {
    this.requireNonNegative(group, "lr", "eps", "weightDecay", "momentumDecay");
    this.requireRates(group.betas, "betas");
  }

  /** The rule for a group's present options. */
  protected override ruleOf(_group: ParamGroup<NAdamOptions>): Rule<NAdamOptions> {
    return nadam;
  }
}
