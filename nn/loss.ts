import { checkNames } from "../device/option_names.ts";
import { crossEntropy, type CrossEntropyOptions, nllLoss, type NllLossOptions } from "../kernels/cross_entropy/mod.ts";
import {
  cosineEmbeddingLoss,
  hingeEmbeddingLoss,
  type MarginLossOptions,
  tripletMarginLoss,
  type TripletMarginLossOptions,
} from "../ops/embedding_losses.ts";
import {
  binaryCrossEntropy,
  type BinaryCrossEntropyOptions,
  binaryCrossEntropyWithLogits,
  type BinaryCrossEntropyWithLogitsOptions,
  klDiv,
  type KlDivOptions,
} from "../ops/probability_losses.ts";
import {
  huberLoss,
  type HuberLossOptions,
  l1Loss,
  mseLoss,
  smoothL1Loss,
  type SmoothL1LossOptions,
} from "../ops/regression_losses.ts";
import type { ReductionOptions } from "../ops/_loss.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";
import { Buffer } from "./parameter.ts";

/** A weight as a buffer of the module. */
const bufferOf = (weight: Tensor | null | undefined): Buffer | null => weight ? new Buffer(weight) : null;

/**
 * The cross-entropy of scores and labels (or probabilities of classes).
 *
 * @example
 * ```ts
 * import { init, randn, tensor } from "@fulgurite/core";
 * import { CrossEntropyLoss } from "@fulgurite/core/nn";
 *
 * await init();
 * const loss = new CrossEntropyLoss({ labelSmoothing: 0.1 });
 * console.log(await loss.forward(randn([2, 10]), tensor([3, 7])).item());
 * ```
 */
export class CrossEntropyLoss extends Module<[input: Tensor, target: Tensor], Tensor> {
  readonly #options: Omit<CrossEntropyOptions, "weight">;
  /** A factor for each class, or `null`. */
  weight: Buffer | null;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   */
  constructor(given: CrossEntropyOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, given, {
      weight: true,
      ignoreIndex: true,
      reduction: true,
      labelSmoothing: true,
    });
    const { weight, ...options } = given;
    this.#options = options;
    this.weight = bufferOf(weight);
  }

  /**
   * The loss of predictions.
   *
   * @param input Scores, [n, classes, …]
   * @param target Labels [n, …], i32; or probabilities of the shape of the scores
   * @returns The loss: a number, or without reduction one for each element
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return crossEntropy(input, target, { ...this.#options, weight: this.weight });
  }
}

/**
 * The negative log-probability of labels.
 */
export class NLLLoss extends Module<[input: Tensor, target: Tensor], Tensor> {
  readonly #options: Omit<NllLossOptions, "weight">;
  /** A factor for each class, or `null`. */
  weight: Buffer | null;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   */
  constructor(given: NllLossOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, given, { weight: true, ignoreIndex: true, reduction: true });
    const { weight, ...options } = given;
    this.#options = options;
    this.weight = bufferOf(weight);
  }

  /**
   * The loss of predictions.
   *
   * @param input Log-probabilities, [n, classes, …]
   * @param target Labels [n, …], i32
   * @returns The loss: a number, or without reduction one for each element
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return nllLoss(input, target, { ...this.#options, weight: this.weight });
  }
}

/**
 * The squared difference.
 */
export class MSELoss extends Module<[input: Tensor, target: Tensor], Tensor> {
  readonly #options: ReductionOptions;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   */
  constructor(options: ReductionOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { reduction: true });
    this.#options = { ...options };
  }

  /**
   * The loss of predictions.
   *
   * @param input Predictions
   * @param target Targets, of the same shape
   * @returns The loss: a number, or without reduction one for each element
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.#options);
  }
}

/**
 * The size of the difference.
 */
export class L1Loss extends Module<[input: Tensor, target: Tensor], Tensor> {
  readonly #options: ReductionOptions;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   */
  constructor(options: ReductionOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { reduction: true });
    this.#options = { ...options };
  }

  /**
   * The loss of predictions.
   *
   * @param input Predictions
   * @param target Targets, of the same shape
   * @returns The loss: a number, or without reduction one for each element
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this.#options);
  }
}

/**
 * The squared difference where it is small, its size where it is large.
 */
export class SmoothL1Loss extends Module<[input: Tensor, target: Tensor], Tensor> {
  readonly #options: SmoothL1LossOptions;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   */
  constructor(options: SmoothL1LossOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { beta: true, reduction: true });
    this.#options = { ...options };
  }

  /**
   * The loss of predictions.
   *
   * @param input Predictions
   * @param target Targets, of the same shape
   * @returns The loss: a number, or without reduction one for each element
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, this.#options);
  }
}

/**
 * The squared difference where it is small, its size where it is large, times delta.
 */
