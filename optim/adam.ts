import { type AdamOptions, adamRule, adamWRule } from "../kernels/optimizer/adam.ts";
import type { Rule } from "../kernels/optimizer/rule.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParamGroup, ParamGroupInput } from "./optimizer.ts";
import { RuleOptimizer } from "./rule_optimizer.ts";

export type { AdamOptions };

const DEFAULTS: AdamOptions = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
};

/**
 * Adam: steps of the size of the rate, along the running mean of gradients over the root of the running mean of their
 * squares (Kingma and Ba, "Adam: a method for stochastic optimization", 2014).
 *
 * Weight decay is added to the gradient; for the kind that shrinks parameters use {@link AdamW}. State: `step`,
 * `expAvg`, `expAvgSq`, with `amsgrad` also `maxExpAvgSq`; a parameter without a gradient is skipped and keeps its own
 * step count.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { Adam } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new Adam([w], { lr: 0.1 });
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array()); // [2.9, -1.9]
 * ```
 */
export class Adam extends RuleOptimizer<AdamOptions> {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate, decay rates and the like
   * @throws {RangeError} If an option is out of range
   */
  constructor(params: Iterable<Tensor> | Iterable<ParamGroupInput<AdamOptions>>, options: Partial<AdamOptions> = {}) {
    super(params, DEFAULTS, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<AdamOptions>): void {
    this.requireNonNegative(group, "lr", "eps", "weightDecay");
    this.requireRates(group.betas, "betas");
  }

  /** The rule for a group's present options. */
  protected override ruleOf(group: ParamGroup<AdamOptions>): Rule<AdamOptions> {
    return adamRule(group.amsgrad);
  }
}

/**
 * Adam with weight decay that shrinks the parameters by `lr · weightDecay` and leaves the moments alone (Loshchilov and
 * Hutter, "Decoupled weight decay regularization", 2017). Default weight decay: 0.01.
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { Linear } from "@fulgurite/core/nn";
 * import { AdamW } from "@fulgurite/core/optim";
 *
 * await init();
 * const layer = new Linear(4, 2);
 * const optimizer = new AdamW([
 *   { params: [layer.weight], weightDecay: 0.1 },
 *   { params: [layer.bias!], weightDecay: 0 },
 * ]);
 * console.log(optimizer.paramGroups.map((group) => group.lr)); // [0.001, 0.001]
 * ```
 */
export class AdamW extends Adam {
  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param options Rate, decay rates and the like
   * @throws {RangeError} If an option is out of range
   */
  constructor(params: Iterable<Tensor> | Iterable<ParamGroupInput<AdamOptions>>, options: Partial<AdamOptions> = {}) {
    super(params, { weightDecay: 0.01, ...options });
  }

  /** The rule for a group's present options. */
  protected override ruleOf(group: ParamGroup<AdamOptions>): Rule<AdamOptions> {
    return adamWRule(group.amsgrad);
  }
}
