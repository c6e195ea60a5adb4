/** A decoder-only transformer over characters, in the manner of nanoGPT, under the names of PyTorch's state dict. */
import {
  add,
  dropout,
  embedding,
  gelu,
  linear,
  ones,
  packedAttention,
  permute,
  reshape,
  scaledDotProductAttention,
  slice,
  split,
  type Tensor,
  tril,
} from "../../mod.ts";
import { Embedding, init, type KeyValueCache, LayerNorm, Linear, Module, ModuleList } from "../../nn/mod.ts";

/** Sizes of a {@link CharGpt}. */
export interface GptSizes {
  /** Characters that there are. */
  readonly vocab: number;
  /** Places that it can look back. */
  readonly context: number;
  /** Features of a place. */
  readonly width: number;
  /** Blocks, one after the other. */
  readonly layers: number;
  /** Heads of attention, a divisor of the width. */
  readonly heads: number;
  /** Share of values that is dropped in training; default 0. */
  readonly dropout?: number;
}

/** Self-attention that looks back, over heads that are slices of the width. */
class CausalSelfAttention extends Module<[x: Tensor, cache?: KeyValueCache], Tensor> {
  qkv: Linear;
  proj: Linear;
  readonly #heads: number;
  readonly #dropout: number;

  constructor({ width, heads, dropout = 0 }: GptSizes) {
    super();
    this.qkv = new Linear(width, 3 * width, { bias: false });
    this.proj = new Linear(width, width);
    this.#heads = heads;
    this.#dropout = dropout;
  }

  override forward(x: Tensor, cache?: KeyValueCache): Tensor {
    const p = this.training ? this.#dropout : 0;
    const qkv = this.qkv.forward(x);
    if (cache !== undefined) return this.proj.forward(this.#writeOn(qkv, cache));
    return this.proj.forward(packedAttention(qkv, { numHeads: this.#heads, isCausal: true, dropout: p }));
  }

  /** The new places look at those that are kept, and at each other backwards. */
  #writeOn(qkv: Tensor, cache: KeyValueCache): Tensor {
    const [batch, length, features] = qkv.shape, width = features / 3;
    const [q, k, v] = split(qkv, width, { dim: 2 }).map((part) =>
      permute(reshape(part, [batch, length, this.#heads, width / this.#heads]), [0, 2, 1, 3])
    );
    const { keys, values } = cache.append(k, v);
    const seen = ones([length, cache.length], { dtype: "bool" });
    const mask = length === 1 ? null : tril(seen, { diagonal: cache.length - length });
    const y = scaledDotProductAttention(q, keys, values, { mask });
    return reshape(permute(y, [0, 2, 1, 3]), [batch, length, width]);
  }
}

/** Attention and two linear layers, each after a normalisation, with what goes past them. */
class Block extends Module<[x: Tensor, cache?: KeyValueCache], Tensor> {
  ln1: LayerNorm;
  attn: CausalSelfAttention;
  ln2: LayerNorm;
  fc1: Linear;
  fc2: Linear;
  readonly #dropout: number;

  constructor(sizes: GptSizes) {
    super();
    const { width, dropout = 0 } = sizes;
    this.ln1 = new LayerNorm(width);
    this.attn = new CausalSelfAttention(sizes);
    this.ln2 = new LayerNorm(width);
    this.fc1 = new Linear(width, 4 * width);
    this.fc2 = new Linear(4 * width, width);
    this.#dropout = dropout;
  }

  override forward(x: Tensor, cache?: KeyValueCache): Tensor {
    const thinned = (y: Tensor) => dropout(y, { p: this.#dropout, training: this.training });
    const attended = add(x, thinned(this.attn.forward(this.ln1.forward(x), cache)));
    return add(attended, thinned(this.fc2.forward(gelu(this.fc1.forward(this.ln2.forward(attended))))));
  }
}

/**
 * Says of each character which one may follow. `tok` [vocab, width] reads the characters and, transposed, writes them:
 * the output layer has no parameters of its own.
 */
export class CharGpt extends Module<[ids: Tensor, caches?: readonly KeyValueCache[]], Tensor> {
  readonly sizes: GptSizes;
  tok: Embedding;
  pos: Embedding;
  blocks: ModuleList<Block>;
  ln: LayerNorm;

  constructor(sizes: GptSizes) {
    super();
    const { vocab, context, width, layers } = sizes;
    this.sizes = sizes;
    this.tok = new Embedding(vocab, width);
    this.pos = new Embedding(context, width);
    this.blocks = new ModuleList(Array.from({ length: layers }, () => new Block(sizes)));
    this.ln = new LayerNorm(width);
    for (const parameter of this.parameters()) if (parameter.ndim === 2) init.normal(parameter, { std: 0.02 });
  }

  /**
   * Logits of the characters that follow.
   *
   * @param ids Characters [batch, length]; with caches, those that come after the kept ones
   * @param caches One for each block
   * @returns Shape [batch, length, vocab]
   */
  override forward(ids: Tensor, caches?: readonly KeyValueCache[]): Tensor {
    const start = caches?.[0].length ?? 0;
    const places = slice(this.pos.weight, { dim: 0, start, end: start + ids.shape[1] });
    let x = add(embedding(ids, this.tok.weight), places);
    let i = 0;
    for (const block of this.blocks) x = block.forward(x, caches?.[i++]);
    return linear(this.ln.forward(x), this.tok.weight);
  }
}
