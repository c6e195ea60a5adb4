import { checkNames } from "../device/option_names.ts";
import { dropout3d } from "../kernels/random/dropout.ts";
import { interpolate, type InterpolateOptions } from "../kernels/resample/interpolate.ts";
import { softmax } from "../kernels/softmax/softmax.ts";
import { channelShuffle } from "../ops/arrange.ts";
import { embeddingBag, type EmbeddingBagOptions, rrelu, type RreluOptions } from "../ops/gates.ts";
import { localResponseNorm, type LocalResponseNormOptions } from "../ops/local_response_norm.ts";
import { bilinear } from "../ops/products.ts";
import {
  cosineSimilarity,
  type CosineSimilarityOptions,
  pairwiseDistance,
  type PairwiseDistanceOptions,
} from "../ops/similarity.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { shownOptions } from "./_shown.ts";
import { checkSizes } from "./_sizes.ts";
import { DropoutLayer } from "./dropout.ts";
import { normal, uniform } from "./init.ts";
import { Module } from "./module.ts";
import { emptyParameter, type Parameter } from "./parameter.ts";

/**
 * Changes the size of images, signals or volumes: {@link interpolate}.
 *
 * @example
 * ```ts
 * import { init, ones } from "@fulgurite/core";
 * import { Upsample } from "@fulgurite/core/nn";
 *
 * await init();
 * const layer = new Upsample({ scaleFactor: 2, mode: "bilinear" });
 * console.log(layer.forward(ones([1, 3, 4, 4])).shape); // [1, 3, 8, 8]
 * ```
 */
export class Upsample extends Module<[x: Tensor], Tensor> {
  readonly #options: InterpolateOptions;

  /**
   * Makes the layer.
   *
   * @param options Size or factor, and mode
   * @throws {TypeError} If there is no such option
   */
  constructor(options: InterpolateOptions) {
    super();
    checkNames(`make ${this.constructor.name}`, options, {
      size: true,
      scaleFactor: true,
      mode: true,
      alignCorners: true,
      recomputeScaleFactor: true,
    });
    this.#options = { ...options };
  }

