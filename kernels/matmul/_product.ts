import { broadcastShapes, type Shape } from "../../tensor/shape.ts";
import { noGrad } from "../../tensor/grad_mode.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { expand } from "../layout/views.ts";
import { gemm, GEMM_WORDS, mergeAxes, type Target } from "./_gemm.ts";
import { batchStrides, materialise, matrices } from "./_operand.ts";
import { handle, StoringProducer } from "./_storing.ts";

/** How two stacks of matrices are multiplied. */
export interface ProductAttrs {
  /** Whether the last two axes of the first operand are swapped before. */
  readonly transposeA: boolean;
  /** Whether the last two axes of the second operand are swapped before. */
  readonly transposeB: boolean;
  /** The shape of the result when axes of its batch are summed over (as `sumTo` does). */
  readonly sumTo?: Shape;
  /** Whether it is a step on the way of a gradient, which nobody but its first consumer is likely to read. */
  readonly passing?: boolean;
}

/** Axes that the kernels' parameters have room for. */
export const MOST_AXES = 4;

/** Rows and columns of the last two axes. */
export function matrixSizes(shape: Shape, transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

/** Which axes of a batch are summed over to give `shape`. */
export function reducedAxes(batch: Shape, shape: Shape): boolean[] {
  const lead = batch.length - (shape.length - 2);
  return batch.map((size, i) => i < lead || (shape[i - lead] === 1 && size !== 1));
}

/** Records a product whose result has a certain shape. */
export function multiplyInto(a: Tensor, b: Tensor, attrs: ProductAttrs, shape: Shape, target: Target): void {
  const [m, k] = matrixSizes(a.shape, attrs.transposeA);
  const n = matrixSizes(b.shape, attrs.transposeB)[1];
  const batch = broadcastShapes("matmul", [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const reduced = reducedAxes(batch, shape);
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
  if (fits) gemm(problem, target);
  if (left.own) left.tensor.dispose();
  if (right.own) right.tensor.dispose();
  if (fits) return;
  // Operands that repeat along many axes in turn are written out, so that the axes become one.
  const whole = [a, b].map((t) => noGrad(() => expand(t, [...batch, ...t.shape.slice(-2)])));
  for (const t of whole) void t.storage.buffer;
  multiplyInto(whole[0], whole[1], attrs, shape, target);
  whole.forEach((t, i) => t !== [a, b][i] && t.dispose());
}

/**
 * A product that waits for its consumer: a chain of pointwise operations on it is computed by the same kernel, before
 * the results are stored.
 *
 * The product itself is stored beside what the chain makes of it, as whoever holds its tensor may still ask for it: one
 * more store is cheap, another product is not. Only steps on the way of a gradient (`passing`) are not stored; the rare
 * second reader has them computed again.
 */
export class Product extends StoringProducer {
  readonly shape: Shape;
  readonly #a: Tensor;
  readonly #b: Tensor;
  readonly #attrs: ProductAttrs;

  /**
   * @param a The first operand
   * @param b The second
   * @param bias Added to every row, or `null`
   * @param attrs How they are multiplied
   * @param shape The result's shape
   */
  constructor(a: Tensor, b: Tensor, bias: Tensor | null, attrs: ProductAttrs, shape: Shape) {
    super(bias, GEMM_WORDS, attrs.passing ?? false);
    this.shape = shape;
    this.#attrs = attrs;
    // Operands are needed as values in any case; computing them now keeps what waits for each other short.
    for (const t of [a, b]) materialise(t);
    [this.#a, this.#b] = [handle(a), handle(b)];
  }

  override release(): void {
    this.#a.dispose();
    this.#b.dispose();
    super.release();
  }

  protected override recordInto(target: Target): void {
    multiplyInto(this.#a, this.#b, this.#attrs, this.shape, target);
  }
}
