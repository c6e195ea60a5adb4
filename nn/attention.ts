import { checkNames, type OptionNames } from "../device/option_names.ts";
import { packedAttention, scaledDotProductAttention } from "../kernels/attention/attention.ts";
import { add, mul } from "../kernels/elementwise/arithmetic.ts";
import { maskedFill, where } from "../kernels/elementwise/choice.ts";
import { logicalNot, logicalOr } from "../kernels/elementwise/compare.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { split } from "../kernels/layout/split.ts";
import { triu } from "../kernels/layout/triangle.ts";
import { permute, transpose } from "../kernels/layout/views.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { ones } from "../kernels/elementwise/constants.ts";
import { dropout } from "../kernels/random/dropout.ts";
import { mean } from "../kernels/reduce/sum.ts";
import { softmax } from "../kernels/softmax/softmax.ts";
import { linear } from "../ops/linear.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShape, showShapes } from "../tensor/errors.ts";
import { sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { xavierUniform, zeros } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { emptyParameter, type Parameter } from "./parameter.ts";

/** Options of {@link MultiheadAttention}. */
export interface MultiheadAttentionOptions {
  /** Share of the attention weights that is dropped in training; default 0. */
  dropout?: number;
  /** Whether biases are added; default true. */
  bias?: boolean;
  /** Features of the keys; default `embedDim`. */
  kdim?: number;
  /** Features of the values; default `embedDim`. */
  vdim?: number;
  /** Whether inputs are [batch, length, features] in place of [length, batch, features]; default false. */
  batchFirst?: boolean;
}

/** What a call of {@link MultiheadAttention} may say. */
export interface AttentionCallOptions {
  /** Keys that nobody may look at: true in [batch, keyLength], or numbers that are added to the scores. */
  keyPaddingMask?: Tensor | null;
  /**
   * Pairs that may not be: true in [length, keyLength] or [batch · heads, length, keyLength], or numbers that are
   * added.
   */
  attnMask?: Tensor | null;
  /** Whether a query may only look at keys up to its own place; default false. */
  isCausal?: boolean;
  /** Whether the attention weights are returned; default true. */
  needWeights?: boolean;
  /** Whether they are averaged over the heads; default true. */
  averageAttnWeights?: boolean;
}

const CALL_NAMES: OptionNames<AttentionCallOptions> = {
  keyPaddingMask: true,
  attnMask: true,
  isCausal: true,
  needWeights: true,
  averageAttnWeights: true,
};

/** Who was called with masks, and by which names: a layer around the attention has names of its own. */
interface MaskNames {
  readonly op: string;
  readonly attnMask: string;
  readonly keyPaddingMask: string;
}

/**
 * Attention with several heads: queries, keys and values are projected, each head mixes the values by softmax(q·kᵀ /
 * √d), and the heads' results are projected together (Vaswani and others, "Attention is all you need", 2017). With
 * `needWeights: false` the matrix of weights is never made: memory grows with the lengths alone.
 *
 * Parameters, by PyTorch's names: `in_proj_weight` [3·embedDim, embedDim] (or `q_proj_weight`, `k_proj_weight`,
 * `v_proj_weight` where keys or values have other sizes), `in_proj_bias`, `out_proj.weight`, `out_proj.bias`.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { MultiheadAttention } from "@fulgurite/core/nn";
 *
 * await init();
 * const attention = new MultiheadAttention(64, 4, { batchFirst: true });
 * const x = randn([8, 16, 64]);
 * const [y] = attention.forward(x, x, x, { isCausal: true, needWeights: false });
 * console.log(y.shape); // [8, 16, 64]
 * ```
 */
export class MultiheadAttention
  extends Module<[query: Tensor, key: Tensor, value: Tensor, options?: AttentionCallOptions], [Tensor, Tensor | null]> {
  /** Features of queries and results. */
  readonly embedDim: number;
  /** Number of heads. */
  readonly numHeads: number;
  readonly #dropout: number;
  readonly #batchFirst: boolean;
  /** Names of the weights: one for all three, or one each. */
  readonly #names: readonly string[];
  readonly #output: Linear;

  /**
   * Makes the layer.
   *
   * @param embedDim Features of queries and results
   * @param numHeads Number of heads, a divisor of `embedDim`
   * @param options Dropout, biases, other sizes, order of axes
   * @throws {RangeError} If the heads do not divide the features
   */
  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    checkNames("make MultiheadAttention", options, {
      dropout: true,
      bias: true,
      kdim: true,
      vdim: true,
      batchFirst: true,
    });
    const { dropout = 0, bias = true, kdim = embedDim, vdim = embedDim, batchFirst = false } = options;
    if (!Number.isInteger(numHeads) || numHeads < 1 || embedDim % numHeads !== 0) {
      throw new RangeError(
        `Cannot make MultiheadAttention: heads must divide the features, got ${numHeads} for ${embedDim}`,
      );
    }
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.#dropout = dropout;
    this.#batchFirst = batchFirst;
    const weight = (name: string, rows: number, columns: number): string => {
      this.registerParameter(name, emptyParameter([rows, columns]));
      return name;
    };
    this.#names = kdim === embedDim && vdim === embedDim ? [weight("in_proj_weight", 3 * embedDim, embedDim)] : [
      weight("q_proj_weight", embedDim, embedDim),
      weight("k_proj_weight", embedDim, kdim),
      weight("v_proj_weight", embedDim, vdim),
    ];
    this.registerParameter("in_proj_bias", bias ? emptyParameter([3 * embedDim]) : null);
    this.#output = this.registerModule("out_proj", new Linear(embedDim, embedDim, { bias }));
    this.resetParameters();
  }

  /** The weights as they are now: `to` puts others in their place. */
  get #weights(): readonly Parameter[] {
    return this.#names.map((name) => this.registeredParameter(name)!);
  }

  get #bias(): Parameter | null {
    return this.registeredParameter("in_proj_bias");
  }

  /** Draws new start values. */
  resetParameters(): void {
    for (const weight of this.#weights) xavierUniform(weight);
    if (this.#bias !== null) zeros(this.#bias);
    this.#output.resetParameters();
    if (this.#output.bias !== null) zeros(this.#output.bias);
  }

  /**
   * Runs the layer.
   *
   * @param query Shape [batch, length, embedDim] (with `batchFirst`), or without the batch
   * @param key Shape [batch, keyLength, kdim]
   * @param value Shape [batch, keyLength, vdim]
   * @param options Masks, and whether weights are returned
   * @returns The result, of the query's shape, and the weights [batch, length, keyLength] (by head: [batch, heads, …])
   *   or `null`
   * @throws {ShapeError} If sizes do not fit
   * @throws {TypeError} If there is no such option, or a mask holds neither booleans nor floats
   */
  forward(query: Tensor, key: Tensor, value: Tensor, options: AttentionCallOptions = {}): [Tensor, Tensor | null] {
    checkNames("run MultiheadAttention", options, CALL_NAMES);
    const { needWeights = true, averageAttnWeights = true } = options;
    const batched = query.ndim === 3;
    if ((query.ndim !== 2 && !batched) || key.ndim !== query.ndim || value.ndim !== query.ndim) {
      const shapes = [query.shape, key.shape, value.shape];
      throw new ShapeError(
        "MultiheadAttention",
        `Cannot attend in MultiheadAttention: query, key and value must have two or three axes, current shapes are ${
          showShapes(shapes)
        }`,
        shapes,
      );
    }
    this.checkMasks(query, key, options);
    const arranged = (x: Tensor) => !batched ? reshape(x, [1, ...x.shape]) : this.#batchFirst ? x : transpose(x, 0, 1);
    const back = (x: Tensor) => !batched ? reshape(x, x.shape.slice(1)) : this.#batchFirst ? x : transpose(x, 0, 1);
    if (!needWeights) return [back(this.#output.forward(this.#attend(query, key, value, arranged, options))), null];
    const [q, k, v] = this.#project(query, key, value).map((x) => this.#heads(arranged(x)));
    const scores = this.#masked(matmul(mul(q, q.shape[3] ** -0.5), transpose(k, 2, 3)), options);
    const weights = softmax(scores, { dim: -1 });
    const mixed = matmul(dropout(weights, { p: this.#dropout, training: this.training }), v);
    const result = back(this.#output.forward(joined(mixed)));
    const shown = averageAttnWeights ? mean(weights, { dim: 1 }) : weights;
    return [result, batched ? shown : reshape(shown, shown.shape.slice(1))];
  }

  /**
   * Throws unless the masks of a call fit its queries and keys.
   *
   * @internal
   */
  checkMasks(
    query: Tensor,
    key: Tensor,
    { attnMask, keyPaddingMask }: AttentionCallOptions,
    names: MaskNames = { op: "MultiheadAttention", attnMask: "attnMask", keyPaddingMask: "keyPaddingMask" },
  ): void {
    const batched = query.ndim === 3, along = batched && this.#batchFirst ? 1 : 0;
    const n = batched ? query.shape[1 - along] : 1, pairs = [query.shape[along], key.shape[along]], keys = pairs[1];
    const byHead = [n * this.numHeads, ...pairs];
    if (attnMask) checkMask(names.op, names.attnMask, attnMask, [pairs, byHead]);
    if (keyPaddingMask) {
      checkMask(names.op, names.keyPaddingMask, keyPaddingMask, batched ? [[n, keys]] : [[keys], [1, keys]]);
    }
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `${this.embedDim}, ${this.numHeads}`;
  }

  /** The heads' results side by side, [batch, length, embedDim], without the matrix of weights. */
  #attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    arranged: (x: Tensor) => Tensor,
    options: AttentionCallOptions,
  ): Tensor {
    const isCausal = (options.isCausal ?? false) && !options.attnMask;
    const dropout = this.training ? this.#dropout : 0;
    const weights = this.#weights;
    if (weights.length === 1 && query === key && key === value) {
      const qkv = arranged(linear(query, weights[0], { bias: this.#bias }));
      const [n, length] = qkv.shape;
      const mask = allowed(options, n, this.numHeads, length, length);
      return packedAttention(qkv, { numHeads: this.numHeads, mask, isCausal, dropout });
    }
    const [q, k, v] = this.#project(query, key, value).map((x) => this.#heads(arranged(x)));
    const mask = allowed(options, q.shape[0], this.numHeads, q.shape[2], k.shape[2]);
    return joined(scaledDotProductAttention(q, k, v, { mask, isCausal, dropout }));
  }

  /** Queries, keys and values after their projections: one product where they are one tensor. */
  #project(query: Tensor, key: Tensor, value: Tensor): readonly Tensor[] {
    const bias = this.#bias;
    const size = this.embedDim;
    const weights = this.#weights;
    if (weights.length === 1 && query === key && key === value) {
      return split(linear(query, weights[0], { bias }), size, { dim: -1 });
    }
    const parts = weights.length === 1 ? split(weights[0], size) : weights;
    const biases = bias === null ? [null, null, null] : split(bias, size);
    return [query, key, value].map((x, i) => linear(x, parts[i], { bias: biases[i] }));
  }

  /** [batch, length, features] as [batch, heads, length, features / heads]. */
  #heads(x: Tensor): Tensor {
    const [n, length] = x.shape;
    return permute(reshape(x, [n, length, this.numHeads, -1]), [0, 2, 1, 3]);
  }

  #masked(scores: Tensor, { keyPaddingMask, attnMask, isCausal = false }: AttentionCallOptions): Tensor {
    const [n, heads, length, keyLength] = scores.shape;
    if (attnMask) {
      scores = hide(scores, attnMask.ndim === 3 ? reshape(attnMask, [n, heads, length, keyLength]) : attnMask);
    } else if (isCausal) {
      scores = hide(scores, triu(ones([length, keyLength], { dtype: "bool" }), { diagonal: 1 }));
    }
    return keyPaddingMask ? hide(scores, reshape(keyPaddingMask, [n, 1, 1, keyLength])) : scores;
  }
}

/** Throws unless a mask is one, of one of the shapes. */
function checkMask(op: string, name: string, mask: Tensor, shapes: readonly (readonly number[])[]): void {
  if (!shapes.some((shape) => sameShape(shape, mask.shape))) {
    throw new ShapeError(
      op,
      `Cannot run ${op}: ${name} must have shape ${shapes.map(showShape).join(" or ")}, its shape is ${
        showShape(mask.shape)
      }`,
      [mask.shape],
    );
  }
  if (mask.dtype !== "bool" && !isFloat(mask.dtype)) {
    throw new TypeError(`Cannot run ${op}: ${name} must hold booleans or floats, got ${mask.dtype}`);
  }
}

/** The results of the heads [batch, heads, length, size], side by side. */
function joined(x: Tensor): Tensor {
  const [n, heads, length, size] = x.shape;
  return reshape(permute(x, [0, 2, 1, 3]), [n, length, heads * size]);
}

/** The masks of a call as one: truth for pairs that may be, or numbers that are added. */
function allowed(
  { attnMask, keyPaddingMask }: AttentionCallOptions,
  n: number,
  heads: number,
  length: number,
  keyLength: number,
): Tensor | null {
  const masks: Tensor[] = [];
  if (attnMask) masks.push(attnMask.ndim === 3 ? reshape(attnMask, [n, heads, length, keyLength]) : attnMask);
  if (keyPaddingMask) masks.push(reshape(keyPaddingMask, [n, 1, 1, keyLength]));
  if (masks.length === 0) return null;
  if (masks.every((mask) => mask.dtype === "bool")) return logicalNot(masks.reduce((a, b) => logicalOr(a, b)));
  return masks.map((mask) => mask.dtype === "bool" ? where(mask, -Infinity, 0) : mask).reduce((a, b) => add(a, b));
}

/** Scores without what a mask forbids: truth forbids, numbers are added. */
function hide(scores: Tensor, mask: Tensor): Tensor {
  return mask.dtype === "bool" ? maskedFill(scores, mask, -Infinity) : add(scores, mask);
}
