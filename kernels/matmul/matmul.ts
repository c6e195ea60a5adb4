import { autocastDType } from "../../tensor/autocast.ts";
import { type DType, isFloat, promote } from "../../tensor/dtype.ts";
import { ShapeError, showShapes } from "../../tensor/errors.ts";
import { apply, type Op, type Spec } from "../../tensor/op.ts";
import { broadcastShapes, numel, sameShape, type Shape } from "../../tensor/shape.ts";
import { checkTensors } from "../../tensor/operands.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { to } from "../elementwise/cast.ts";
import { reshape } from "../layout/reshape.ts";
import { expand } from "../layout/views.ts";
import { sumTo } from "../reduce/sum_to.ts";
import { pureView } from "./_operand.ts";
import { matrixSizes, MOST_AXES, Product, type ProductAttrs, reducedAxes } from "./_product.ts";

/** The product of stacks of matrices; all operands have at least two axes. Sums are f32 whatever the operands are. */
const matmulOp: Op<ProductAttrs> = {
  name: "matmul",
  precision: "half",
  half: "native",
  infer: ([a, b], attrs) => {
    const [rows, inner] = matrixSizes(a!.shape, attrs.transposeA);
    const [other, columns] = matrixSizes(b!.shape, attrs.transposeB);
    if (inner !== other) throw mismatch("matmul", a!.shape, b!.shape);
    const batch = broadcastShapes("matmul", [a!.shape.slice(0, -2), b!.shape.slice(0, -2)]);
    return { shape: attrs.sumTo ?? [...batch, rows, columns], dtype: productType([a!, b!]) };
  },
  lazy: ([a, b], attrs, { shape }) => new Product(a!, b!, null, attrs, shape),
  saves: (_, needs) => ({ inputs: [...(needs[1] ? [0] : []), ...(needs[0] ? [1] : [])] }),
  grad: (dy, { x, needs, inputs }, { transposeA, transposeB }) => [
    needs[0]
      ? transposeA
        ? gradient(x(1), dy, transposeB, true, inputs[0]!)
        : gradient(dy, x(1), false, !transposeB, inputs[0]!)
      : null,
    needs[1]
      ? computed(
        transposeB
          ? gradient(dy, x(0), true, transposeA, inputs[1]!)
          : gradient(x(0), dy, !transposeA, false, inputs[1]!),
      )
      : null,
  ],
};

/** A product that is the gradient of an operand: summed along the axes that were broadcast. */
export function gradient(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean, operand: Spec): Tensor {
  return to(multiply(a, b, { transposeA, transposeB, sumTo: operand.shape, passing: true }), operand.dtype);
}

/** The same tensor, recorded now: a weight's gradient would keep its operands until the optimizer reads it. */
export function computed(t: Tensor): Tensor {
  if (t.numel > 0) void t.storage.buffer;
  return t;
}

/** Applies the op; `sumTo` is left to the kernel where it can be. */
function multiply(a: Tensor, b: Tensor, attrs: ProductAttrs): Tensor {
  const wanted = attrs.sumTo;
  if (wanted === undefined) return apply(matmulOp, [a, b], attrs);
  const batch = broadcastShapes("matmul", [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const full = [...batch, ...wanted.slice(-2)];
  if (sameShape(full, wanted)) return apply(matmulOp, [a, b], { ...attrs, sumTo: undefined });
  const summed = reducedAxes(batch, wanted).filter((reduced, i) => reduced && batch[i] !== 1).length;
  // More summed axes than the kernel knows, or axes that neither operand has.
  if (summed > MOST_AXES) {
    return sumTo(apply(matmulOp, [a, b], { ...attrs, sumTo: undefined }), wanted);
  }
  const own = wanted.map((size, i) =>
    i < wanted.length - 2 && size > (full[i + full.length - wanted.length] ?? 1) ? 1 : size
  );
  return expand(apply(matmulOp, [a, b], { ...attrs, sumTo: own }), wanted);
}

function mismatch(op: string, a: Shape, b: Shape): ShapeError {
  return new ShapeError(
    op,
    `Cannot multiply matrices in ${op}: inner sizes must be equal, current shapes are ${showShapes([a, b])}`,
    [a, b],
  );
}

/**
 * The matrix product, with PyTorch's rules: of the last two axes, with the axes before them broadcast; a vector is a
 * row on the left and a column on the right, and its axis is dropped from the result.
 *
 * A transposed, permuted or expanded operand is read in place. Under autocast the operands are rounded to 16 bits; sums
 * are always f32.
 *
 * @param a Shape [..., n, k] or [k]
 * @param b Shape [..., k, m] or [k]
 * @returns Shape [..., n, m], without the axis of a vector
 * @throws {ShapeError} If the inner sizes differ, or an operand has no axes
 * @throws {TypeError} If an operand is not floating
 *
 * @example
 * ```ts
 * import { init, matmul, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([[1, 2], [3, 4]], { dtype: "f32" });
 * console.log(await matmul(a, a.transpose(0, 1)).array()); // [[5, 11], [11, 25]]
 * ```
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  return onMatrices(
    "matmul",
    a,
    b,
    false,
    (left, right) => apply(matmulOp, [left, right], { transposeA: false, transposeB: false }),
  );
}

/** The element type that a product of these tensors has: that of autocast, or their common one. */
export function productType(operands: readonly Tensor[]): DType {
  return autocastDType() ?? promote(operands.map(({ dtype }) => ({ dtype, rank: 1 })));
}

/**
 * Brings operands of any number of axes to stacks of matrices, and the product of those to the result's shape.
 *
 * @param op For errors
 * @param a Shape [..., n, k] or [k]
 * @param b Shape [..., k, m] or [k], with `transposed` [..., m, k] or [k]
 * @param transposed Whether the last two axes of `b` are swapped in the product
 * @param product Multiplies; both operands have at least two axes
 */
export function onMatrices(
  op: string,
  a: Tensor,
  b: Tensor,
  transposed: boolean,
  product: (a: Tensor, b: Tensor) => Tensor,
): Tensor {
  checkTensors(op, a, b);
  if (!isFloat(a.dtype) || !isFloat(b.dtype)) {
    throw new TypeError(`Cannot multiply matrices in ${op}: operands must be floating, got ${a.dtype} and ${b.dtype}`);
  }
  if (a.ndim === 0 || b.ndim === 0) {
    throw new ShapeError(
      op,
      `Cannot multiply matrices in ${op}: operands must have an axis, current shapes are ${
        showShapes([a.shape, b.shape])
      }`,
      [a.shape, b.shape],
    );
  }
  const inner = b.ndim === 1 ? b.shape[0] : b.shape.at(transposed ? -1 : -2)!;
  if (a.shape.at(-1) !== inner) throw mismatch(op, a.shape, b.shape);
  const left = a.ndim === 1 ? reshape(a, [1, inner]) : a;
  const right = b.ndim === 1 ? reshape(b, transposed ? [1, inner] : [inner, 1]) : b;
  // With one matrix on the right, the rows of all matrices on the left are rows of one.
  const rows = left.shape.slice(0, -1), flat = [numel(rows), inner];
  const folded = right.ndim === 2 && left.ndim > 2 && (pureView(left) === null || pureView(left, flat) !== null);
  const y = product(folded ? reshape(left, flat) : left, right);
  const shape = [...(folded ? [...rows, y.shape[1]] : y.shape)];
  if (b.ndim === 1) shape.pop();
  if (a.ndim === 1) shape.splice(b.ndim === 1 ? -1 : -2, 1);
  return reshape(y, shape);
}
