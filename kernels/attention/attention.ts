import { checkNames } from "../../device/option_names.ts";
import { autocast, autocastDType } from "../../tensor/autocast.ts";
import { isFloat, isHalf } from "../../tensor/dtype.ts";
import { ShapeError, showShapes } from "../../tensor/errors.ts";
import { defaultGenerator, type Generator } from "../../tensor/generator.ts";
import { applyAll } from "../../tensor/op.ts";
import { broadcastShapes, numel, sameShape, type Shape } from "../../tensor/shape.ts";
import { checkTensors } from "../../tensor/operands.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { to } from "../elementwise/cast.ts";
import { reshape } from "../layout/reshape.ts";
import { expand, permute } from "../layout/views.ts";
import { keyInputs } from "../random/_drawn.ts";
import { checkProbability } from "../random/random.ts";
import { attentionOp, packedAttentionOp } from "./_ops.ts";
import type { AttentionDropout, AttentionSizes } from "./_problem.ts";

/** What {@link scaledDotProductAttention} and {@link packedAttention} have in common. */
export interface AttentionOptions {
  /**
   * Which pairs count: true for those that do, or numbers that are added to the scores; it broadcasts to [..., heads,
   * queries, keys]. Together with `isCausal` both hold.
   */
  mask?: Tensor | null;
  /** Probability that a weight is dropped; default 0. It drops whenever it is above 0: pass 0 outside of training. */
  dropout?: number;
  /** Whether query i sees keys 0 to i only; default false. */
  isCausal?: boolean;
  /** What scores are multiplied by; default 1 / √(size of a query). */
  scale?: number | null;
  /** Where dropout's choice comes from; default: the generator that `manualSeed` seeds. */
  generator?: Generator;
}

/** Options of {@link scaledDotProductAttention}. */
export interface ScaledDotProductAttentionOptions extends AttentionOptions {
  /** Whether keys and values may have fewer heads, each for as many neighbouring query heads; default false. */
  enableGqa?: boolean;
}

/** Options of {@link packedAttention}. */
export interface PackedAttentionOptions extends AttentionOptions {
  /** Heads of the queries. */
  numHeads: number;
  /** Heads of keys and of values, a divisor of `numHeads`; default `numHeads`. */
  numKvHeads?: number;
}

const NAMES = { mask: true, dropout: true, isCausal: true, scale: true, generator: true } as const;

