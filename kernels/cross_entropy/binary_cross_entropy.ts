import { add, mul, neg, square, sub } from "../elementwise/arithmetic.ts";
import { clamp } from "../elementwise/choice.ts";
import { pointwise } from "../elementwise/define.ts";
import { log, log1p } from "../elementwise/math.ts";
import { div } from "../elementwise/arithmetic.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * −(t log x + (1 − t) log(1 − x)) with logarithms not below −100, element by element. The gradient is PyTorch's: its
 * denominator x (1 − x) is not below 1e-12, so it does not vanish where x is 0 or 1.
 */
const lossOp = pointwise({
  name: "binaryCrossEntropy",
  operands: ["x", "t"],
  f: "(-(t * max_f32(log_f32(x), -100.0) + (1.0 - t) * max_f32(log1p_f32(-x), -100.0)))",
  precision: "full",
  reads: [[0, 1], [0]],
  grads: [
    (dy, { x }) => slopeOp([dy, x(0), x(1)]),
    (dy, { x }) => mul(dy, sub(log1p(neg(x(0) as Tensor)), log(x(0) as Tensor))),
  ],
});

const slopeOp = pointwise({
  name: "binaryCrossEntropyGrad",
  operands: ["dy", "x", "t"],
  f: "(dy * (x - t) / max((1.0 - x) * x, 1e-12))",
  reads: [[1, 2], [0, 1, 2], [0, 1]],
  grads: [
    (g, { x }) => slopeOp([g, x(1), x(2)]),
    (g, { x }) => {
      const d = spread(x(1) as Tensor);
      const bend = add(div(1, d), div(mul(sub(x(1), x(2)), sub(mul(x(1), 2), 1)), square(d)));
      return mul(mul(g, x(0)), bend);
    },
    (g, { x }) => neg(div(mul(g, x(0)), spread(x(1) as Tensor))),
  ],
});

const spread = (x: Tensor): Tensor => clamp(mul(sub(1, x), x), { min: 1e-12 });

/** The loss of each element of probabilities `x` and targets `t`. */
export function elementLoss(x: Tensor, t: Tensor): Tensor {
  return lossOp([x, t]);
}
