import { autocastDType } from "../../tensor/autocast.ts";
import { type DType, isFloat, promote } from "../../tensor/dtype.ts";
import { ShapeError, showShapes } from "../../tensor/errors.ts";
import { noGrad } from "../../tensor/grad_mode.ts";
import { apply, type Op, type Spec } from "../../tensor/op.ts";
import { broadcastShapes, numel, sameShape, type Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { to } from "../elementwise/cast.ts";
import { reshape } from "../layout/reshape.ts";
import { expand } from "../layout/views.ts";
import { sumTo } from "../reduce/sum_to.ts";
import { gemm, mergeAxes } from "./_gemm.ts";
import { batchStrides, matrices, pureView } from "./_operand.ts";

/** How two stacks of matrices are multiplied. */
interface ProductAttrs {
  /** Whether the last two axes of the first operand are swapped before. */
  readonly transposeA: boolean;
  /** Whether the last two axes of the second operand are swapped before. */
  readonly transposeB: boolean;
  /** The shape of the result when axes of its batch are summed over (as `sumTo` does). */
  readonly sumTo?: Shape;
}

/** Rows and columns of the last two axes. */
function sizes(shape: Shape, transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

/**
 * The product of stacks of matrices; all operands have at least two axes. The result is f32 whatever the operands are: who
 * wants 16 bits rounds it in the chain that follows.
 */
const matmulOp: Op<ProductAttrs> = {
  name: "matmul",
  precision: "half",
  half: "native",
  infer: ([a, b], attrs) => {
    const [rows, inner] = sizes(a!.shape, attrs.transposeA);
    const [other, columns] = sizes(b!.shape, attrs.transposeB);
    if (inner !== other) throw mismatch("matmul", a!.shape, b!.shape);
    const batch = broadcastShapes("matmul", [a!.shape.slice(0, -2), b!.shape.slice(0, -2)]);
    return { shape: attrs.sumTo ?? [...batch, rows, columns], dtype: "f32" };
  },
  forward: ([a, b], attrs, [y]) => product(a!, b!, attrs, y),
  saves: (_, needs) => ({ inputs: [...(needs[1] ? [0] : []), ...(needs[0] ? [1] : [])] }),
  grad: (dy, { x, needs, inputs }, { transposeA, transposeB }) => [
    needs[0]
      ? transposeA
        ? gradient(x(1), dy, transposeB, true, inputs[0]!)
        : gradient(dy, x(1), false, !transposeB, inputs[0]!)
      : null,
    needs[1]
      ? transposeB
        ? gradient(dy, x(0), true, transposeA, inputs[1]!)
        : gradient(x(0), dy, !transposeA, false, inputs[1]!)
      : null,
  ],
};

/** A product that is the gradient of an operand: summed along the axes that were broadcast. */
function gradient(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean, operand: Spec): Tensor {
  return to(multiply(a, b, { transposeA, transposeB, sumTo: operand.shape }), operand.dtype);
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

/** Axes that the kernels' parameters have room for. */
const MOST_AXES = 4;

/** Which axes of a batch are summed over to give `shape`. */
function reducedAxes(batch: Shape, shape: Shape): boolean[] {
  const lead = batch.length - (shape.length - 2);
  return batch.map((size, i) => i < lead || (shape[i - lead] === 1 && size !== 1));
}

/** Computes the product into `y`. */
function product(a: Tensor, b: Tensor, attrs: ProductAttrs, y: Tensor): void {
  const [m, k] = sizes(a.shape, attrs.transposeA);
  const n = sizes(b.shape, attrs.transposeB)[1];
  const batch = broadcastShapes("matmul", [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const reduced = reducedAxes(batch, y.shape);
  const left = matrices(a, attrs.transposeA), right = matrices(b, attrs.transposeB);
  const strides = {
    a: batchStrides(a.shape.slice(0, -2), left.batch, batch),
    b: batchStrides(b.shape.slice(0, -2), right.batch, batch),
  };
  const axes = (which: boolean) =>
    mergeAxes({
      sizes: batch.filter((_, i) => reduced[i] === which),
      a: strides.a.filter((_, i) => reduced[i] === which),
      b: strides.b.filter((_, i) => reduced[i] === which),
    });
  const problem = { a: left, b: right, m, n, k, batch: axes(false), reduce: axes(true) };
  const fits = problem.batch.sizes.length <= MOST_AXES && problem.reduce.sizes.length <= MOST_AXES;
  if (fits) gemm(problem, y);
  if (left.own) left.tensor.dispose();
  if (right.own) right.tensor.dispose();
  if (fits) return;
  // Operands that repeat along many axes in turn are written out, so that the axes become one.
  const whole = [a, b].map((t) => noGrad(() => expand(t, [...batch, ...t.shape.slice(-2)])));
  for (const t of whole) void t.storage.buffer;
  product(whole[0], whole[1], attrs, y);
  whole.forEach((t, i) => t !== [a, b][i] && t.dispose());
}

function mismatch(op: string, a: Shape, b: Shape): ShapeError {
  return new ShapeError(
    op,
    `Cannot multiply matrices in ${op}: inner sizes must be equal, current shapes are ${showShapes([a, b])}`,
    [a, b],
  );
}

/**
 * The matrix product, with PyTorch's rules: of the last two axes, with the axes before them broadcast; a vector is a row on
 * the left and a column on the right, and its axis is dropped from the result.
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
  return to(wideMatmul(a, b, false), productType([a, b]));
}

/** The element type that a product of these tensors has: that of autocast, or their common one. */
export function productType(operands: readonly Tensor[]): DType {
  return autocastDType() ?? promote(operands.map(({ dtype }) => ({ dtype, rank: 1 })));
}

/**
 * {@link matmul} before its result is rounded to 16 bits. With `transposeB` the last two axes of `b` are swapped first, and
 * its gradient comes out in b's own layout.
 */
export function wideMatmul(a: Tensor, b: Tensor, transposeB: boolean, op = "matmul"): Tensor {
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
  const inner = b.ndim === 1 ? b.shape[0] : b.shape.at(transposeB ? -1 : -2)!;
  if (a.shape.at(-1) !== inner) throw mismatch(op, a.shape, b.shape);
  const left = a.ndim === 1 ? reshape(a, [1, inner]) : a;
  const right = b.ndim === 1 ? reshape(b, transposeB ? [1, inner] : [inner, 1]) : b;
  // With one matrix on the right, the rows of all matrices on the left are rows of one.
  const rows = left.shape.slice(0, -1), flat = [numel(rows), inner];
  const folded = right.ndim === 2 && left.ndim > 2 && (pureView(left) === null || pureView(left, flat) !== null);
  const stack = folded ? reshape(left, flat) : left;
  const y = apply(matmulOp, [stack, right], { transposeA: false, transposeB });
  const shape = [...(folded ? [...rows, y.shape[1]] : y.shape)];
  if (b.ndim === 1) shape.pop();
  if (a.ndim === 1) shape.splice(b.ndim === 1 ? -1 : -2, 1);
  return reshape(y, shape);
}