/**
 * Attention: softmax(scale · q·kᵀ + mask) · v, for each head (Vaswani and others, "Attention is all you need", 2017).
 *
 * Keys and values stream past each query and the sums are corrected as the largest score grows (Milakov and Gimelshein,
 * "Online normalizer calculation for softmax", 2018; Dao, "FlashAttention-2", 2023), forward and backward: memory grows
 * with the number of queries and keys, not with their product. Views of other tensors (heads split off a projection)
 * are read in place. A query that sees no key gives zeros. 16-bit inputs are read as they are, sums are f32.
 *
 * @param query Shape [..., heads, queries, size]
 * @param key Shape [..., heads, keys, size]
 * @param value Shape [..., heads, keys, valueSize]
 * @param options Mask, dropout, causality, scale, grouped heads
 * @returns Shape [..., heads, queries, valueSize]
 * @throws {ShapeError} If the shapes do not fit
 * @throws {TypeError} If the tensors are not floating-point, or of different types
 * @throws {RangeError} If the probability of dropout is not between 0 and 1
 *
 * @example
 * ```ts
 * import { init, randn, scaledDotProductAttention } from "@fulgurite/core";
 *
 * await init();
 * const q = randn([2, 4, 16, 32]), k = randn([2, 4, 16, 32]), v = randn([2, 4, 16, 32]);
 * console.log(scaledDotProductAttention(q, k, v, { isCausal: true }).shape); // [2, 4, 16, 32]
 * ```
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: ScaledDotProductAttentionOptions = {},
): Tensor {
  const name = "scaledDotProductAttention";
  checkNames(`attend in ${name}`, options, { ...NAMES, enableGqa: true });
  const parts = [query, key, value];
  checkTensors(name, ...parts);
  const fail = (rule: string) => mismatch(name, rule, parts);
  if (parts.some((t) => t.ndim < 2) || parts.some((t) => t.ndim !== query.ndim)) {
    throw fail("query, key and value must have the same number of axes, two or more");
  }
  if (query.shape.at(-1) !== key.shape.at(-1)) throw fail("queries and keys must have the same size");
  if (key.shape.at(-2) !== value.shape.at(-2)) throw fail("there must be as many values as keys");
  const [queries, size] = query.shape.slice(-2), [keys, valueSize] = value.shape.slice(-2);
  const [heads, keyHeads, valueHeads] = parts.map((t) => t.shape.at(-3) ?? 1);
  if (options.enableGqa ? keyHeads !== valueHeads || keyHeads === 0 || heads % keyHeads !== 0 : false) {
    throw fail("the heads of the query must be a multiple of those of key and value");
  }
  const lead = broadcastShapes(name, parts.map((t) => t.shape.slice(0, options.enableGqa ? -3 : -2)));
  const batch = options.enableGqa ? lead : lead.slice(0, -1);
  const headsOf = (own: number) => options.enableGqa ? own : lead.at(-1) ?? 1;
  // Batches become one axis; what is broadcast is read again and again in place.
  const stacked = parts.map((t) => {
    const [rows, columns] = t.shape.slice(-2), own = headsOf(t.shape.at(-3) ?? 1);
    const whole = t.ndim < 3 ? [rows, columns] : [...batch, own, rows, columns];
    return reshape(expand(t, whole), [numel(batch), own, rows, columns]);
  });
  const sizes = {
    batches: numel(batch),
    heads: headsOf(heads),
    keyHeads: headsOf(keyHeads),
    queries,
    keys,
    size,
    valueSize,
  };
  const y = attend(name, stacked, sizes, options, batch, (inputs, mask, attrs) => {
    const o = applyAll(attentionOp, [...inputs, mask, ...keyInputsOf(attrs)], attrs)[0];
    return permute(o, [0, 2, 1, 3]);
  });
  const shape = query.ndim < 3 ? [queries, valueSize] : [...batch, sizes.heads, queries, valueSize];
  return sameShape(y.shape, shape) ? y : reshape(y, shape);
}

/**
 * Self-attention of a packed projection: what one linear layer makes of x, queries, keys and values side by side, goes
 * in, and what the next one takes comes out. Nothing is rearranged, forward or backward.
 *
 * @param qkv Shape [..., length, (numHeads + 2 · numKvHeads) · size]: the heads of the queries, of the keys, of the
 *   values
 * @param options Number of heads, mask, dropout, causality, scale
 * @returns Shape [..., length, numHeads · size]
 * @throws {ShapeError} If the last axis is no multiple of the number of heads
 * @throws {TypeError} If the tensor is not floating-point
 * @throws {RangeError} If the heads of keys do not divide those of queries, or the probability is not between 0 and 1
 *
 * @example
 * ```ts
 * import { init, packedAttention, randn } from "@fulgurite/core";
 *
 * await init();
 * const qkv = randn([2, 16, 3 * 64]);
 * console.log(packedAttention(qkv, { numHeads: 4, isCausal: true }).shape); // [2, 16, 64]
 * ```
 */
export function packedAttention(qkv: Tensor, options: PackedAttentionOptions): Tensor {
  const name = "packedAttention";
  checkNames(`attend in ${name}`, options, { ...NAMES, numHeads: "required", numKvHeads: true });
  const { numHeads, numKvHeads = numHeads } = options;
  if (![numHeads, numKvHeads].every((n) => Number.isInteger(n) && n > 0) || numHeads % numKvHeads !== 0) {
    throw new RangeError(
      `Cannot attend in ${name}: numKvHeads must divide numHeads, got ${numKvHeads} and ${numHeads}`,
    );
  }
  const all = numHeads + 2 * numKvHeads;
  if (qkv.ndim < 2 || qkv.shape.at(-1)! % all !== 0) {
    throw mismatch(name, `the tensor must have two axes, the last a multiple of ${all} heads`, [qkv]);
  }
  const batch = qkv.shape.slice(0, -2), [length, features] = qkv.shape.slice(-2), size = features / all;
  const sizes = {
    batches: numel(batch),
    heads: numHeads,
    keyHeads: numKvHeads,
    queries: length,
    keys: length,
    size,
    valueSize: size,
  };
  const stacked = reshape(qkv, [sizes.batches, length, features]);
  const y = attend(
    name,
    [stacked],
    sizes,
    options,
    batch,
    (inputs, mask, attrs) => applyAll(packedAttentionOp, [...inputs, mask, ...keyInputsOf(attrs)], attrs)[0],
  );
  return reshape(y, [...batch, length, numHeads * size]);
}