export class HuberLoss extends Module<[input: Tensor, target: Tensor], Tensor> {
  readonly #options: HuberLossOptions;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   */
  constructor(options: HuberLossOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { delta: true, reduction: true });
    this.#options = { ...options };
  }

  /**
   * The loss of predictions.
   *
   * @param input Predictions
   * @param target Targets, of the same shape
   * @returns The loss: a number, or without reduction one for each element
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, this.#options);
  }
}

/**
 * The cross-entropy of probabilities of yes or no.
 */
export class BCELoss extends Module<[input: Tensor, target: Tensor], Tensor> {
  readonly #options: Omit<BinaryCrossEntropyOptions, "weight">;
  /** A factor for each element, or `null`. */
  weight: Buffer | null;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   */
  constructor(given: BinaryCrossEntropyOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, given, { weight: true, reduction: true });
    const { weight, ...options } = given;
    this.#options = options;
    this.weight = bufferOf(weight);
  }

  /**
   * The loss of predictions.
   *
   * @param input Probabilities
   * @param target Targets from 0 to 1, of the same shape
   * @returns The loss: a number, or without reduction one for each element
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, { ...this.#options, weight: this.weight });
  }
}

/**
 * The cross-entropy of yes or no, from scores before the sigmoid.
 */
export class BCEWithLogitsLoss extends Module<[input: Tensor, target: Tensor], Tensor> {
  readonly #options: Omit<BinaryCrossEntropyWithLogitsOptions, "weight" | "posWeight">;
  /** A factor for each element, or `null`. */
  weight: Buffer | null;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   */
  constructor(given: BinaryCrossEntropyWithLogitsOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, given, { weight: true, posWeight: true, reduction: true });
    const { weight, posWeight, ...options } = given;
    this.#options = options;
    this.weight = bufferOf(weight);
    this.registerBuffer("pos_weight", posWeight ?? null);
  }

  /** A factor for positive targets, or `null`; `pos_weight` in `stateDict()`. */
  get posWeight(): Buffer | null {
    return this.registeredBuffer("pos_weight");
  }

  /**
   * The loss of predictions.
   *
   * @param input Scores
   * @param target Targets from 0 to 1, of the same shape
   * @returns The loss: a number, or without reduction one for each element
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropyWithLogits(input, target, {
      ...this.#options,
      weight: this.weight,
      posWeight: this.posWeight,
    });
  }
}

/**
 * The Kullback-Leibler divergence of log-probabilities from a target distribution.
 */
export class KLDivLoss extends Module<[input: Tensor, target: Tensor], Tensor> {
  readonly #options: KlDivOptions;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   */
  constructor(options: KlDivOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { reduction: true, logTarget: true });
    this.#options = { ...options };
  }

  /**
   * The loss of predictions.
   *
   * @param input Log-probabilities
   * @param target Probabilities, or with `logTarget` their logarithms
   * @returns The loss: a number, or without reduction one for each element
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, this.#options);
  }
}

/**
 * Distances of pairs that belong together (target 1), and what others (target −1) lack to the margin.
 */
export class HingeEmbeddingLoss extends Module<[input: Tensor, target: Tensor], Tensor> {
  readonly #options: MarginLossOptions;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   */
  constructor(options: MarginLossOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { margin: true, reduction: true });
    this.#options = { ...options };
  }

  /**
   * The loss of predictions.
   *
   * @param input Distances
   * @param target 1 and −1
   * @returns The loss: a number, or without reduction one for each element
   */
  forward(input: Tensor, target: Tensor): Tensor {
    return hingeEmbeddingLoss(input, target, this.#options);
  }
}

/**
 * Angles of pairs that belong together (target 1), and what others (target −1) lack to the margin.
 */
export class CosineEmbeddingLoss extends Module<[input1: Tensor, input2: Tensor, target: Tensor], Tensor> {
  readonly #options: MarginLossOptions;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   */
  constructor(options: MarginLossOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { margin: true, reduction: true });
    this.#options = { ...options };
  }

  /**
   * The loss of predictions.
   *
   * @param input1 Vectors along the last axis
   * @param input2 Their partners
   * @param target 1 and −1
   * @returns The loss: a number, or without reduction one for each element
   */
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return cosineEmbeddingLoss(input1, input2, target, this.#options);
  }
}

/**
 * What the negative lacks of being farther from the anchor than the positive by a margin.
 */
export class TripletMarginLoss extends Module<[anchor: Tensor, positive: Tensor, negative: Tensor], Tensor> {
  readonly #options: TripletMarginLossOptions;

  /**
   * Makes the loss.
   *
   * @param options How it is computed and reduced
   */
  constructor(options: TripletMarginLossOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, {
      margin: true,
      p: true,
      eps: true,
      swap: true,
      reduction: true,
    });
    this.#options = { ...options };
  }

  /**
   * The loss of predictions.
   *
   * @param anchor Vectors along the last axis
   * @param positive Vectors that belong to them
   * @param negative Vectors that do not
   * @returns The loss: a number, or without reduction one for each element
   */
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginLoss(anchor, positive, negative, this.#options);
  }
}
