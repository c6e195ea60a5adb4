import { checkNames, type OptionNames } from "../device/option_names.ts";
import { ctcLoss, type CtcLossOptions } from "../ops/ctc_loss.ts";
import {
  gaussianNllLoss,
  type GaussianNllLossOptions,
  marginRankingLoss,
  type MarginRankingLossOptions,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  type MultilabelSoftMarginLossOptions,
  multiMarginLoss,
  type MultiMarginLossOptions,
  poissonNllLoss,
  type PoissonNllLossOptions,
  softMarginLoss,
  type TripletDistanceLossOptions,
  tripletMarginWithDistanceLoss,
} from "../ops/margin_losses.ts";
import type { ReductionOptions } from "../ops/_loss.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";
import { Buffer } from "./parameter.ts";

/** Options, checked by their names. */
function checked<O>(layer: string, options: O, names: OptionNames<O>): O {
  checkNames(`make ${layer}`, options, names);
  return options;
}

/** A loss of inputs of the type `Inputs`, with options that it was made with. */
export abstract class OptionsLoss<Inputs extends readonly unknown[], O> extends Module<Inputs, Tensor> {
  /** What the loss was made with. */
  protected readonly options: O;

  /** Called by the losses. */
  protected constructor(options: O) {
    super();
    this.options = options;
  }
}

/**
 * Asks that one of two scores is the larger: {@link marginRankingLoss}.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { MarginRankingLoss } from "@fulgurite/core/nn";
 *
 * await init();
 * const loss = new MarginRankingLoss({ margin: 0.5 });
 * console.log(await loss.forward(tensor([1.5]), tensor([1.25]), tensor([1])).item()); // 0.25
 * ```
 */
export class MarginRankingLoss extends OptionsLoss<[x1: Tensor, x2: Tensor, target: Tensor], MarginRankingLossOptions> {
  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   * @throws {TypeError} If there is no such option
   */
  constructor(options: MarginRankingLossOptions = {}) {
    super(checked("MarginRankingLoss", options, { margin: true, reduction: true }));
  }

  /**
   * The loss of predictions.
   *
   * @param x1 Scores
   * @param x2 Scores of the same shape
   * @param target 1 where the first should be larger, −1 elsewhere
   * @returns The loss: a number, or without reduction one for each
   */
  forward(x1: Tensor, x2: Tensor, target: Tensor): Tensor {
    return marginRankingLoss(x1, x2, target, this.options);
  }
}

/** ln(1 + e^(−t x)): {@link softMarginLoss}. */
export class SoftMarginLoss extends OptionsLoss<[input: Tensor, target: Tensor], ReductionOptions> {
  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   * @throws {TypeError} If there is no such option
   */
  constructor(options: ReductionOptions = {}) {
    super(checked("SoftMarginLoss", options, { reduction: true }));
  }

  /**
   * The loss of predictions.
   *
   * @param input Scores
   * @param target 1 and −1, the same shape
   * @returns The loss: a number, or without reduction one for each
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return softMarginLoss(input, target, this.options);
  }
}

/** Asks that labels exceed other classes by 1: {@link multilabelMarginLoss}. */
export class MultiLabelMarginLoss extends OptionsLoss<[input: Tensor, target: Tensor], ReductionOptions> {
  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   * @throws {TypeError} If there is no such option
   */
  constructor(options: ReductionOptions = {}) {
    super(checked("MultiLabelMarginLoss", options, { reduction: true }));
  }

  /**
   * The loss of predictions.
   *
   * @param input Scores, [n, classes]
   * @param target Labels, i32 [n, classes], ended by −1
   * @returns The loss: a number, or without reduction one for each
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return multilabelMarginLoss(input, target, this.options);
  }
}

/** A triplet loss with a distance of one's own: {@link tripletMarginWithDistanceLoss}. */
export class TripletMarginWithDistanceLoss
  extends OptionsLoss<[anchor: Tensor, positive: Tensor, negative: Tensor], TripletDistanceLossOptions> {
  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   * @throws {TypeError} If there is no such option
   */
  constructor(options: TripletDistanceLossOptions = {}) {
    super(
      checked("TripletMarginWithDistanceLoss", options, {
        distanceFunction: true,
        margin: true,
        swap: true,
        reduction: true,
      }),
    );
  }

  /**
   * The loss of predictions.
   *
   * @param anchor Vectors
   * @param positive Vectors that belong with them
   * @param negative Vectors that do not
   * @returns The loss: a number, or without reduction one for each
   */
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginWithDistanceLoss(anchor, positive, negative, this.options);
  }
}

/** The negative log-likelihood of counts: {@link poissonNllLoss}. */
export class PoissonNLLLoss extends OptionsLoss<[input: Tensor, target: Tensor], PoissonNllLossOptions> {
  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   * @throws {TypeError} If there is no such option
   */
  constructor(options: PoissonNllLossOptions = {}) {
    super(checked("PoissonNLLLoss", options, { logInput: true, full: true, eps: true, reduction: true }));
  }