function mismatch(op: string, rule: string, tensors: readonly Tensor[]): ShapeError {
  const shapes = tensors.map(({ shape }) => shape);
  return new ShapeError(op, `Cannot attend in ${op}: ${rule}, current shapes are ${showShapes(shapes)}`, shapes);
}

/** The step of dropout as an input, so that a recording that is replayed reads it anew. */
function keyInputsOf({ dropout }: AttentionSizes): readonly (Tensor | null)[] {
  return dropout === null ? [null] : [...keyInputs(dropout.key), null].slice(0, 1);
}

/** Checks and fills in the options, sees to types, and runs. */
function attend(
  op: string,
  inputs: readonly Tensor[],
  sizes: Omit<AttentionSizes, "scale" | "causal" | "dropout">,
  options: AttentionOptions,
  batch: Shape,
  run: (inputs: readonly Tensor[], mask: Tensor | null, attrs: AttentionSizes) => Tensor,
): Tensor {
  const { dropout: p = 0, isCausal: causal = false, generator = defaultGenerator } = options;
  checkProbability(op, p);
  const types = inputs.map(({ dtype }) => dtype);
  const active = autocastDType();
  if (!types.every(isFloat) || (active === null && types.some((dtype) => dtype !== types[0]))) {
    throw new TypeError(
      `Cannot attend in ${op}: tensors must be floating-point and of one type, got ${types.join(", ")}`,
    );
  }
  const mask = maskOf(op, options.mask ?? null, sizes, batch);
  const dropout: AttentionDropout | null = p === 0 ? null : { p, key: generator.take() };
  const scale = options.scale ?? 1 / Math.sqrt(sizes.size);
  const attrs: AttentionSizes = { ...sizes, scale, causal, dropout };
  // Autocast concerns queries, keys and values: a mask keeps its f32. A kernel owns whole words of 16-bit elements only
  // where sizes are multiples of four; elsewhere it computes in f32.
  const dtype = active ?? types[0];
  const native = !isHalf(dtype) || (sizes.size % 4 === 0 && sizes.valueSize % 4 === 0);
  const rounded = inputs.map((t) => to(t, dtype));
  return autocast(null, () => to(run(native ? rounded : rounded.map((t) => to(t, "f32")), mask, attrs), dtype));
}

/** A mask as [batches or 1, heads or 1, queries or 1, keys or 1]. */
function maskOf(
  op: string,
  mask: Tensor | null,
  { batches, heads, queries, keys }: Omit<AttentionSizes, "scale" | "causal" | "dropout">,
  batch: Shape,
): Tensor | null {
  if (mask === null) return null;
  if (mask.dtype !== "bool" && !isFloat(mask.dtype)) {
    throw new TypeError(`Cannot attend in ${op}: the mask must be bool or floating-point, got ${mask.dtype}`);
  }
  const scores = [...batch, heads, queries, keys];
  // Without an axis of heads the mask may have one axis less, as the queries do.
  const lead = scores.length - mask.ndim;
  const fits = lead >= 0 && mask.shape.every((size, i) => size === 1 || size === scores[i + lead]);
  if (!fits) {
    throw new ShapeError(
      op,
      `Cannot attend in ${op}: the mask must broadcast to the scores, current shapes are ${
        showShapes([mask.shape, scores])
      }`,
      [mask.shape, scores],
    );
  }
  const full = [...new Array<number>(lead).fill(1), ...mask.shape];
  const own = full.slice(0, batch.length);
  const shared = own.every((size) => size === 1);
  const rest = full.slice(batch.length);
  const whole = shared ? mask : expand(reshape(mask, full), [...batch, ...rest]);
  const stacked = reshape(whole, [shared ? 1 : batches, ...rest]);
  return stacked.dtype === "bool" ? stacked : to(stacked, "f32");
}
