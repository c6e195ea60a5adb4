import { checkNames } from "../device/option_names.ts";
import { batchNorm } from "../kernels/batch_norm/batch_norm.ts";
import { increment } from "../kernels/counter/counter.ts";
import { div } from "../kernels/elementwise/arithmetic.ts";
import { lerp } from "../kernels/elementwise/ternary.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { zeros } from "../kernels/elementwise/constants.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { mean } from "../kernels/reduce/sum.ts";
import { variance } from "../kernels/reduce/var.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { scope } from "../tensor/scope.ts";
import { checkTensors } from "../tensor/operands.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ones as fillOnes, zeros as fillZeros } from "./init.ts";
import { checkSizes } from "./_sizes.ts";
import { Module } from "./module.ts";
import { onesParameter, zerosParameter } from "./normalization.ts";
import type { Buffer, Parameter } from "./parameter.ts";
import { watching } from "../tensor/watcher.ts";

/** Options of batch normalisation layers. */
export interface BatchNormModuleOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** How far running statistics go towards a batch's; `null` gives every batch the same weight. Default 0.1. */
  momentum?: number | null;
  /** Whether scale and shift are learned; default true. */
  affine?: boolean;
  /** Whether statistics are kept for evaluation; default true. */
  trackRunningStats?: boolean;
}

/** What layers with running statistics have in common. */
export abstract class StatisticsNorm extends Module<[x: Tensor], Tensor> {
  /** Number of channels. */
  readonly numFeatures: number;
  /** Added to the variance. */
  readonly eps: number;
  /** How far running statistics go towards a batch's; `null` gives every batch the same weight. */
  momentum: number | null;
  /** Factors by channel, or `null`. */
  weight: Parameter | null;
  /** Summands by channel, or `null`. */
  bias: Parameter | null;

  /**
   * Makes the layer.
   *
   * @param numFeatures Number of channels
   * @param options Scale and shift, and statistics
   */
  constructor(
    numFeatures: number,
    options: BatchNormModuleOptions,
  ) {
    super();
    const names = { eps: true, momentum: true, affine: true, trackRunningStats: true } as const;
    checkNames(`make ${this.constructor.name}`, options, names);
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    checkSizes(this.constructor.name, { numFeatures }, 0);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = onesParameter([numFeatures], affine);
    this.bias = zerosParameter([numFeatures], affine);
    if (!trackRunningStats) return;
    scope(() => {
      this.registerBuffer("running_mean", zeros([numFeatures]));
      fillOnes(this.registerBuffer("running_var", zeros([numFeatures])));
      this.registerBuffer("num_batches_tracked", zeros([], { dtype: "i32" }));
    });
  }

  /** Mean by channel over batches, or `null`; `running_mean` in `stateDict()`. */
  get runningMean(): Buffer | null {
    return this.registeredBuffer("running_mean");
  }

  /** Unbiased variance by channel over batches, or `null`; `running_var` in `stateDict()`. */
  get runningVar(): Buffer | null {
    return this.registeredBuffer("running_var");
  }

  /** Number of batches so far, an i32 without axes, or `null`; `num_batches_tracked` in `stateDict()`. */
  get numBatchesTracked(): Buffer | null {
    return this.registeredBuffer("num_batches_tracked");
  }

  /** Forgets the statistics. */
  resetRunningStats(): void {
    const { runningMean, runningVar, numBatchesTracked } = this;
    if (runningMean !== null) fillZeros(runningMean);
    if (runningVar !== null) fillOnes(runningVar);
    if (numBatchesTracked !== null) fillZeros(numBatchesTracked);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    const { numFeatures, eps, momentum } = this;
    return `${numFeatures}, eps=${eps}, momentum=${momentum}, affine=${this.weight !== null}, ` +
      `trackRunningStats=${this.runningMean !== null}`;
  }