  /**
   * The loss of predictions.
   *
   * @param input Logarithms of rates, or rates
   * @param target Counts
   * @returns The loss: a number, or without reduction one for each
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return poissonNllLoss(input, target, this.options);
  }
}

/** The negative log-likelihood of a normal distribution: {@link gaussianNllLoss}. */
export class GaussianNLLLoss
  extends OptionsLoss<[input: Tensor, target: Tensor, variance: Tensor], GaussianNllLossOptions> {
  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   * @throws {TypeError} If there is no such option
   */
  constructor(options: GaussianNllLossOptions = {}) {
    super(checked("GaussianNLLLoss", options, { full: true, eps: true, reduction: true }));
  }

  /**
   * The loss of predictions.
   *
   * @param input Means
   * @param target Values
   * @param variance Variances
   * @returns The loss: a number, or without reduction one for each
   */
  forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return gaussianNllLoss(input, target, variance, this.options);
  }
}

/** Connectionist temporal classification: {@link ctcLoss}. */
export class CTCLoss extends OptionsLoss<
  [
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ],
  CtcLossOptions
> {
  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   * @throws {TypeError} If there is no such option
   */
  constructor(options: CtcLossOptions = {}) {
    super(checked("CTCLoss", options, { blank: true, reduction: true, zeroInfinity: true }));
  }

  /**
   * The loss of predictions.
   *
   * @param logProbs Log-probabilities, [time, n, classes]
   * @param targets Labels, i32 [n, longest]
   * @param inputLengths Times of each sample
   * @param targetLengths Labels of each sample
   * @returns The loss: a number, or without reduction one for each
   */
  forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ): Tensor {
    return ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options);
  }
}

/** Asks that the label exceeds every other class by a margin: {@link multiMarginLoss}. */
export class MultiMarginLoss
  extends OptionsLoss<[input: Tensor, target: Tensor], Omit<MultiMarginLossOptions, "weight">> {
  /** A factor for each class, or `null`. */
  weight: Buffer | null;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   * @throws {TypeError} If there is no such option
   */
  constructor(options: MultiMarginLossOptions = {}) {
    const { weight, ...rest } = checked("MultiMarginLoss", options, {
      p: true,
      margin: true,
      weight: true,
      reduction: true,
    });
    super(rest);
    this.weight = weight ? new Buffer(weight) : null;
  }

  /**
   * The loss of predictions.
   *
   * @param input Scores, [n, classes]
   * @param target Labels, i32 [n]
   * @returns The loss: a number, or without reduction one for each sample
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return multiMarginLoss(input, target, { ...this.options, weight: this.weight });
  }
}

/** The mean over classes of yes-or-no cross-entropies: {@link multilabelSoftMarginLoss}. */
export class MultiLabelSoftMarginLoss
  extends OptionsLoss<[input: Tensor, target: Tensor], Omit<MultilabelSoftMarginLossOptions, "weight">> {
  /** A factor for each class, or `null`. */
  weight: Buffer | null;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   * @throws {TypeError} If there is no such option
   */
  constructor(options: MultilabelSoftMarginLossOptions = {}) {
    const { weight, ...rest } = checked("MultiLabelSoftMarginLoss", options, { weight: true, reduction: true });
    super(rest);
    this.weight = weight ? new Buffer(weight) : null;
  }

  /**
   * The loss of predictions.
   *
   * @param input Scores, [n, classes]
   * @param target 1 and 0, [n, classes]
   * @returns The loss: a number, or without reduction one for each sample
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return multilabelSoftMarginLoss(input, target, { ...this.options, weight: this.weight });
  }
}
