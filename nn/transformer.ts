import { checkNames, type OptionNames } from "../device/option_names.ts";
import { triu } from "../kernels/layout/triangle.ts";
import { ones } from "../kernels/elementwise/constants.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ModuleList } from "./containers.ts";
import { xavierUniform } from "./init.ts";
import { Module } from "./module.ts";
import { LayerNorm } from "./normalization.ts";
import {
  decoderCallNames,
  type DecoderCallOptions,
  encoderCallNames,
  type EncoderCallOptions,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "./transformer_layer.ts";

/** Options of {@link TransformerEncoder} and {@link TransformerDecoder}. */
export interface TransformerStackOptions {
  /** A normalisation of the result; default none. */
  norm?: Module<[x: Tensor], Tensor> | null;
}

/** The first layer and copies of it, as PyTorch makes them: all start with the same weights. */
function copies<L extends { clone(): L } & Module>(name: string, layer: L, count: number): ModuleList<L> {
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`Cannot make ${name}: the number of layers must be a whole number from 1 on, got ${count}`);
  }
  return new ModuleList([layer, ...Array.from({ length: count - 1 }, () => layer.clone())]);
}

/**
 * Encoder layers, one after the other. Parameters: `layers.0.…`, `layers.1.…`, `norm.…`.
 *
 * The given layer is the first of them, the others are copies of it that start with the same weights, as in PyTorch.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { TransformerEncoder, TransformerEncoderLayer } from "@fulgurite/core/nn";
 *
 * await init();
 * const encoder = new TransformerEncoder(new TransformerEncoderLayer(32, 4, { batchFirst: true }), 2);
 * console.log(encoder.forward(randn([2, 5, 32])).shape); // [2, 5, 32]
 * ```
 */
export class TransformerEncoder extends Module<[src: Tensor, options?: EncoderCallOptions], Tensor> {
  /** The layers. */
  readonly layers: ModuleList<TransformerEncoderLayer>;
  /** The normalisation of the result. */
  readonly norm: Module<[x: Tensor], Tensor> | null;

  /**
   * Makes the encoder.
   *
   * @param encoderLayer The first layer
   * @param numLayers How many there are
   * @param options A normalisation of the result
   * @throws {RangeError} If there is no layer
   */
  constructor(encoderLayer: TransformerEncoderLayer, numLayers: number, options: TransformerStackOptions = {}) {
    super();
    checkNames("make TransformerEncoder", options, { norm: true });
    this.layers = copies("TransformerEncoder", encoderLayer, numLayers);
    this.norm = options.norm ?? null;
  }

  /**
   * Runs the layers.
   *
   * @param src What the first layer takes
   * @param options Masks, the same for all layers
   * @returns A tensor of the same shape
   */
  forward(src: Tensor, options: EncoderCallOptions = {}): Tensor {
    checkNames("run TransformerEncoder", options, encoderCallNames);
    let x = src;
    for (const layer of this.layers) x = layer.forward(x, options);
    return this.norm === null ? x : this.norm.forward(x);
  }
}

/**
 * Decoder layers, one after the other. Parameters: `layers.0.…`, `layers.1.…`, `norm.…`.
 *
 * The given layer is the first of them, the others are copies of it that start with the same weights, as in PyTorch.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { TransformerDecoder, TransformerDecoderLayer } from "@fulgurite/core/nn";
 *
 * await init();
 * const decoder = new TransformerDecoder(new TransformerDecoderLayer(32, 4, { batchFirst: true }), 2);
 * console.log(decoder.forward(randn([2, 5, 32]), randn([2, 9, 32]), { tgtIsCausal: true }).shape); // [2, 5, 32]
 * ```
 */
export class TransformerDecoder extends Module<[tgt: Tensor, memory: Tensor, options?: DecoderCallOptions], Tensor> {
  /** The layers. */
  readonly layers: ModuleList<TransformerDecoderLayer>;
  /** The normalisation of the result. */
  readonly norm: Module<[x: Tensor], Tensor> | null;

  /**
   * Makes the decoder.
   *
   * @param decoderLayer The first layer
   * @param numLayers How many there are
   * @param options A normalisation of the result
   * @throws {RangeError} If there is no layer
   */
  constructor(decoderLayer: TransformerDecoderLayer, numLayers: number, options: TransformerStackOptions = {}) {
    super();
    checkNames("make TransformerDecoder", options, { norm: true });
    this.layers = copies("TransformerDecoder", decoderLayer, numLayers);
    this.norm = options.norm ?? null;
  }

