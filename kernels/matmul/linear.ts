import { autocastDType } from "../../tensor/autocast.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { apply, applyAll, type Op, type Spec } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { to } from "../elementwise/cast.ts";
import { expand } from "../layout/views.ts";
import { sum } from "../reduce/sum.ts";
import { computed, gradient, matmul, onMatrices, productType } from "./matmul.ts";
import { multiplyInto, Product } from "./_product.ts";

const TRANSPOSED = { transposeA: false, transposeB: true } as const;

/** x·wᵀ + bias for stacks of matrices x, a matrix w and a vector: one kernel, with what follows it. */
const linearOp: Op<null> = {
  name: "linear",
  half: "native",
  infer: ([x, w]) => ({ shape: [...x!.shape.slice(0, -1), w!.shape[0]], dtype: productType([x!, w!]) }),
  lazy: ([x, w, bias], _, { shape }) => new Product(x!, w!, bias, TRANSPOSED, shape),
  saves: (_, needs) => ({ inputs: [...(needs[1] ? [0] : []), ...(needs[0] ? [1] : [])] }),
  grad: (dy, { x, needs, inputs }) => {
    const dx = needs[0] ? gradient(dy, x(1), false, false, inputs[0]!) : null;
    const [, weight, bias] = inputs;
    if (needs[1] && needs[2] && weight!.shape[1] > 0) {
      const [dw, db] = applyAll(parametersGradOp, [dy, x(0)], weight!);
      return [dx, dw, to(db, bias!.dtype)];
    }
    const rows = dy.shape.slice(0, -1).map((_, i) => i);
    return [
      dx,
      needs[1] ? computed(gradient(dy, x(0), true, false, weight!)) : null,
      needs[2] ? to(sum(dy, { dim: rows }), bias!.dtype) : null,
    ];
  },
};

/** The gradients of a linear map's weight, dyᵀ·x, and of its bias, the sums over rows of dy, in one kernel. */
const parametersGradOp: Op<Spec, readonly Spec[]> = {
  name: "linearGrad",
  half: "native",
  infer: (_, { shape, dtype }) => [{ shape, dtype }, { shape: [shape[0]], dtype: "f32" }],
  forward: ([dy, x], { shape }, [dw, db]) =>
    multiplyInto(dy!, x!, { transposeA: true, transposeB: false }, shape, { y: dw, sums: db }),
  saves: { inputs: [0, 1] },
  // Both are linear in dy and in x, so that their gradients are a linear map of the same kind, and a product.
  grad: (_, { x, dys: [dw, db], needs, inputs: [dy, input] }) => [
    !needs[0] ? null : to(dw === null ? expand(db!, dy!.shape) : apply(linearOp, [x(1), dw, db], null), dy!.dtype),
    needs[1] && dw !== null ? to(matmul(x(0), dw), input!.dtype) : null,
  ],
};

/**
 * x·wᵀ + bias. Under autocast the operands are rounded to 16 bits; the bias is added to f32 sums as it is.
 *
 * @param x Shape [..., k]
 * @param weight Shape [n, k], or [k]
 * @param bias Shape [n], [1] or []; or `null`
 * @returns Shape [..., n], or [...] for a weight with one axis
 */
export function linearMap(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const half = autocastDType();
  const rounded = (t: Tensor) => half === null ? t : to(t, half);
  return onMatrices("linear", x, weight, true, (rows, w) => {
    const [features] = w.shape;
    const wide = bias === null || isFloat(bias.dtype) ? bias : to(bias, "f32");
    const added = wide && (wide.ndim === 1 && wide.shape[0] === features ? wide : expand(wide, [features]));
    return apply(linearOp, [rounded(rows), rounded(w), added], null);
  });
}
