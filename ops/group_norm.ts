import { checkNames } from "../device/option_names.ts";
import { batchNorm } from "../kernels/batch_norm/batch_norm.ts";
import { add, mul } from "../kernels/elementwise/arithmetic.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { layerNorm } from "../kernels/layer_norm/layer_norm.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { mean } from "../kernels/reduce/sum.ts";
import { variance } from "../kernels/reduce/var.ts";
import { autocastDType } from "../tensor/autocast.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { numel, sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What {@link groupNorm} needs to know. */
export interface GroupNormOptions {
  /** Number of groups that the channels are divided into. */
  numGroups: number;
  /** A factor for each channel, [C]; default: 1. */
  weight?: Tensor | null;
  /** A summand for each channel, [C]; default: 0. */
  bias?: Tensor | null;
  /** Added to the variance; default 1e-5. */
  eps?: number;
}

/** What {@link instanceNorm} needs to know. */
export interface InstanceNormOptions {
  /** A factor for each channel, [C]; default: 1. */
  weight?: Tensor | null;
  /** A summand for each channel, [C]; default: 0. */
  bias?: Tensor | null;
  /** Mean of each channel over batches, [C]: changed in place, or used without `useInputStats`. */
  runningMean?: Tensor | null;
  /** Unbiased variance of each channel over batches, [C]: changed in place, or used without `useInputStats`. */
  runningVar?: Tensor | null;
  /** Whether each sample's own statistics are used; default true. */
  useInputStats?: boolean;
  /** How far running statistics go towards the batch's, from 0 to 1; default 0.1. */
  momentum?: number;
  /** Added to the variance; default 1e-5. */
  eps?: number;
}

function checkChannels(op: string, x: Tensor, named: Record<string, Tensor | null | undefined>): void {
  for (const [name, t] of Object.entries(named)) {
    if (!t || sameShape(t.shape, [x.shape[1]])) continue;
    throw new ShapeError(
      op,
      `Cannot normalise in ${op}: ${name} must have one element for each of the ${x.shape[1]} channels, its shape is ${
        showShape(t.shape)
      }`,
      [x.shape, t.shape],
    );
  }
}

function checkFloat(op: string, x: Tensor): void {
  if (isFloat(x.dtype)) return;
  throw new TypeError(`Cannot normalise in ${op}: elements must be floating-point numbers, they are ${x.dtype}`);
}

function checkRank(op: string, x: Tensor, least: number): void {
  if (x.ndim >= least) return;
  throw new ShapeError(
    op,
    `Cannot normalise in ${op}: the input must have at least ${least} axes, its shape is ${showShape(x.shape)}`,
    [x.shape],
  );
}

/**
 * Normalises groups of channels of each sample to mean 0 and variance 1 (Wu and He, "Group normalization", 2018), then
 * scales and shifts each channel.
 *
 * @param x [N, C] or [N, C, d1, …], floating-point
 * @param options Number of groups, weight, bias and eps
 * @returns A tensor of the same shape
 * @throws {ShapeError} If the groups do not divide the channels, or weight or bias do not have one element a channel
 *
 * @example
 * ```ts
 * import { groupNorm, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 3, 10, 30]], { dtype: "f32" });
 * console.log(await groupNorm(x, { numGroups: 2 }).array()); // about [[-1, 1, -1, 1]]
 * ```
 */
export function groupNorm(x: Tensor, options: GroupNormOptions): Tensor {
  checkNames("compute groupNorm", options, { numGroups: "required", weight: true, bias: true, eps: true });
  const { numGroups, weight, bias, eps } = options;
  checkRank("groupNorm", x, 2);
  checkFloat("groupNorm", x);
  const [samples, channels] = x.shape;
  if (!Number.isInteger(numGroups) || numGroups < 1 || channels % numGroups !== 0) {
    throw new ShapeError(
      "groupNorm",
      `Cannot normalise in groupNorm: the groups must divide the channels, got ${numGroups} for the shape ${
        showShape(x.shape)
      }`,
      [x.shape],
    );
  }
  checkChannels("groupNorm", x, { weight, bias });
  const size = channels / numGroups * numel(x.shape.slice(2));
  // Scale and shift come before the one rounding to 16 bits.
  const groups = reshape(to(x, "f32"), [samples * numGroups, size]);
  let y = reshape(layerNorm(groups, { normalizedShape: [size], eps }), x.shape);
  const perChannel = x.shape.map((_, i) => i === 1 ? channels : 1).slice(1);
  if (weight) y = mul(y, reshape(weight, perChannel));
  if (bias) y = add(y, reshape(bias, perChannel));
  return to(y, autocastDType() === null ? x.dtype : "f32");
}

/**
 * Normalises each channel of each sample to mean 0 and variance 1 over its places (Ulyanov, Vedaldi and Lempitsky,
 * "Instance normalization", 2016), then scales and shifts each channel.
 *
 * @param x [N, C, d1, …], floating-point
 * @param options Weight, bias, running statistics, mode, momentum and eps
 * @returns A tensor of the same shape
 * @throws {ShapeError} If a shape does not fit, or a channel has one value only
 *
 * @example
 * ```ts
 * import { init, instanceNorm, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[[1, 3], [10, 30]]], { dtype: "f32" });
 * console.log(await instanceNorm(x).array()); // about [[[-1, 1], [-1, 1]]]
 * ```
 */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  const { weight, bias, runningMean, runningVar, useInputStats = true, momentum = 0.1, eps } = options;
  checkRank("instanceNorm", x, 3);
  if (!useInputStats) return batchNorm(x, { weight, bias, runningMean, runningVar, eps });
  const places = numel(x.shape.slice(2));
  if (places === 1) {
    throw new ShapeError(
      "instanceNorm",
      `Cannot normalise in instanceNorm: it needs more than one value per channel, the input's shape is ${
        showShape(x.shape)
      }`,
      [x.shape],
    );
  }
  checkChannels("instanceNorm", x, { runningMean, runningVar });
  if (runningMean || runningVar) {
    noGrad(() => {
      const rows = reshape(to(x, "f32"), [x.shape[0], x.shape[1], places]);
      for (const [running, statistic] of [[runningMean, mean], [runningVar, variance]] as const) {
        if (!running) continue;
        const batch = mean(statistic(rows, { dim: 2 }), { dim: 0 });
        copyInto(running, add(mul(running, 1 - momentum), mul(batch, momentum)));
      }
    });
  }
  return groupNorm(x, { numGroups: x.shape[1], weight, bias, eps });
}
