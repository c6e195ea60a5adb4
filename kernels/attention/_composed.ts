import type { Inputs } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { add, mul, sub } from "../elementwise/arithmetic.ts";
import { to } from "../elementwise/cast.ts";
import { where } from "../elementwise/choice.ts";
import { logicalAnd, ne } from "../elementwise/compare.ts";
import { ones } from "../elementwise/constants.ts";
import { cat } from "../cat/cat.ts";
import { reshape } from "../layout/reshape.ts";
import { slice } from "../layout/slice.ts";
import { split } from "../layout/split.ts";
import { tril } from "../layout/triangle.ts";
import { expand, permute, transpose } from "../layout/views.ts";
import { matmul } from "../matmul/matmul.ts";
import { drawn } from "../random/_drawn.ts";
import { sum } from "../reduce/sum.ts";
import { sumTo } from "../reduce/sum_to.ts";
import { softmax } from "../softmax/softmax.ts";
import type { AttentionDropout, AttentionSizes } from "./_problem.ts";

/**
 * The gradients in differentiable functions, for gradients of gradients: it makes the matrix of weights.
 *
 * @param inputs Queries, keys and values, [batch, heads, rows, size]
 * @param mask Truth for pairs that count, or numbers that are added
 * @param dy The gradient of the results, [batch, queries, heads, valueSize]
 * @param needs Which of q, k, v and mask want a gradient
 * @param sizes Sizes, scale, causality and dropout
 */
export function composedGrad(
  inputs: readonly [q: Tensor, k: Tensor, v: Tensor],
  mask: Tensor | null,
  dy: Tensor,
  needs: readonly boolean[],
  sizes: AttentionSizes,
): Inputs {
  const { batches, heads, keyHeads, keys, scale, dropout } = sizes;
  const repeats = heads / keyHeads;
  const wide = (t: Tensor) => to(t, "f32");
  const repeated = (t: Tensor) => {
    const size = t.shape[3];
    const rows = expand(reshape(wide(t), [batches, keyHeads, 1, keys, size]), [-1, -1, repeats, -1, -1]);
    return reshape(rows, [batches, heads, keys, size]);
  };
  const folded = (t: Tensor) => sum(reshape(t, [batches, keyHeads, repeats, keys, t.shape[3]]), { dim: 2 });
  const q = wide(inputs[0]), k = repeated(inputs[1]), v = repeated(inputs[2]);
  const g = permute(wide(dy), [0, 2, 1, 3]);
  const w = weights(q, k, mask, sizes);
  const kept = dropout === null ? null : keptWeights(dropout, sizes);
  const dropped = (t: Tensor) => kept === null ? t : mul(t, kept);
  const dw = dropped(matmul(g, transpose(v, 2, 3)));
  const ds = mul(w, sub(dw, sum(mul(dw, w), { dim: -1, keepdim: true })));
  const dtype = inputs[0].dtype;
  return [
    needs[0] ? to(mul(matmul(ds, k), scale), dtype) : null,
    needs[1] ? to(mul(folded(matmul(transpose(ds, 2, 3), q)), scale), dtype) : null,
    needs[2] ? to(folded(matmul(transpose(dropped(w), 2, 3), g)), dtype) : null,
    needs[3] ? sumTo(ds, mask!.shape) : null,
    null,
  ];
}

/** The same for a packed projection: gradients of it and of the mask. */
export function composedPackedGrad(
  qkv: Tensor,
  mask: Tensor | null,
  dy: Tensor,
  needs: readonly boolean[],
  sizes: AttentionSizes,
): Inputs {
  const { batches, heads, keyHeads, keys, size } = sizes;
  const counts = [heads, keyHeads, keyHeads];
  const [q, k, v] = split(reshape(qkv, [batches, keys, heads + 2 * keyHeads, size]), counts, { dim: 2 })
    .map((t) => permute(t, [0, 2, 1, 3]));
  const [dq, dk, dv, dm] = composedGrad([q, k, v], mask, dy, [needs[0], needs[0], needs[0], needs[1]], sizes);
  const rows = (t: Tensor) => permute(t, [0, 2, 1, 3]);
  const dx = needs[0] ? reshape(cat([rows(dq!), rows(dk!), rows(dv!)], { dim: 2 }), qkv.shape) : null;
  return [dx, dm, null];
}

/** Shares of the keys for each query; a query that sees none has zeros. */
function weights(q: Tensor, k: Tensor, mask: Tensor | null, { queries, keys, scale, causal }: AttentionSizes): Tensor {
  let scores = mul(matmul(q, transpose(k, 2, 3)), scale);
  if (mask !== null && mask.dtype !== "bool") scores = add(scores, mask);
  let seen = ne(scores, -Infinity);
  if (mask?.dtype === "bool") seen = logicalAnd(seen, mask);
  if (causal) seen = logicalAnd(seen, tril(ones([queries, keys], { dtype: "bool" })));
  return where(seen, softmax(where(seen, scores, -3.4e38), { dim: -1 }), 0);
}

/** What dropout multiplies the weights by: the same numbers as in the kernels, which draw them by fours of keys. */
function keptWeights({ p, key }: AttentionDropout, { batches, heads, queries, keys }: AttentionSizes): Tensor {
  const shape = [batches, heads, queries, Math.ceil(keys / 4) * 4];
  const kept = drawn("attention", "select(0.0, z, x < y)", { shape, dtype: "f32" }, key, "uniform_quad", [
    { value: 1 - p, as: "f32" },
    { value: p === 1 ? 0 : 1 / (1 - p), as: "f32" },
  ]);
  return slice(kept, { dim: 3, end: keys });
}