  /** Throws unless the input has one of some numbers of axes, and the channels. */
  protected checkInput(x: Tensor, ranks: readonly number[], axis: number): void {
    checkTensors(this.constructor.name, x);
    if (ranks.includes(x.ndim) && x.shape[axis] === this.numFeatures) return;
    throw new ShapeError(
      this.constructor.name,
      `Cannot normalise in ${this.constructor.name}: the input must have ${
        ranks.join(" or ")
      } axes and ${this.numFeatures} channels at axis ${axis}, its shape is ${showShape(x.shape)}`,
      [x.shape],
    );
  }
}

/** What batch normalisation layers have in common. */
export abstract class BatchNorm extends StatisticsNorm {
  /** Whether training changes the running statistics, where there are some; a frozen layer leaves them. */
  trackRunningStats: boolean;
  /** Numbers of axes that an input may have. */
  protected abstract readonly ranks: readonly number[];

  /**
   * Makes the layer.
   *
   * @param numFeatures Number of channels
   * @param options Scale and shift, and statistics
   */
  constructor(numFeatures: number, options: BatchNormModuleOptions = {}) {
    super(numFeatures, options);
    this.trackRunningStats = this.runningMean !== null;
  }

  /** The input, normalised by its own statistics in training, by the running ones in evaluation. */
  forward(x: Tensor): Tensor {
    this.checkInput(x, this.ranks, 1);
    watching.by?.depends(this, "momentum", () => this.momentum);
    watching.by?.depends(this, "trackRunningStats", () => this.trackRunningStats);
    const { weight, bias, eps, momentum, runningMean, runningVar } = this;
    const training = this.training || runningMean === null;
    const tracking = training && runningMean !== null && this.trackRunningStats;
    if (tracking) increment(this.numBatchesTracked!);
    if (training && !(tracking && momentum !== null)) {
      const y = batchNorm(x, { weight, bias, eps, training });
      if (tracking) this.#average(x);
      return y;
    }
    return batchNorm(x, { weight, bias, eps, training, runningMean, runningVar, momentum: momentum ?? 0 });
  }

  /** Moves the statistics by 1 / (number of batches) of the way: the mean over all batches. */
  #average(x: Tensor): void {
    noGrad(() =>
      scope(() => {
        const share = div(1, to(this.numBatchesTracked!, "f32"));
        const dim = x.shape.map((_, i) => i).filter((i) => i !== 1);
        const batch = to(x, "f32");
        copyInto(this.runningMean!, lerp(this.runningMean!, mean(batch, { dim }), share));
        copyInto(this.runningVar!, lerp(this.runningVar!, variance(batch, { dim }), share));
      })
    );
  }
}

/**
 * Batch normalisation of vectors [n, c] or signals [n, c, length] (Ioffe and Szegedy 2015); see {@link BatchNorm2d}.
 */
export class BatchNorm1d extends BatchNorm {
  /** Numbers of axes that an input may have. */
  protected override readonly ranks: readonly number[] = [2, 3];
}

/**
 * Batch normalisation of images [n, c, height, width]: each channel is normalised to mean 0 and variance 1 over the
 * batch, then scaled and shifted (Ioffe and Szegedy 2015).
 *
 * `weight` and `bias` [c] start as ones and zeros. Buffers: `running_mean`, `running_var`, `num_batches_tracked`.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { BatchNorm2d } from "@fulgurite/core/nn";
 *
 * await init();
 * const layer = new BatchNorm2d(16);
 * layer.forward(randn([8, 16, 4, 4])); // changes the running statistics
 * layer.eval();
 * console.log(layer.forward(randn([1, 16, 4, 4])).shape); // [1, 16, 4, 4]
 * ```
 */
export class BatchNorm2d extends BatchNorm {
  /** Numbers of axes that an input may have. */
  protected override readonly ranks: readonly number[] = [4];
}

/** Batch normalisation of volumes [n, c, depth, height, width]; see {@link BatchNorm2d}. */
export class BatchNorm3d extends BatchNorm {
  /** Numbers of axes that an input may have. */
  protected override readonly ranks: readonly number[] = [5];
}
