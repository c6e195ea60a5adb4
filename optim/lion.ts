import { lion, type LionOptions } from "../kernels/optimizer/adaptive.ts";
import type { Rule } from "../kernels/optimizer/rule.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";
import { RuleOptimizer } from "./rule_optimizer.ts";

export type { LionOptions };

/**
 * Steps of equal size in every coordinate, along the sign of momentum (Chen and others, "Symbolic discovery of
 * optimization algorithms", 2023). Use a rate three to ten times smaller than Adam's. State: `expAvg`.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { Lion } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new Lion([w]);
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array()); // a little closer to [0, 0]
 * ```
 */
export class Lion extends RuleOptimizer<LionOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate and the like
   * @throws {RangeError} If an option is out of range
   */
  constructor(
    params: Iterable<Tensor> | Iterable<ParamGroupInput<LionOptions>>,
    options: Partial<LionOptions> = {},
  ) {
    super(params, { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0, maximize: false }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<LionOptions>): void {
    this.requireNonNegative(group, "lr", "weightDecay");
    this.requireRates(group.betas, "betas");
  }

  /** The rule for a group's present options. */
  protected override ruleOf(_group: ParamGroup<LionOptions>): Rule<LionOptions> {
    return lion;
  }
}
