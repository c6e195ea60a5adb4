import { radam, type RAdamOptions } from "../kernels/optimizer/rectified.ts";
import type { Rule } from "../kernels/optimizer/rule.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";
import { RuleOptimizer } from "./rule_optimizer.ts";

export type { RAdamOptions };

/**
 * Adam that corrects for the variance of its first steps (Liu and others, "On the variance of the adaptive learning
 * rate and beyond", 2019). State: `step`, `expAvg`, `expAvgSq`.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { RAdam } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new RAdam([w]);
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array()); // a little closer to [0, 0]
 * ```
 */
export class RAdam extends RuleOptimizer<RAdamOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate and the like
   * @throws {RangeError} If an option is out of range
   */
  constructor(
    params: Iterable<Tensor> | Iterable<ParamGroupInput<RAdamOptions>>,
    options: Partial<RAdamOptions> = {},
  ) {
    super(params, {
      lr: 1e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      decoupledWeightDecay: false,
      maximize: false,
    }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<RAdamOptions>): void {
    this.requireNonNegative(group, "lr", "eps", "weightDecay");
    this.requireRates(group.betas, "betas");
  }

  /** The rule for a group's present options. */
  protected override ruleOf(_group: ParamGroup<RAdamOptions>): Rule<RAdamOptions> {
    return radam;
  }
}
