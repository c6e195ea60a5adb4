/** Products that become one sum, and chains of products. */
import { add, mul } from "../kernels/elementwise/arithmetic.ts";
import { exp2 } from "../kernels/elementwise/math.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { permute } from "../kernels/layout/views.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import { tensorsOf } from "../tensor/operands.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { addmm, type AddmmOptions, outer } from "./products.ts";

/**
 * beta·x + alpha·Σ a[i]·b[i], the sum of the products of two stacks of matrices: one product of matrices whose inner
 * axis is as long as all of theirs.
 *
 * @param x Broadcasts to [n, m]
 * @param a Shape [batch, n, k]
 * @param b Shape [batch, k, m]
 * @param options The factors
 * @returns Shape [n, m]
 * @throws {ShapeError} If the shapes do not fit
 *
 * @example
 * ```ts
 * import { addbmm, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(await addbmm(ones([1]), ones([5, 1, 3]), ones([5, 3, 2])).array()); // [[16, 16]]
 * ```
 */
export function addbmm(x: Tensor, a: Tensor, b: Tensor, options: AddmmOptions = {}): Tensor {
  if (a.ndim !== 3 || b.ndim !== 3 || a.shape[0] !== b.shape[0] || a.shape[2] !== b.shape[1]) {
    throw new ShapeError(
      "addbmm",
      `Cannot multiply in addbmm: operands must be stacks of as many matrices that fit, current shapes are ${
        showShapes([a.shape, b.shape])
      }`,
      [a.shape, b.shape],
    );
  }
  const [batch, n, k] = a.shape;
  const wide = reshape(permute(a, [1, 0, 2]), [n, batch * k]);
  return addmm(x, wide, reshape(b, [batch * k, b.shape[2]]), options);
}

/**
 * beta·x + alpha·(the products of all pairs of elements of two vectors).
 *
 * @param x Broadcasts to [n, m]
 * @param a Shape [n]
 * @param b Shape [m]
 * @param options The factors
 * @returns Shape [n, m]
 * @throws {ShapeError} If an operand is no vector, or x does not broadcast
 *
 * @example
 * ```ts
 * import { addr, init, ones, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await addr(ones([2, 2]), tensor([1, 2.5]), tensor([3, 4.5])).array()); // [[4, 5.5], [8.5, 12.25]]
 * ```
 */
export function addr(x: Tensor, a: Tensor, b: Tensor, options: AddmmOptions = {}): Tensor {
  const { beta = 1, alpha = 1 } = options;
  const product = alpha === 1 ? outer(a, b) : mul(outer(a, b), alpha);
  return beta === 0 ? product : add(beta === 1 ? x : mul(x, beta), product);
}

/**
 * x · 2^n, element by element.
 *
 * @param x Any shape
 * @param n Broadcasts with x
 * @returns The broadcast shape
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { init, ldexp, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await ldexp(tensor([1.5, 3]), tensor([2, -1])).array()); // [6, 1.5]
 * ```
 */
export function ldexp(x: Tensor, n: Tensor): Tensor {
  return mul(x, exp2(n));
}

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
