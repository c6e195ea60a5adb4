import { checkNames } from "../device/option_names.ts";
import { groupNorm, instanceNorm } from "../ops/group_norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { increment } from "../kernels/counter/counter.ts";
import { StatisticsNorm } from "./batch_norm.ts";
import { Module } from "./module.ts";
import { onesParameter, zerosParameter } from "./normalization.ts";
import type { Parameter } from "./parameter.ts";

/** Options of {@link GroupNorm}. */
export interface GroupNormModuleOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** Whether scale and shift are learned; default true. */
  affine?: boolean;
}

/** Normalises groups of channels of each sample, then scales and shifts each channel (Wu and He 2018). */
export class GroupNorm extends Module<[x: Tensor], Tensor> {
  /** Number of groups. */
  readonly numGroups: number;
  /** Number of channels. */
  readonly numChannels: number;
  /** Added to the variance. */
  readonly eps: number;
  /** Factors by channel, or `null`. */
  weight: Parameter | null;
  /** Summands by channel, or `null`. */
  bias: Parameter | null;

  /**
   * Makes the layer.
   *
   * @param numGroups Number of groups, a divisor of the channels
   * @param numChannels Number of channels
   * @param options Whether scale and shift are learned
   * @throws {RangeError} If the groups do not divide the channels
   */
  constructor(numGroups: number, numChannels: number, options: GroupNormModuleOptions = {}) {
    super();
    checkNames("make GroupNorm", options, { eps: true, affine: true });
    const { eps = 1e-5, affine = true } = options;
    if (!Number.isInteger(numGroups) || numGroups < 1 || numChannels % numGroups !== 0) {
      throw new RangeError(
        `Cannot make GroupNorm: groups must divide the channels, got ${numGroups} for ${numChannels}`,
      );
    }
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.weight = onesParameter([numChannels], affine);
    this.bias = zerosParameter([numChannels], affine);
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, numChannels, …]
   * @returns The same shape
   */
  forward(x: Tensor): Tensor {
    const { numGroups, weight, bias, eps } = this;
    return groupNorm(x, { numGroups, weight, bias, eps });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${this.eps}, affine=${this.weight !== null}`;
  }
}

/** Options of instance normalisation layers. */
export interface InstanceNormModuleOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** How far running statistics go towards a batch's; default 0.1. */
  momentum?: number;
  /** Whether scale and shift are learned; default false. */
  affine?: boolean;
  /** Whether statistics are kept, and used in evaluation; default false. */
  trackRunningStats?: boolean;
}

/** What instance normalisation layers have in common. */
export abstract class InstanceNorm extends StatisticsNorm {
  /** Axes of a place: 1 for signals, 2 for images. */
  protected abstract readonly spatial: number;

  /**
   * Makes the layer.
   *
   * @param numFeatures Number of channels
   * @param options Scale and shift, and statistics
   */
  constructor(numFeatures: number, options: InstanceNormModuleOptions = {}) {
    super(numFeatures, { affine: false, trackRunningStats: false, ...options });
  }

  /** The input with each channel of each sample normalised. */
  forward(x: Tensor): Tensor {
    this.checkInput(x, [this.spatial + 2], 1);
    const { weight, bias, eps, runningMean, runningVar } = this;
    const useInputStats = this.training || runningMean === null;
    if (this.training && runningMean !== null) increment(this.numBatchesTracked!);
    return instanceNorm(x, {
      weight,
      bias,
      eps,
      runningMean,
      runningVar,
      useInputStats,
      momentum: this.momentum ?? 0,
    });
  }
}

/** Normalises each channel of each signal [n, c, length] (Ulyanov and others 2016). */
export class InstanceNorm1d extends InstanceNorm {
  /** Axes of a place. */
  protected override readonly spatial: number = 1;
}

/** Normalises each channel of each image [n, c, height, width] (Ulyanov and others 2016). */
export class InstanceNorm2d extends InstanceNorm {
  /** Axes of a place. */
  protected override readonly spatial: number = 2;
}

/** Normalises each channel of each volume [n, c, depth, height, width] (Ulyanov and others 2016). */
export class InstanceNorm3d extends InstanceNorm {
  /** Axes of a place. */
  protected override readonly spatial: number = 3;
}
