import { adagrad, type AdagradOptions } from "../kernels/optimizer/adaptive.ts";
import type { Rule } from "../kernels/optimizer/rule.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";
import { RuleOptimizer } from "./rule_optimizer.ts";

export type { AdagradOptions };

/**
 * Divides the gradient by the root of the sum of all its squares so far (Duchi, Hazan and Singer, "Adaptive subgradient
 * methods", 2011). State: `step`, `sum`.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { Adagrad } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new Adagrad([w]);
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array()); // a little closer to [0, 0]
 * ```
 */
export class Adagrad extends RuleOptimizer<AdagradOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate and the like
   * @throws {RangeError} If an option is out of range
   */
  constructor(
    params: Iterable<Tensor> | Iterable<ParamGroupInput<AdagradOptions>>,
    options: Partial<AdagradOptions> = {},
  ) {
    super(params, {
      lr: 0.01,
      lrDecay: 0,
      weightDecay: 0,
      initialAccumulatorValue: 0,
      eps: 1e-10,
      maximize: false,
    }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<AdagradOptions>): void {
    this.requireNonNegative(group, "lr", "lrDecay", "weightDecay", "initialAccumulatorValue", "eps");
  }

  /** The rule for a group's present options. */
  protected override ruleOf(_group: ParamGroup<AdagradOptions>): Rule<AdagradOptions> {
    return adagrad;
  }
}
