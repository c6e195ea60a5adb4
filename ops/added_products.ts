/** Products that are added to a tensor, each with a factor. */
import { checkNames, type OptionNames } from "../device/option_names.ts";
import { add, mul } from "../kernels/elementwise/arithmetic.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { permute } from "../kernels/layout/views.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { bmm, mm, mv, outer } from "./products.ts";

/** Factors of {@link addmm} and its like. */
export interface AddmmOptions {
  /** Factor of what is added; default 1. At 0 it is left out, NaN and all. */
  beta?: number;
  /** Factor of the product; default 1. */
  alpha?: number;
}

const ADDMM_NAMES: OptionNames<AddmmOptions> = { beta: true, alpha: true };

function added(op: string, x: Tensor, product: Tensor, options: AddmmOptions): Tensor {
  checkNames(`multiply in ${op}`, options, ADDMM_NAMES);
  const { beta = 1, alpha = 1 } = options;
  const scaled = alpha === 1 ? product : mul(product, alpha);
  return beta === 0 ? scaled : add(scaled, beta === 1 ? x : mul(x, beta));
}

/**
 * beta·x + alpha·a·b of matrices.
 *
 * @param x Broadcasts to [n, m]
 * @param a Shape [n, k]
 * @param b Shape [k, m]
 * @param options The factors
 * @returns Shape [n, m]
 * @throws {ShapeError} If the shapes do not fit
 *
 * @example
 * ```ts
 * import { addmm, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(await addmm(ones([2]), ones([1, 3]), ones([3, 2]), { beta: 0.5 }).array()); // [[3.5, 3.5]]
 * ```
 */
export function addmm(x: Tensor, a: Tensor, b: Tensor, options: AddmmOptions = {}): Tensor {
  return added("addmm", x, mm(a, b), options);
}

/**
 * beta·x + alpha·a·v of a matrix and a vector.
 *
 * @param x Broadcasts to [n]
 * @param a Shape [n, k]
 * @param v Shape [k]
 * @param options The factors
 * @returns Shape [n]
 * @throws {ShapeError} If the shapes do not fit
 *
 * @example
 * ```ts
 * import { addmv, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(await addmv(ones([2]), ones([2, 3]), ones([3]), { alpha: 2 }).array()); // [7, 7]
 * ```
 */
export function addmv(x: Tensor, a: Tensor, v: Tensor, options: AddmmOptions = {}): Tensor {
  return added("addmv", x, mv(a, v), options);
}

/**
 * beta·x + alpha·a·b of stacks of matrices.
 *
 * @param x Broadcasts to [batch, n, m]
 * @param a Shape [batch, n, k]
 * @param b Shape [batch, k, m]
 * @param options The factors
 * @returns Shape [batch, n, m]
 * @throws {ShapeError} If the shapes do not fit
 *
 * @example
 * ```ts
 * import { baddbmm, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(baddbmm(ones([2]), ones([5, 4, 3]), ones([5, 3, 2])).shape); // [5, 4, 2]
 * ```
 */
export function baddbmm(x: Tensor, a: Tensor, b: Tensor, options: AddmmOptions = {}): Tensor {
  return added("baddbmm", x, bmm(a, b), options);
}

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
  return added("addbmm", x, mm(wide, reshape(b, [batch * k, b.shape[2]])), options);
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
  return added("addr", x, outer(a, b), options);
}
