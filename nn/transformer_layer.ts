import { checkNames, type OptionNames } from "../device/option_names.ts";
import { add } from "../kernels/elementwise/arithmetic.ts";
import { gelu, relu } from "../kernels/elementwise/activations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { MultiheadAttention } from "./attention.ts";
import { Dropout } from "./dropout.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { LayerNorm } from "./normalization.ts";

/** Options of {@link TransformerEncoderLayer} and {@link TransformerDecoderLayer}. */
export interface TransformerLayerOptions {
  /** Features between the two linear layers; default 2048. */
  dimFeedforward?: number;
  /** Share of values that is dropped in training; default 0.1. */
  dropout?: number;
  /** What lies between the linear layers: `"relu"`, `"gelu"` or a function; default `"relu"`. */
  activation?: "relu" | "gelu" | ((x: Tensor) => Tensor);
  /** Added to the variances that are divided by; default 1e-5. */
  layerNormEps?: number;
  /** Whether inputs are [batch, length, features] in place of [length, batch, features]; default false. */
  batchFirst?: boolean;
  /** Whether normalisation comes before attention and linear layers, not after; default false. */
  normFirst?: boolean;
  /** Whether linear layers and normalisations add biases; default true. */
  bias?: boolean;
}

/** What a call of an encoder layer may say. */
export interface EncoderCallOptions {
  /** Pairs that may not be: true in [length, length] or [batch · heads, length, length], or numbers that are added. */
  srcMask?: Tensor | null;
  /** Places that nobody may look at: true in [batch, length], or numbers that are added to the scores. */
  srcKeyPaddingMask?: Tensor | null;
  /** Whether a place sees only itself and those before it; default false. */
  isCausal?: boolean;
}

/** The names of {@link EncoderCallOptions}. */
export const encoderCallNames: OptionNames<EncoderCallOptions> = {
  srcMask: true,
  srcKeyPaddingMask: true,
  isCausal: true,
};

/** What a call of a decoder layer may say. */
export interface DecoderCallOptions {
  /** Pairs of target places that may not be. */
  tgtMask?: Tensor | null;
  /** Pairs of a target place and one of the memory that may not be. */
  memoryMask?: Tensor | null;
  /** Target places that nobody may look at. */
  tgtKeyPaddingMask?: Tensor | null;
  /** Places of the memory that nobody may look at. */
  memoryKeyPaddingMask?: Tensor | null;
  /** Whether a target place sees only itself and those before it; default false. */
  tgtIsCausal?: boolean;
  /** The same for the memory; default false. */
  memoryIsCausal?: boolean;
}

/** The names of {@link DecoderCallOptions}. */
export const decoderCallNames: OptionNames<DecoderCallOptions> = {
  tgtMask: true,
  memoryMask: true,
  tgtKeyPaddingMask: true,
  memoryKeyPaddingMask: true,
  tgtIsCausal: true,
  memoryIsCausal: true,
};

const NAMES = {
  dimFeedforward: true,
  dropout: true,
  activation: true,
  layerNormEps: true,
  batchFirst: true,
  normFirst: true,
  bias: true,
} as const;

