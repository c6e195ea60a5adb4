/** Attention. */
export {
  type AttentionOptions,
  packedAttention,
  type PackedAttentionOptions,
  scaledDotProductAttention,
  type ScaledDotProductAttentionOptions,
} from "./attention.ts";
