/** Products of many matrices, in an order that takes few multiplications. */
import { add, mul } from "../kernels/elementwise/arithmetic.ts";
import { eye } from "../kernels/elementwise/constants.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import { tensorsOf } from "../tensor/operands.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * The product of several matrices, in the order of multiplications that takes the fewest of numbers (Cormen and others,
 * "Introduction to Algorithms", matrix-chain multiplication).
 *
 * @param matrices At least two, each with as many rows as the one before has columns; the first may be a row [n], the
 *   last a column [n]
 * @returns Shape [rows of the first, columns of the last], without the axis of a row or column
 * @throws {ShapeError} If there are fewer than two, or they do not fit
 *
 * @example
 * ```ts
 * import { init, multiDot, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(multiDot([ones([2, 30]), ones([30, 4]), ones([4])]).shape); // [2]
 * ```
 */
export function multiDot(matrices: readonly Tensor[]): Tensor {
  const given = tensorsOf("multiDot", "multiply", matrices, { least: 2 }), count = given.length;
  const flat = (t: Tensor, i: number) => t.ndim === 1 && (i === 0 || i === count - 1);
  const all = given.map((t, i) => flat(t, i) ? reshape(t, i === 0 ? [1, -1] : [-1, 1]) : t);
  const wrong = all.findIndex((t, i) => t.ndim !== 2 || (i > 0 && t.shape[0] !== all[i - 1].shape[1]));
  if (wrong >= 0) {
    const shapes = given.map(({ shape }) => shape);
    const fault = all[wrong].ndim !== 2 ? "is no matrix" : `does not fit element ${wrong - 1}`;
    throw new ShapeError(
      "multiDot",
      `Cannot multiply in multiDot: it takes matrices that fit, element ${wrong} ${fault}, current shapes are ${
        showShapes(shapes)
      }`,
      shapes,
    );
  }
  const whole = all.findIndex(({ dtype }) => !isFloat(dtype));
  if (whole >= 0) {
    throw new TypeError(
      `Cannot multiply in multiDot: matrices must be floating, element ${whole} is ${all[whole].dtype}`,
    );
  }
  const sizes = [all[0].shape[0], ...all.map((t) => t.shape[1])];
  // The least cost of the product of matrices i to j, and behind which it is split.
  const cost = all.map(() => new Array<number>(count).fill(0)), split = all.map(() => new Array<number>(count).fill(0));
  for (let length = 2; length <= count; length++) {
    for (let i = 0, j = length - 1; j < count; i++, j++) {
      cost[i][j] = Infinity;
      for (let k = i; k < j; k++) {
        const own = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1];
        if (own < cost[i][j]) [cost[i][j], split[i][j]] = [own, k];
      }
    }
  }
  const product = (i: number, j: number): Tensor =>
    i === j ? all[i] : matmul(product(i, split[i][j]), product(split[i][j] + 1, j));
  const y = product(0, count - 1);
  const kept = [
    ...(flat(given[0], 0) ? [] : [y.shape[0]]),
    ...(flat(given[count - 1], count - 1) ? [] : [y.shape[1]]),
  ];
  return reshape(y, kept);
}

/**
 * A square matrix multiplied by itself, by repeated squaring.
 *
 * @param x Shape [..., n, n]
 * @param n How often, a whole number from 0 on
 * @returns The same shape
 * @throws {RangeError} If n is negative or not whole
 *
 * @example
 * ```ts
 * import { init, matrixPower, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 1], [0, 1]], { dtype: "f32" });
 * console.log(await matrixPower(x, 5).array()); // [[1, 5], [0, 1]]
 * ```
 */
export function matrixPower(x: Tensor, n: number): Tensor {
  if (!Number.isInteger(n) || n < 0) {
    throw new RangeError(`Cannot multiply in matrixPower: n must be a whole number from 0 on, got ${n}`);
  }
  if (x.ndim < 2 || x.shape.at(-1) !== x.shape.at(-2)) {
    throw new ShapeError(
      "matrixPower",
      `Cannot multiply in matrixPower: the matrices must be square, current shape is ${showShapes([x.shape])}`,
      [x.shape],
    );
  }
  if (n === 0) return add(mul(x, 0), eye(x.shape[x.ndim - 1]));
  if (n === 1) return x;
  const half = matrixPower(x, n >> 1), squared = matmul(half, half);
  return n % 2 === 0 ? squared : matmul(squared, x);
}