/** What encoder and decoder layers share: the two linear layers, and the order of normalisation. */
export abstract class TransformerLayer<Inputs extends unknown[]> extends Module<Inputs, Tensor> {
  /** Features of inputs and results. */
  readonly dModel: number;
  /** Number of heads. */
  readonly numHeads: number;
  /** What it was made with. */
  readonly options: Readonly<TransformerLayerOptions>;
  /** Whether normalisation comes first. */
  readonly normFirst: boolean;
  /** The first linear layer. */
  readonly linear1: Linear;
  /** Between them. */
  readonly dropout: Dropout;
  /** The second one. */
  readonly linear2: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  /** Called by the layers. */
  constructor(name: string, dModel: number, numHeads: number, options: TransformerLayerOptions) {
    super();
    checkNames(`make ${name}`, options, NAMES);
    const { dimFeedforward = 2048, dropout = 0.1, activation = "relu", normFirst = false, bias = true } = options;
    if (typeof activation !== "function" && activation !== "relu" && activation !== "gelu") {
      throw new RangeError(`Cannot make ${name}: activation must be relu, gelu or a function, got ${activation}`);
    }
    this.dModel = dModel;
    this.numHeads = numHeads;
    this.options = { ...options };
    this.normFirst = normFirst;
    this.linear1 = new Linear(dModel, dimFeedforward, { bias });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias });
    this.#activation = activation === "relu" ? relu : activation === "gelu" ? gelu : activation;
  }

  /** Another layer of the same kind, with the same weights. */
  abstract clone(): this;

  /** One part of the layer with what goes past it, normalised before or after. */
  protected residual(x: Tensor, norm: LayerNorm, part: (x: Tensor) => Tensor): Tensor {
    return this.normFirst ? add(x, part(norm.forward(x))) : norm.forward(add(x, part(x)));
  }

  /** The two linear layers. */
  protected feedForward(x: Tensor): Tensor {
    return this.linear2.forward(this.dropout.forward(this.#activation(this.linear1.forward(x))));
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `${this.dModel}, ${this.numHeads}, normFirst=${this.normFirst}`;
  }
}

const attentionOf = (dModel: number, heads: number, options: TransformerLayerOptions): MultiheadAttention => {
  const { dropout = 0.1, bias = true, batchFirst = false } = options;
  return new MultiheadAttention(dModel, heads, { dropout, bias, batchFirst });
};

const normOf = (dModel: number, { layerNormEps = 1e-5, bias = true }: TransformerLayerOptions): LayerNorm =>
  new LayerNorm(dModel, { eps: layerNormEps, bias });

/**
 * A layer of a transformer's encoder: self-attention, then two linear layers, each with what goes past it and a
 * normalisation (Vaswani and others, "Attention is all you need", 2017).
 *
 * Parameters, by PyTorch's names: `self_attn.…`, `linear1.…`, `linear2.…`, `norm1.…`, `norm2.…`.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { TransformerEncoderLayer } from "@fulgurite/core/nn";
 *
 * await init();
 * const layer = new TransformerEncoderLayer(64, 4, { dimFeedforward: 128, batchFirst: true });
 * console.log(layer.forward(randn([2, 10, 64]), { isCausal: true }).shape); // [2, 10, 64]
 * ```
 */
export class TransformerEncoderLayer extends TransformerLayer<[src: Tensor, options?: EncoderCallOptions]> {
  readonly #attention: MultiheadAttention;
  /** The normalisation of attention. */
  readonly norm1: LayerNorm;
  /** The normalisation of the linear layers. */
  readonly norm2: LayerNorm;
  /** After attention. */
  readonly dropout1: Dropout;
  /** After the linear layers. */
  readonly dropout2: Dropout;

  /**
   * Makes the layer.
   *
   * @param dModel Features of inputs and results
   * @param numHeads Number of heads, a divisor of `dModel`
   * @param options Sizes, dropout, activation, order of axes and of normalisation
   * @throws {RangeError} If the heads do not divide the features
   */
  constructor(dModel: number, numHeads: number, options: TransformerLayerOptions = {}) {
    super("TransformerEncoderLayer", dModel, numHeads, options);
    const { dropout = 0.1 } = options;
    this.#attention = this.registerModule("self_attn", attentionOf(dModel, numHeads, options));
    this.norm1 = normOf(dModel, options);
    this.norm2 = normOf(dModel, options);
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
  }

  /**
   * Runs the layer.
   *
   * @param src Shape [batch, length, dModel] (with `batchFirst`), or [length, batch, dModel]
   * @param options Masks
   * @returns A tensor of the same shape
   * @throws {ShapeError} If a mask does not fit
   * @throws {TypeError} If there is no such option
   */
  forward(src: Tensor, options: EncoderCallOptions = {}): Tensor {
    checkNames("run TransformerEncoderLayer", options, encoderCallNames);
    const { srcMask: attnMask, srcKeyPaddingMask: keyPaddingMask, isCausal } = options;
    const call = { attnMask, keyPaddingMask, isCausal, needWeights: false };
    const names = { attnMask: "srcMask", keyPaddingMask: "srcKeyPaddingMask" };
    this.#attention.checkMasks(src, src, call, { op: "TransformerEncoderLayer", ...names });
    const x = this.residual(src, this.norm1, (y) => this.dropout1.forward(this.#attention.forward(y, y, y, call)[0]));
    return this.residual(x, this.norm2, (y) => this.dropout2.forward(this.feedForward(y)));
  }

  /** Another layer of the same kind, with the same weights. */
  override clone(): this {
    const copy = new TransformerEncoderLayer(this.dModel, this.numHeads, this.options);
    copy.loadStateDict(this.stateDict());
    return copy.train(this.training) as this;
  }
}

/**
 * A layer of a transformer's decoder: self-attention, attention to the encoder's result, then two linear layers, each
 * with what goes past it and a normalisation.
 *
 * Parameters, by PyTorch's names: `self_attn.…`, `multihead_attn.…`, `linear1.…`, `linear2.…`, `norm1.…` to `norm3.…`.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { TransformerDecoderLayer } from "@fulgurite/core/nn";
 *
 * await init();
 * const layer = new TransformerDecoderLayer(64, 4, { batchFirst: true });
 * console.log(layer.forward(randn([2, 10, 64]), randn([2, 7, 64]), { tgtIsCausal: true }).shape); // [2, 10, 64]
 * ```
 */
export class TransformerDecoderLayer
  extends TransformerLayer<[tgt: Tensor, memory: Tensor, options?: DecoderCallOptions]> {
  readonly #attention: MultiheadAttention;
  readonly #memoryAttention: MultiheadAttention;
  /** The normalisation of self-attention. */
  readonly norm1: LayerNorm;
  /** The normalisation of the attention to the memory. */
  readonly norm2: LayerNorm;
  /** The normalisation of the linear layers. */
  readonly norm3: LayerNorm;
  /** After self-attention. */
  readonly dropout1: Dropout;
  /** After the attention to the memory. */
  readonly dropout2: Dropout;
  /** After the linear layers. */
  readonly dropout3: Dropout;

  /**
   * Makes the layer.
   *
   * @param dModel Features of inputs and results
   * @param numHeads Number of heads, a divisor of `dModel`
   * @param options Sizes, dropout, activation, order of axes and of normalisation
   * @throws {RangeError} If the heads do not divide the features
   */
  constructor(dModel: number, numHeads: number, options: TransformerLayerOptions = {}) {
    super("TransformerDecoderLayer", dModel, numHeads, options);
    const { dropout = 0.1 } = options;
    this.#attention = this.registerModule("self_attn", attentionOf(dModel, numHeads, options));
    this.#memoryAttention = this.registerModule("multihead_attn", attentionOf(dModel, numHeads, options));
    this.norm1 = normOf(dModel, options);
    this.norm2 = normOf(dModel, options);
    this.norm3 = normOf(dModel, options);
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.dropout3 = new Dropout(dropout);
  }

  /**
   * Runs the layer.
   *
   * @param tgt Shape [batch, length, dModel] (with `batchFirst`), or [length, batch, dModel]
   * @param memory What the encoder gave, of another length perhaps
   * @param options Masks
   * @returns A tensor of the target's shape
   * @throws {ShapeError} If a mask does not fit
   * @throws {TypeError} If there is no such option
   */
  forward(tgt: Tensor, memory: Tensor, options: DecoderCallOptions = {}): Tensor {
    const op = "TransformerDecoderLayer";
    checkNames(`run ${op}`, options, decoderCallNames);
    const own = {
      attnMask: options.tgtMask,
      keyPaddingMask: options.tgtKeyPaddingMask,
      isCausal: options.tgtIsCausal,
      needWeights: false,
    };
    const other = {
      attnMask: options.memoryMask,
      keyPaddingMask: options.memoryKeyPaddingMask,
      isCausal: options.memoryIsCausal,
      needWeights: false,
    };
    const ownNames = { op, attnMask: "tgtMask", keyPaddingMask: "tgtKeyPaddingMask" };
    const otherNames = { op, attnMask: "memoryMask", keyPaddingMask: "memoryKeyPaddingMask" };
    this.#attention.checkMasks(tgt, tgt, own, ownNames);
    this.#memoryAttention.checkMasks(tgt, memory, other, otherNames);
    let x = this.residual(tgt, this.norm1, (y) => this.dropout1.forward(this.#attention.forward(y, y, y, own)[0]));
    x = this.residual(
      x,
      this.norm2,
      (y) => this.dropout2.forward(this.#memoryAttention.forward(y, memory, memory, other)[0]),
    );
    return this.residual(x, this.norm3, (y) => this.dropout3.forward(this.feedForward(y)));
  }

  /** Another layer of the same kind, with the same weights. */
  override clone(): this {
    const copy = new TransformerDecoderLayer(this.dModel, this.numHeads, this.options);
    copy.loadStateDict(this.stateDict());
    return copy.train(this.training) as this;
  }
}
