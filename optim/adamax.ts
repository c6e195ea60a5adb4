import { adamax, type AdamaxOptions } from "../kernels/optimizer/adaptive.ts";
import type { Rule } from "../kernels/optimizer/rule.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";
import { RuleOptimizer } from "./rule_optimizer.ts";

export type { AdamaxOptions };

/**
 * Adam with the largest size of the gradient in place of its mean square (Kingma and Ba, "Adam", section 7, 2014).
 * State: `step`, `expAvg`, `expInf`.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { Adamax } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new Adamax([w]);
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array()); // a little closer to [0, 0]
 * ```
 */
export class Adamax extends RuleOptimizer<AdamaxOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate and the like
   * @throws {RangeError} If an option is out of range
   */
  constructor(
    params: Iterable<Tensor> | Iterable<ParamGroupInput<AdamaxOptions>>,
    options: Partial<AdamaxOptions> = {},
  ) {
    super(params, { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<AdamaxOptions>): void {
    this.requireNonNegative(group, "lr", "eps", "weightDecay");
    this.requireRates(group.betas, "betas");
  }

  /** The rule for a group's present options. */
  protected override ruleOf(_group: ParamGroup<AdamaxOptions>): Rule<AdamaxOptions> {
    return adamax;
  }
}
