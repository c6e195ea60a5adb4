import { gradEnabled } from "../../tensor/grad_mode.ts";
import { applyAll, type Op, type Spec } from "../../tensor/op.ts";
import { numel } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { permute } from "../layout/views.ts";
import { sumTo } from "../reduce/sum_to.ts";
import { composedGrad, composedPackedGrad } from "./_composed.ts";
import {
  type AttentionBackward,
  type AttentionSizes,
  type Heads,
  headsOf,
  isEmpty,
  maskGradShape,
  ownRows,
  recordForward,
  recordKeys,
  recordMask,
  recordQueries,
  release,
  statisticsSize,
} from "./_problem.ts";

/** Where the heads of a packed projection [batch, length, (heads + 2 · keyHeads) · size] lie: queries, keys, values. */
function packedHeads(qkv: Tensor, sizes: AttentionSizes): [q: Heads, k: Heads, v: Heads] {
  const { heads, keyHeads, size, keys } = sizes;
  const row = (heads + 2 * keyHeads) * size;
  const strides = [keys * row, size, row];
  return [0, heads * size, (heads + keyHeads) * size].map((offset) => ownRows(qkv, strides, offset)) as [
    Heads,
    Heads,
    Heads,
  ];
}

/** Where the heads of results [batch, length, heads, size] lie. */
function resultHeads(o: Tensor, { heads, queries }: AttentionSizes, size: number): Heads {
  return ownRows(o, [queries * heads * size, size, heads * size]);
}

function forward(
  sizes: AttentionSizes,
  [q, k, v]: Heads[],
  mask: Tensor | null,
  step: Tensor | null,
  [o, stats]: readonly Tensor[],
): void {
  const into = resultHeads(o, sizes, sizes.valueSize);
  if (!isEmpty(sizes)) recordForward({ ...sizes, q, k, v, mask, step }, into, stats);
  release(q, k, v, into);
}

function resultSpecs(sizes: AttentionSizes, dtype: Spec["dtype"]): readonly Spec[] {
  const { batches, queries, heads, valueSize } = sizes;
  return [
    { shape: [batches, queries, heads, valueSize], dtype },
    { shape: [statisticsSize(sizes)], dtype: "u32" },
  ];
}

/** q, k, v [batch, heads, rows, size], mask, step → results [batch, queries, heads, valueSize] and statistics. */
export const attentionOp: Op<AttentionSizes, readonly Spec[]> = {
  name: "attention",
  half: "native",
  infer: ([q], sizes) => resultSpecs(sizes, q!.dtype),
  forward: ([q, k, v, mask, step], sizes, y) => forward(sizes, [q!, k!, v!].map(headsOf), mask, step, y),
  saves: (_, needs) => needs.some(Boolean) ? { inputs: [0, 1, 2, 3], outputs: [0, 1] } : {},
  grad: (dy, context, sizes) => {
    const { x, output, needs, inputs } = context;
    const mask = inputs[3] === null ? null : x(3);
    if (gradEnabled()) return composedGrad([x(0), x(1), x(2)], mask, dy, needs, sizes);
    const given = [x(0), x(1), x(2), mask, output(0), output(1), dy];
    const [dq, dk, dv, dm] = applyAll(attentionGradOp, given, { sizes, needs });
    const rows = (t: Tensor) => permute(t, [0, 2, 1, 3]);
    return [
      needs[0] ? rows(dq) : null,
      needs[1] ? rows(dk) : null,
      needs[2] ? rows(dv) : null,
      needs[3] ? sumTo(dm, mask!.shape) : null,
      null,
    ];
  },
};

interface GradAttrs {
  readonly sizes: AttentionSizes;
  /** Which of q, k, v and mask want a gradient. */
  readonly needs: readonly boolean[];
}

function backward(
  sizes: AttentionSizes,
  [q, k, v]: Heads[],
  mask: Tensor | null,
  [o, stats, dy]: readonly Tensor[],
  run: (attention: AttentionBackward) => void,
): void {
  const results = resultHeads(o, sizes, sizes.valueSize);
  // The gradient comes as [batch, queries, heads, valueSize]; a view of it is read in place.
  const grads = headsOf(dy);
  const [batch, row, head] = grads.strides;
  const g: Heads = { ...grads, strides: [batch, head, row] };
  run({ ...sizes, q, k, v, mask, step: null, o: results, g, stats });
  release(q, k, v, results, grads);
}

