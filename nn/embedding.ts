import { checkNames, type OptionNames, show } from "../device/option_names.ts";
import { zeros } from "../kernels/elementwise/constants.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { embedding } from "../kernels/gather/embedding.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { copyBytes } from "../tensor/in_place.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { boundRows, byFrequency } from "./_embedding.ts";
import { normal } from "./init.ts";
import { checkSizes } from "./_sizes.ts";
import { Module } from "./module.ts";
import { emptyParameter, type Parameter } from "./parameter.ts";

/** Options of {@link Embedding}. */
export interface EmbeddingModuleOptions {
  /** A row that starts as zeros and is not learned; negative counts from the end. */
  paddingIdx?: number;
  /** The length beyond which a row is shortened to it, in the weight itself, when it is looked up; default none. */
  maxNorm?: number;
  /** The p of the norm that is the length; default 2. */
  normType?: number;
  /** Whether a row's gradient is divided by how often the row was looked up; default false. */
  scaleGradByFreq?: boolean;
}

/** Options of {@link Embedding.fromPretrained}. */
export interface PretrainedEmbeddingOptions extends EmbeddingModuleOptions {
  /** Whether the vectors stay as they are; default true. */
  freeze?: boolean;
}

const OPTION_NAMES: OptionNames<EmbeddingModuleOptions> = {
  paddingIdx: true,
  maxNorm: true,
  normType: true,
  scaleGradByFreq: true,
};

/**
 * A table of vectors, looked up by id. `weight` [numEmbeddings, embeddingDim] starts normal with mean 0 and deviation
 * 1.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { Embedding } from "@fulgurite/core/nn";
 *
 * await init();
 * const table = new Embedding(1000, 64, { paddingIdx: 0 });
 * console.log(table.forward(tensor([[5, 17, 0]])).shape); // [1, 3, 64]
 * ```
 */
export class Embedding extends Module<[ids: Tensor], Tensor> {
  /** Number of vectors. */
  readonly numEmbeddings: number;
  /** Their size. */
  readonly embeddingDim: number;
  /** The row that is not learned, if there is one. */
  readonly paddingIdx: number | undefined;
  /** The length beyond which rows are shortened, if there is one. */
  readonly maxNorm: number | undefined;
  /** The p of the norm that is the length. */
  readonly normType: number;
  /** Whether gradients are divided by how often a row was looked up. */
  readonly scaleGradByFreq: boolean;
  /** [numEmbeddings, embeddingDim]. */
  weight: Parameter;

  /**
   * Makes the layer.
   *
   * @param numEmbeddings Number of vectors
   * @param embeddingDim Their size
   * @param options A row for padding, a bound of lengths, gradients by frequency
   * @throws {RangeError} If that row does not exist, or the bound or its norm is not positive
   */
  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingModuleOptions = {}) {
    super();
    checkNames("make Embedding", options, OPTION_NAMES);
    const { paddingIdx, maxNorm, normType = 2, scaleGradByFreq = false } = options;
    checkSizes("Embedding", { numEmbeddings, embeddingDim }, 0);
    if (
      paddingIdx !== undefined &&
      (!Number.isInteger(paddingIdx) || paddingIdx < -numEmbeddings || paddingIdx >= numEmbeddings)
    ) {
      throw new RangeError(
        `Cannot make Embedding: paddingIdx must be a row of the ${numEmbeddings}, got ${paddingIdx}`,
      );
    }
    for (const [name, value] of Object.entries({ maxNorm: maxNorm ?? 1, normType })) {
      if (!(value > 0)) throw new RangeError(`Cannot make Embedding: ${name} must be positive, got ${show(value)}`);
    }
    this.maxNorm = maxNorm;
    this.normType = normType;
    this.scaleGradByFreq = scaleGradByFreq;
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx !== undefined && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    this.weight = emptyParameter([numEmbeddings, embeddingDim]);
    this.resetParameters();
  }

  /**
   * Makes the layer with given vectors.
   *
   * @param vectors [numEmbeddings, embeddingDim], copied to f32
   * @param options Whether they are learned further, and a row for padding, which keeps its vector
   * @returns The layer
   * @throws {ShapeError} If the vectors are no matrix
   *
   * @example
   * ```ts
   * import { init, tensor } from "@fulgurite/core";
   * import { Embedding } from "@fulgurite/core/nn";
   *
   * await init();
   * const table = Embedding.fromPretrained(tensor([[1, 2], [3, 4]]));
   * console.log(await table.forward(tensor([1])).array()); // [[3, 4]]
   * ```
   */
  static fromPretrained(vectors: Tensor, options: PretrainedEmbeddingOptions = {}): Embedding {
    checkNames("make Embedding", options, { ...OPTION_NAMES, freeze: true });
    const { freeze = true, ...others } = options;
    if (vectors.ndim !== 2) {
      throw new ShapeError(
        "Embedding",
        `Cannot make Embedding: vectors must be a matrix, their shape is ${showShape(vectors.shape)}`,
        [vectors.shape],
      );
    }
    const layer = new Embedding(vectors.shape[0], vectors.shape[1], others);
    copyInto(layer.weight, vectors);
    layer.weight.requiresGrad = !freeze;
    return layer;
  }

  /** Draws new start values. */
  resetParameters(): void {
    normal(this.weight);
    const { paddingIdx, embeddingDim } = this;
    if (paddingIdx === undefined || embeddingDim === 0) return;
    scope(() => {
      const bytes = 4 * embeddingDim;
      copyBytes(zeros([embeddingDim]).storage, 0, this.weight.storage, paddingIdx * bytes, bytes);
    });
  }

  /**
   * Runs the layer.
   *
   * @param ids Whole numbers from 0 to numEmbeddings − 1, i32, any shape
   * @returns The shape of `ids`, and embeddingDim
   */
  forward(ids: Tensor): Tensor {
    const { weight, paddingIdx, maxNorm, normType, numEmbeddings } = this;
    if (maxNorm !== undefined) boundRows(weight, ids, maxNorm, normType);
    const y = embedding(ids, weight, { paddingIdx });
    return this.scaleGradByFreq ? byFrequency(y, ids, numEmbeddings) : y;
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    const padding = this.paddingIdx === undefined ? "" : `, paddingIdx=${this.paddingIdx}`;
    const bound = this.maxNorm === undefined ? "" : `, maxNorm=${this.maxNorm}`;
    const norm = this.normType === 2 ? "" : `, normType=${this.normType}`;
    const scaled = this.scaleGradByFreq ? ", scaleGradByFreq=true" : "";
    return `${this.numEmbeddings}, ${this.embeddingDim}${padding}${bound}${norm}${scaled}`;
  }
}
