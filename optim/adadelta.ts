import { adadelta, type AdadeltaOptions } from "../kernels/optimizer/adaptive.ts";
import type { Rule } from "../kernels/optimizer/rule.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";
import { RuleOptimizer } from "./rule_optimizer.ts";

export type { AdadeltaOptions };

/**
 * Scales the gradient by the ratio of the sizes of past steps and past gradients (Zeiler, "Adadelta", 2012). State:
 * `step`, `squareAvg`, `accDelta`.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { Adadelta } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new Adadelta([w]);
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array()); // a little closer to [0, 0]
 * ```
 */
export class Adadelta extends RuleOptimizer<AdadeltaOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate and the like
   * @throws {RangeError} If an option is out of range
   */
  constructor(
    params: Iterable<Tensor> | Iterable<ParamGroupInput<AdadeltaOptions>>,
    options: Partial<AdadeltaOptions> = {},
  ) {
    super(params, { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<AdadeltaOptions>): void {
    this.requireNonNegative(group, "lr", "eps", "weightDecay");
    this.require(group.rho >= 0 && group.rho <= 1, "rho", "from 0 to 1", group.rho);
  }

  /** The rule for a group's present options. */
  protected override ruleOf(_group: ParamGroup<AdadeltaOptions>): Rule<AdadeltaOptions> {
    return adadelta;
  }
}
