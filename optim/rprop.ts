import { rprop, type RpropOptions } from "../kernels/optimizer/rprop.ts";
import type { Rule } from "../kernels/optimizer/rule.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";
import { RuleOptimizer } from "./rule_optimizer.ts";

export type { RpropOptions };

/**
 * Steps by the gradient's sign alone, each coordinate with a step of its own that grows while the sign stays; for full
 * batches (Riedmiller and Braun, 1993). State: `step`, `prev`, `stepSize`.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { Rprop } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new Rprop([w], { lr: 0.5 });
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array()); // [2.5, -1.5]
 * ```
 */
export class Rprop extends RuleOptimizer<RpropOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Step sizes and the like
   * @throws {RangeError} If an option is out of range
   */
  constructor(
    params: Iterable<Tensor> | Iterable<ParamGroupInput<RpropOptions>>,
    options: Partial<RpropOptions> = {},
  ) {
    super(params, { lr: 0.01, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<RpropOptions>): void {
    this.requireNonNegative(group, "lr");
    const [shrink, grow] = group.etas;
    this.require(shrink > 0 && shrink < 1 && grow > 1, "etas", "one below and one above 1", group.etas);
  }

  /** The rule for a group's present options. */
  protected override ruleOf(_group: ParamGroup<RpropOptions>): Rule<RpropOptions> {
    return rprop;
  }
}