  /**
   * Runs the layers.
   *
   * @param tgt What the first layer takes
   * @param memory What the encoder gave
   * @param options Masks, the same for all layers
   * @returns A tensor of the target's shape
   */
  forward(tgt: Tensor, memory: Tensor, options: DecoderCallOptions = {}): Tensor {
    checkNames("run TransformerDecoder", options, decoderCallNames);
    let x = tgt;
    for (const layer of this.layers) x = layer.forward(x, memory, options);
    return this.norm === null ? x : this.norm.forward(x);
  }
}

/** Options of {@link Transformer}. */
export interface TransformerOptions extends TransformerLayerOptions {
  /** Features; default 512. */
  dModel?: number;
  /** Number of heads; default 8. */
  numHeads?: number;
  /** Layers of the encoder; default 6. */
  numEncoderLayers?: number;
  /** Layers of the decoder; default 6. */
  numDecoderLayers?: number;
}

/** What a call of a {@link Transformer} may say. */
export interface TransformerCallOptions extends Omit<EncoderCallOptions, "isCausal">, DecoderCallOptions {
  /** Whether a source place sees only itself and those before it; default false. */
  srcIsCausal?: boolean;
}

const CALL_NAMES: OptionNames<TransformerCallOptions> = {
  srcMask: true,
  srcKeyPaddingMask: true,
  srcIsCausal: true,
  ...decoderCallNames,
};

/**
 * A transformer: an encoder and a decoder, each with a normalisation of its result (Vaswani and others, "Attention is
 * all you need", 2017). Parameters: `encoder.layers.0.…`, `encoder.norm.…`, `decoder.layers.0.…`, `decoder.norm.…`.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { Transformer } from "@fulgurite/core/nn";
 *
 * await init();
 * const layers = { numEncoderLayers: 1, numDecoderLayers: 1 };
 * const model = new Transformer({ dModel: 32, numHeads: 4, ...layers, batchFirst: true });
 * console.log(model.forward(randn([2, 9, 32]), randn([2, 5, 32]), { tgtIsCausal: true }).shape); // [2, 5, 32]
 * ```
 */
export class Transformer extends Module<[src: Tensor, tgt: Tensor, options?: TransformerCallOptions], Tensor> {
  /** Features of inputs and results. */
  readonly dModel: number;
  /** Reads the source. */
  readonly encoder: TransformerEncoder;
  /** Reads the target and what the encoder gave. */
  readonly decoder: TransformerDecoder;

  /**
   * Makes the model.
   *
   * @param options Sizes, dropout, activation, order of axes and of normalisation
   * @throws {RangeError} If the heads do not divide the features, or there is no layer
   */
  constructor(options: TransformerOptions = {}) {
    super();
    const { dModel = 512, numHeads = 8, numEncoderLayers = 6, numDecoderLayers = 6, ...layer } = options;
    const norm = () => new LayerNorm(dModel, { eps: layer.layerNormEps ?? 1e-5, bias: layer.bias ?? true });
    this.dModel = dModel;
    this.encoder = new TransformerEncoder(new TransformerEncoderLayer(dModel, numHeads, layer), numEncoderLayers, {
      norm: norm(),
    });
    this.decoder = new TransformerDecoder(new TransformerDecoderLayer(dModel, numHeads, layer), numDecoderLayers, {
      norm: norm(),
    });
    this.resetParameters();
  }

  /** Draws new start values for all matrices (Glorot and Bengio, 2010), as PyTorch does. */
  resetParameters(): void {
    for (const parameter of this.parameters()) if (parameter.ndim > 1) xavierUniform(parameter);
  }

  /**
   * Runs encoder and decoder.
   *
   * @param src Shape [batch, length, dModel] (with `batchFirst`), or [length, batch, dModel]
   * @param tgt The target, of another length perhaps
   * @param options Masks
   * @returns A tensor of the target's shape
   * @throws {ShapeError} If the features are not `dModel`
   */
  forward(src: Tensor, tgt: Tensor, options: TransformerCallOptions = {}): Tensor {
    checkNames("run Transformer", options, CALL_NAMES);
    if (src.shape.at(-1) !== this.dModel || tgt.shape.at(-1) !== this.dModel) {
      throw new ShapeError(
        "Transformer",
        `Cannot run Transformer: source and target must have ${this.dModel} features, current shapes are ${
          showShapes([src.shape, tgt.shape])
        }`,
        [src.shape, tgt.shape],
      );
    }
    const { srcMask, srcKeyPaddingMask, srcIsCausal, ...decoding } = options;
    const memory = this.encoder.forward(src, { srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
    return this.decoder.forward(tgt, memory, decoding);
  }

  /**
   * The mask by which a place sees only itself and those before it.
   *
   * @param size Number of places
   * @returns Booleans [size, size], true for pairs that may not be
   */
  static generateSquareSubsequentMask(size: number): Tensor {
    return triu(ones([size, size], { dtype: "bool" }), { diagonal: 1 });
  }
}