  /** The input in another size. */
  forward(x: Tensor): Tensor {
    return interpolate(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** Enlarges images by repeating pixels. */
export class UpsamplingNearest2d extends Upsample {
  /**
   * Makes the layer.
   *
   * @param options Size or factor
   */
  constructor(options: Pick<InterpolateOptions, "size" | "scaleFactor">) {
    super({ ...options, mode: "nearest" });
  }
}

/** Enlarges images linearly, corners on corners. */
export class UpsamplingBilinear2d extends Upsample {
  /**
   * Makes the layer.
   *
   * @param options Size or factor
   */
  constructor(options: Pick<InterpolateOptions, "size" | "scaleFactor">) {
    super({ ...options, mode: "bilinear", alignCorners: true });
  }
}

/** The cosine of the angle between vectors: {@link cosineSimilarity}. */
export class CosineSimilarity extends Module<[x1: Tensor, x2: Tensor], Tensor> {
  readonly #options: CosineSimilarityOptions;

  /**
   * Makes the layer.
   *
   * @param options Axis and eps
   */
  constructor(options: CosineSimilarityOptions = {}) {
    super();
    checkNames("make CosineSimilarity", options, { dim: true, eps: true });
    this.#options = { ...options };
  }

  /** One number for each pair of vectors. */
  forward(x1: Tensor, x2: Tensor): Tensor {
    return cosineSimilarity(x1, x2, this.#options);
  }
}

/** The norm of the difference of vectors: {@link pairwiseDistance}. */
export class PairwiseDistance extends Module<[x1: Tensor, x2: Tensor], Tensor> {
  readonly #options: PairwiseDistanceOptions;

  /**
   * Makes the layer.
   *
   * @param options Norm, eps, and whether the axis stays
   */
  constructor(options: PairwiseDistanceOptions = {}) {
    super();
    checkNames("make PairwiseDistance", options, { p: true, eps: true, keepdim: true });
    this.#options = { ...options };
  }

  /** One number for each pair of vectors. */
  forward(x1: Tensor, x2: Tensor): Tensor {
    return pairwiseDistance(x1, x2, this.#options);
  }
}

/** Options of {@link Bilinear}. */
export interface BilinearModuleOptions {
  /** Whether a bias is added; default true. */
  bias?: boolean;
}

/**
 * y = x1ᵀ·W·x2 + b for each feature of the result. `weight` [outFeatures, in1Features, in2Features] and `bias` start
 * uniform in ±1/√in1Features.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { Bilinear } from "@fulgurite/core/nn";
 *
 * await init();
 * console.log(new Bilinear(20, 30, 40).forward(randn([8, 20]), randn([8, 30])).shape); // [8, 40]
 * ```
 */
export class Bilinear extends Module<[x1: Tensor, x2: Tensor], Tensor> {
  /** [outFeatures, in1Features, in2Features]. */
  weight: Parameter;
  /** [outFeatures], or `null`. */
  bias: Parameter | null;

  /**
   * Makes the layer.
   *
   * @param in1Features Size of the last axis of the first input
   * @param in2Features Size of the last axis of the second input
   * @param outFeatures Size of the last axis of the output
   * @param options Whether a bias is added
   */
  constructor(in1Features: number, in2Features: number, outFeatures: number, options: BilinearModuleOptions = {}) {
    super();
    checkNames("make Bilinear", options, { bias: true });
    checkSizes("Bilinear", { in1Features, in2Features, outFeatures });
    this.weight = emptyParameter([outFeatures, in1Features, in2Features]);
    this.bias = options.bias ?? true ? emptyParameter([outFeatures]) : null;
    this.resetParameters();
  }

  /** Draws new start values. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.weight.shape[1]);
    for (const parameter of this.parameters()) uniform(parameter, { a: -bound, b: bound });
  }

  /** The features of both inputs together. */
  forward(x1: Tensor, x2: Tensor): Tensor {
    return bilinear(x1, x2, this.weight, { bias: this.bias });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    const [out, in1, in2] = this.weight.shape;
    return `in1Features=${in1}, in2Features=${in2}, outFeatures=${out}, bias=${this.bias !== null}`;
  }
}

/** Options of {@link EmbeddingBag}. */
export type EmbeddingBagModuleOptions = Pick<EmbeddingBagOptions, "mode">;

/**
 * A table of vectors of which bags of ids give the mean, sum or maximum. `weight` starts normal with mean 0 and
 * deviation 1.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { EmbeddingBag } from "@fulgurite/core/nn";
 *
 * await init();
 * const table = new EmbeddingBag(1000, 16, { mode: "sum" });
 * console.log(table.forward(tensor([5, 17, 3]), tensor([0, 2])).shape); // [2, 16]
 * ```
 */
export class EmbeddingBag extends Module<[ids: Tensor, offsets?: Tensor | null, factors?: Tensor | null], Tensor> {
  /** How vectors become one. */
  readonly mode: "sum" | "mean" | "max";
  /** [numEmbeddings, embeddingDim]. */
  weight: Parameter;

  /**
   * Makes the layer.
   *
   * @param numEmbeddings Number of vectors
   * @param embeddingDim Their size
   * @param options How they become one; default the mean
   */
  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingBagModuleOptions = {}) {
    super();
    checkNames("make EmbeddingBag", options, { mode: true });
    checkSizes("EmbeddingBag", { numEmbeddings, embeddingDim });
    this.mode = options.mode ?? "mean";
    this.weight = emptyParameter([numEmbeddings, embeddingDim]);
    normal(this.weight);
  }

  /**
   * Looks bags up.
   *
   * @param ids i32 [bags, length], or with offsets [count]
   * @param offsets Where each bag starts
   * @param factors A factor for each id, for sums
   * @returns [bags, embeddingDim]
   */
  forward(ids: Tensor, offsets: Tensor | null = null, factors: Tensor | null = null): Tensor {
    return embeddingBag(ids, this.weight, {
      mode: this.mode,
      ...(offsets && { offsets }),
      ...(factors && { perSampleWeights: factors }),
    });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `${this.weight.shape.join(", ")}, mode=${this.mode}`;
  }
}

/** Divides channels by a power of their neighbours' mean square: {@link localResponseNorm}. */
export class LocalResponseNorm extends Module<[x: Tensor], Tensor> {
  readonly #options: LocalResponseNormOptions;

  /**
   * Makes the layer.
   *
   * @param size Channels that count
   * @param options Constants
   */
  constructor(size: number, options: Omit<LocalResponseNormOptions, "size"> = {}) {
    super();
    checkNames("make LocalResponseNorm", options, { alpha: true, beta: true, k: true });
    checkSizes("LocalResponseNorm", { size });
    this.#options = { ...options, size };
  }

  /** The input with channels normalised. */
  forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.#options);
  }
}

/** Mixes the channels of groups: {@link channelShuffle}. */
export class ChannelShuffle extends Module<[x: Tensor], Tensor> {
  /** Number of groups. */
  readonly groups: number;

  /**
   * Makes the layer.
   *
   * @param groups Number of groups
   */
  constructor(groups: number) {
    super();
    checkSizes("ChannelShuffle", { groups });
    this.groups = groups;
  }

  /** The input with channels mixed. */
  forward(x: Tensor): Tensor {
    return channelShuffle(x, this.groups);
  }
}

/** Drops whole channels of volumes [n, channels, depth, height, width]. */
export class Dropout3d extends DropoutLayer {
  /** The input, thinned out in training. */
  forward(x: Tensor): Tensor {
    return dropout3d(x, { p: this.p, training: this.training });
  }
}

/** A leaky ReLU whose slopes are drawn in training: {@link rrelu}. */
export class RReLU extends Module<[x: Tensor], Tensor> {
  readonly #options: Omit<RreluOptions, "training">;

  /**
   * Makes the layer.
   *
   * @param options The least and the largest slope
   */
  constructor(options: Omit<RreluOptions, "training"> = {}) {
    super();
    checkNames("make RReLU", options, { lower: true, upper: true });
    this.#options = { ...options };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return rrelu(x, { ...this.#options, training: this.training });
  }
}

/** Softmax over the channels of each place of images [n, channels, height, width]. */
export class Softmax2d extends Module<[x: Tensor], Tensor> {
  /** Shares of 1 in each place. */
  forward(x: Tensor): Tensor {
    if (x.ndim !== 3 && x.ndim !== 4) {
      throw new ShapeError("Softmax2d", `Cannot run Softmax2d: there must be 3 or 4 axes, got ${showShape(x.shape)}`, [
        x.shape,
      ]);
    }
    return softmax(x, { dim: -3 });
  }
}
