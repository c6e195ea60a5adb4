import type { Rule } from "../kernels/optimizer/rule.ts";
import { sgd, sgdMomentum, type SGDOptions } from "../kernels/optimizer/sgd.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";
import { RuleOptimizer } from "./rule_optimizer.ts";

export type { SGDOptions };

/**
 * Stochastic gradient descent, with momentum, Nesterov's look ahead and weight decay.
 *
 * p ← p − lr·b with b ← μb + (1 − d)(g + λp); without momentum b = g + λp. State: `momentumBuffer`.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { SGD } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new SGD([w], { lr: 0.1, momentum: 0.9 });
 * for (let i = 0; i < 100; i++) {
 *   optimizer.zeroGrad();
 *   backward(w.mul(w).sum());
 *   optimizer.step();
 * }
 * console.log(await w.array()); // close to [0, 0]
 * ```
 */
export class SGD extends RuleOptimizer<SGDOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate, momentum and the like
   * @throws {RangeError} If an option is out of range, or nesterov is wanted without momentum or with dampening
   */
  constructor(params: Iterable<Tensor> | Iterable<ParamGroupInput<SGDOptions>>, options: Partial<SGDOptions> = {}) {
    super(params, {
      lr: 1e-3,
      momentum: 0,
      dampening: 0,
      weightDecay: 0,
      nesterov: false,
      maximize: false,
    }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<SGDOptions>): void {
    this.requireNonNegative(group, "lr", "momentum", "weightDecay");
    this.require(
      !group.nesterov || (group.momentum > 0 && group.dampening === 0),
      "nesterov",
      "used with momentum and without dampening",
      `momentum ${group.momentum}, dampening ${group.dampening}`,
    );
  }

  /** The rule for a group's present options. */
  protected override ruleOf(group: ParamGroup<SGDOptions>): Rule<SGDOptions> {
    return group.momentum === 0 ? sgd : sgdMomentum;
  }
}
