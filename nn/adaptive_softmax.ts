import { checkNames, show } from "../device/option_names.ts";
import { requireIndices } from "../kernels/_indices.ts";
import { add, neg, sub } from "../kernels/elementwise/arithmetic.ts";
import { clamp, where } from "../kernels/elementwise/choice.ts";
import { ge } from "../kernels/elementwise/compare.ts";
import { cat } from "../kernels/cat/cat.ts";
import { takeAlongDim } from "../kernels/gather/gather.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { narrow } from "../kernels/layout/slice.ts";
import { argmax } from "../kernels/reduce/arg.ts";
import { mean } from "../kernels/reduce/sum.ts";
import { logSoftmax } from "../kernels/softmax/softmax.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSizes } from "./_sizes.ts";
import { ModuleList, Sequential } from "./containers.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** Options of {@link AdaptiveLogSoftmaxWithLoss}. */
export interface AdaptiveLogSoftmaxOptions {
  /** By how much the features of each further cluster are fewer; default 4. */
  divValue?: number;
  /** Whether the head has a bias; default false. */
  headBias?: boolean;
}

/**
 * A softmax over many classes, sorted from frequent to rare: frequent ones have logits of their own, rare ones share
 * the logit of a cluster, within which they are told apart from fewer features (Grave and others, "Efficient softmax
 * approximation for GPUs", 2017). It saves parameters: how many samples fall into a cluster is known to the device
 * alone, so every cluster looks at all of them.
 *
 * Names of the state are PyTorch's: `head.weight`, `tail.0.0.weight`, `tail.0.1.weight`, …
 *
 * @example
 * ```ts
 * import { init, randint, randn } from "@fulgurite/core";
 * import { AdaptiveLogSoftmaxWithLoss } from "@fulgurite/core/nn";
 *
 * await init();
 * const layer = new AdaptiveLogSoftmaxWithLoss(64, 1000, [100, 500]);
 * const { output, loss } = layer.forward(randn([8, 64]), randint(0, 1000, [8]));
 * console.log(output.shape, loss.shape); // [8] []
 * ```
 */
export class AdaptiveLogSoftmaxWithLoss extends Module<[x: Tensor, target: Tensor], { output: Tensor; loss: Tensor }> {
  /** Where clusters end: the given cutoffs, and the number of classes. */
  readonly cutoffs: readonly number[];
  /** Logits of frequent classes and of clusters. */
  head: Linear;
  /** A projection and the logits of each cluster. */
  tail: ModuleList<Sequential>;

  /**
   * Makes the layer.
   *
   * @param inFeatures Size of the last axis of the input
   * @param classes How many classes there are
   * @param cutoffs Where clusters begin, rising; classes below the first have logits of their own
   * @param options How fast features get fewer, and whether the head has a bias
   * @throws {RangeError} If cutoffs do not rise from 1 to below the number of classes
   */
  constructor(
    inFeatures: number,
    classes: number,
    cutoffs: readonly number[],
    options: AdaptiveLogSoftmaxOptions = {},
  ) {
    super();
    checkNames("make AdaptiveLogSoftmaxWithLoss", options, { divValue: true, headBias: true });
    checkSizes("AdaptiveLogSoftmaxWithLoss", { inFeatures, classes }, 1);
    const { divValue = 4, headBias = false } = options;
    const rising = cutoffs.every((c, i) => Number.isInteger(c) && c > (cutoffs[i - 1] ?? 0) && c < classes);
    if (cutoffs.length === 0 || !rising || !(divValue > 0)) {
      throw new RangeError(
        `Cannot make AdaptiveLogSoftmaxWithLoss: cutoffs must be whole numbers that rise from 1 to below ${classes}, and divValue positive, got ${
          show(cutoffs)
        } and ${divValue}`,
      );
    }
    this.cutoffs = [...cutoffs, classes];
    this.head = new Linear(inFeatures, cutoffs[0] + cutoffs.length, { bias: headBias });
    this.tail = new ModuleList(cutoffs.map((cutoff, i) => {
      const features = Math.floor(inFeatures / divValue ** (i + 1)), size = this.cutoffs[i + 1] - cutoff;
      return new Sequential(
        new Linear(inFeatures, features, { bias: false }),
        new Linear(features, size, { bias: false }),
      );
    }));
  }

  /**
   * Log-probabilities of targets, and the mean of their negatives.
   *
   * @param x Shape [n, inFeatures] or [inFeatures]
   * @param target i32 [n] or []
   * @returns `output` in the shape of the target, and `loss`, a number
   * @throws {ShapeError} If the shapes do not fit
   * @throws {RangeError} If a target that came from the host is no class
   */
  forward(x: Tensor, target: Tensor): { output: Tensor; loss: Tensor } {
    if (target.ndim !== x.ndim - 1 || x.ndim > 2 || target.numel * x.shape.at(-1)! !== x.numel) {
      throw new ShapeError(
        "AdaptiveLogSoftmaxWithLoss",
        `Cannot compute AdaptiveLogSoftmaxWithLoss: there must be a target for each sample, current shapes are ${
          showShapes([x.shape, target.shape])
        }`,
        [x.shape, target.shape],
      );
    }
    requireIndices("AdaptiveLogSoftmaxWithLoss", target, this.cutoffs.at(-1)!);
    const samples = reshape(x, [-1, x.shape.at(-1)!]), classes = reshape(target, [-1, 1]);
    const [shortlist] = this.cutoffs, head = logSoftmax(this.head.forward(samples), { dim: 1 });
    const of = (logs: Tensor, begin: number) =>
      takeAlongDim(logs, clamp(sub(classes, begin), { min: 0, max: logs.shape[1] - 1 }), { dim: 1 });
    let output = of(narrow(head, { dim: 1, start: 0, length: shortlist }), 0);
    [...this.tail].forEach((cluster, i) => {
      const begin = this.cutoffs[i], own = narrow(head, { dim: 1, start: shortlist + i, length: 1 });
      const inside = add(own, of(logSoftmax(cluster.forward(samples), { dim: 1 }), begin));
      output = where(ge(classes, begin), inside, output);
    });
    return { output: reshape(output, target.shape), loss: neg(mean(output)) };
  }

  /**
   * Log-probabilities of all classes.
   *
   * @param x Shape [n, inFeatures]
   * @returns Shape [n, classes]
   */
  logProb(x: Tensor): Tensor {
    const [shortlist] = this.cutoffs, head = logSoftmax(this.head.forward(x), { dim: 1 });
    const tails = [...this.tail].map((cluster, i) =>
      add(logSoftmax(cluster.forward(x), { dim: 1 }), narrow(head, { dim: 1, start: shortlist + i, length: 1 }))
    );
    return cat([narrow(head, { dim: 1, start: 0, length: shortlist }), ...tails], { dim: 1 });
  }

  /**
   * The most probable classes.
   *
   * @param x Shape [n, inFeatures]
   * @returns i32 [n]
   */
  predict(x: Tensor): Tensor {
    return argmax(this.logProb(x), { dim: 1 });
  }
}