/**
 * q, k, v, mask, results, statistics, their gradient → gradients of q, k, v as [batch, rows, heads, size], and of the
 * mask.
 */
const attentionGradOp: Op<GradAttrs, readonly Spec[]> = {
  name: "attentionGrad",
  half: "native",
  infer: ([q, _k, _v, mask], { sizes }) => {
    const { batches, heads, keyHeads, queries, keys, size, valueSize } = sizes;
    const { dtype } = q!;
    return [
      { shape: [batches, queries, heads, size], dtype },
      { shape: [batches, keys, keyHeads, size], dtype },
      { shape: [batches, keys, keyHeads, valueSize], dtype },
      { shape: mask === null ? [0] : maskGradShape(mask, sizes), dtype: "f32" },
    ];
  },
  forward: ([q, k, v, mask, o, stats, dy], { sizes, needs }, [dq, dk, dv, dm]) => {
    const { keys, keyHeads, size, valueSize } = sizes;
    backward(sizes, [q!, k!, v!].map(headsOf), mask, [o!, stats!, dy!], (attention) => {
      const x = resultHeads(dq, sizes, size);
      const y = ownRows(dk, [keys * keyHeads * size, size, keyHeads * size]);
      const z = ownRows(dv, [keys * keyHeads * valueSize, valueSize, keyHeads * valueSize]);
      if (!isEmpty(sizes)) recordQueries(attention, x);
      if ((needs[1] || needs[2]) && numel(dk.shape) + numel(dv.shape) > 0) recordKeys(attention, y, z, false);
      if (needs[3] && numel(dm.shape) > 0) recordMask(attention, dm);
      release(x, y, z);
    });
  },
  // Reached without gradients recorded only: the other path makes gradients of differentiable functions.
  grad: null,
};

/** A packed projection [batch, length, (heads + 2 · keyHeads) · size], mask, step → results and statistics. */
export const packedAttentionOp: Op<AttentionSizes, readonly Spec[]> = {
  name: "attention",
  half: "native",
  infer: ([qkv], sizes) => resultSpecs(sizes, qkv!.dtype),
  forward: ([qkv, mask, step], sizes, y) => forward(sizes, packedHeads(qkv!, sizes), mask, step, y),
  saves: { inputs: [0, 1], outputs: [0, 1] },
  grad: (dy, { x, output, needs, inputs }, sizes) => {
    const mask = inputs[1] === null ? null : x(1);
    if (gradEnabled()) return composedPackedGrad(x(0), mask, dy, needs, sizes);
    const [dx, dm] = applyAll(packedGradOp, [x(0), mask, output(0), output(1), dy], { sizes, needs });
    return [needs[0] ? dx : null, needs[1] ? sumTo(dm, mask!.shape) : null, null];
  },
};

/** Packed projection, mask, results, statistics, their gradient → the gradients of the projection and of the mask. */
const packedGradOp: Op<GradAttrs, readonly Spec[]> = {
  name: "attentionGrad",
  half: "native",
  infer: ([qkv, mask], { sizes }) => [
    { shape: qkv!.shape, dtype: qkv!.dtype },
    { shape: mask === null ? [0] : maskGradShape(mask, sizes), dtype: "f32" },
  ],
  forward: ([qkv, mask, o, stats, dy], { sizes, needs }, [dx, dm]) => {
    if (isEmpty(sizes)) return;
    backward(sizes, packedHeads(qkv!, sizes), mask, [o!, stats!, dy!], (attention) => {
      const [dq, dk, dv] = packedHeads(dx, sizes);
      recordQueries(attention, dq);
      if (needs[0]) recordKeys(attention, dk, dv, true);
      if (needs[1]) recordMask(attention, dm);
      release(dq, dk, dv);
    });
  },
  // Reached without gradients recorded only: the other path makes gradients of differentiable functions.
  grad: null,
};
