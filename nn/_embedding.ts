import { bincount } from "../kernels/count/count.ts";
import { add, div, mul } from "../kernels/elementwise/arithmetic.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { gt, logicalAnd } from "../kernels/elementwise/compare.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { embedding } from "../kernels/gather/embedding.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { norm } from "../kernels/reduce/norm.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { apply, type Op } from "../tensor/op.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** How often each row is looked up, [rows, 1] in f32. */
function frequencies(ids: Tensor, rows: number): Tensor {
  return reshape(to(bincount(ids, { numBins: rows }), "f32"), [rows, 1]);
}

/** Shortens, in the table itself, the rows that are looked up and longer than `most`. */
export function boundRows(weight: Tensor, ids: Tensor, most: number, p: number): void {
  if (weight.numel === 0 || ids.numel === 0) return;
  noGrad(() =>
    scope(() => {
      const lengths = to(norm(to(weight, "f32"), { p, dim: 1, keepdim: true }), "f32");
      const long = logicalAnd(gt(lengths, most), gt(frequencies(ids, weight.shape[0]), 0));
      // PyTorch's small number, which keeps rounding from leaving a row too long.
      copyInto(weight, to(mul(weight, where(long, div(most, add(lengths, 1e-7)), 1)), weight.dtype));
    })
  );
}

/** The first input; its gradient is divided by the second. */
const dividedGradientOp: Op<null> = {
  name: "embedding_by_frequency",
  half: "native",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  alias: true,
  saves: { inputs: [1] },
  grad: (dy, { x }) => [to(div(dy, x(1)), dy.dtype), null],
};

/** The rows that were looked up, with gradients divided by how often each was. */
export function byFrequency(y: Tensor, ids: Tensor, rows: number): Tensor {
  const counts = noGrad(() => embedding(ids, frequencies(ids, rows)));
  return apply(dividedGradientOp, [y, counts], null);
}
