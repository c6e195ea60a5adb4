import { asgd, type ASGDOptions } from "../kernels/optimizer/asgd.ts";
import type { Rule } from "../kernels/optimizer/rule.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";
import { RuleOptimizer } from "./rule_optimizer.ts";

export type { ASGDOptions };

/**
 * Stochastic gradient descent whose step shrinks, and that averages the parameters from step `t0` on (Polyak and
 * Juditsky, 1992). State: `step`, and `ax`, the average.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { ASGD } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new ASGD([w], { lr: 0.25, lambd: 0 });
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array()); // [1.5, -1]
 * ```
 */
export class ASGD extends RuleOptimizer<ASGDOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate, how it shrinks, and when averaging begins
   * @throws {RangeError} If an option is out of range
   */
  constructor(params: Iterable<Tensor> | Iterable<ParamGroupInput<ASGDOptions>>, options: Partial<ASGDOptions> = {}) {
    super(params, { lr: 0.01, lambd: 1e-4, alpha: 0.75, t0: 1e6, weightDecay: 0, maximize: false }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<ASGDOptions>): void {
    this.requireNonNegative(group, "lr", "lambd", "t0", "weightDecay");
  }

  /** The rule for a group's present options. */
  protected override ruleOf(_group: ParamGroup<ASGDOptions>): Rule<ASGDOptions> {
    return asgd;
  }
}
