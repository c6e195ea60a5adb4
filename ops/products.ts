/** Products of vectors, matrices and tensors. */
import { checkNames, show } from "../device/option_names.ts";
import { add, mul } from "../kernels/elementwise/arithmetic.ts";
import { exp2 } from "../kernels/elementwise/math.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { permute } from "../kernels/layout/views.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import { normalizeDims, numel } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Throws unless operands have the numbers of axes that a product asks for. */
function requireRanks(op: string, tensors: readonly Tensor[], ranks: readonly number[]): void {
  if (tensors.every((t, i) => t.ndim === ranks[i])) return;
  const shapes = tensors.map(({ shape }) => shape);
  throw new ShapeError(
    op,
    `Cannot multiply in ${op}: operands must have ${ranks.join(" and ")} axes, current shapes are ${
      showShapes(shapes)
    }`,
    shapes,
  );
}

/**
 * The product of two matrices, without broadcasting.
 *
 * @param a Shape [n, k]
 * @param b Shape [k, m]
 * @returns Shape [n, m]
 * @throws {ShapeError} If an operand is no matrix, or the inner sizes differ
 *
 * @example
 * ```ts
 * import { init, mm, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(mm(ones([2, 3]), ones([3, 4])).shape); // [2, 4]
 * ```
 */
export function mm(a: Tensor, b: Tensor): Tensor {
  requireRanks("mm", [a, b], [2, 2]);
  return matmul(a, b);
}

/**
 * The products of two stacks of matrices, without broadcasting.
 *
 * @param a Shape [batch, n, k]
 * @param b Shape [batch, k, m]
 * @returns Shape [batch, n, m]
 * @throws {ShapeError} If an operand has other axes, or sizes differ
 *
 * @example
 * ```ts
 * import { bmm, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(bmm(ones([5, 2, 3]), ones([5, 3, 4])).shape); // [5, 2, 4]
 * ```
 */
export function bmm(a: Tensor, b: Tensor): Tensor {
  requireRanks("bmm", [a, b], [3, 3]);
  if (a.shape[0] !== b.shape[0]) {
    throw new ShapeError(
      "bmm",
      `Cannot multiply in bmm: batches must be equal, current shapes are ${showShapes([a.shape, b.shape])}`,
      [a.shape, b.shape],
    );
  }
  return matmul(a, b);
}

/**
 * The product of a matrix and a vector.
 *
 * @param a Shape [n, k]
 * @param x Shape [k]
 * @returns Shape [n]
 * @throws {ShapeError} If the operands have other axes, or sizes differ
 *
 * @example
 * ```ts
 * import { init, mv, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await mv(tensor([[1, 2], [3, 4.5]]), tensor([1, 1], { dtype: "f32" })).array()); // [3, 7.5]
 * ```
 */
export function mv(a: Tensor, x: Tensor): Tensor {
  requireRanks("mv", [a, x], [2, 1]);
  return matmul(a, x);
}

/**
 * The sum of products of two vectors.
 *
 * @param a Shape [n]
 * @param b Shape [n]
 * @returns A number
 * @throws {ShapeError} If an operand is no vector, or sizes differ
 *
 * @example
 * ```ts
 * import { dot, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await dot(tensor([1, 2.5]), tensor([4, 2.5])).item()); // 10.25
 * ```
 */
export function dot(a: Tensor, b: Tensor): Tensor {
  requireRanks("dot", [a, b], [1, 1]);
  return matmul(a, b);
}

/**
 * The products of all pairs of elements of two vectors.
 *
 * @param a Shape [n]
 * @param b Shape [m]
 * @returns Shape [n, m]
 * @throws {ShapeError} If an operand is no vector
 *
 * @example
 * ```ts
 * import { init, outer, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await outer(tensor([1, 2]), tensor([3, 4])).array()); // [[3, 4], [6, 8]]
 * ```
 */
export function outer(a: Tensor, b: Tensor): Tensor {
  requireRanks("outer", [a, b], [1, 1]);
  return mul(reshape(a, [-1, 1]), b);
}

/** Which axes are summed over. */
export interface TensordotOptions {
  /** The number of last axes of a and first axes of b, or those axes themselves, in pairs; default 2. */
  dims?: number | readonly [a: readonly number[], b: readonly number[]];
}

/**
 * Products summed over pairs of axes: what stays of the first tensor's axes comes first, as one matrix product.
 *
 * @param a Any shape
 * @param b Any shape
 * @param options Which axes
 * @returns The axes of both that are not summed over
 * @throws {ShapeError} If the sizes of a pair differ
 *
 * @example
 * ```ts
 * import { init, ones, tensordot } from "@fulgurite/core";
 *
 * await init();
 * console.log(tensordot(ones([2, 3, 4]), ones([4, 3, 5]), { dims: [[1, 2], [1, 0]] }).shape); // [2, 5]
 * ```
 */
export function tensordot(a: Tensor, b: Tensor, options: TensordotOptions = {}): Tensor {
  checkNames("multiply in tensordot", options, { dims: true });
  const { dims = 2 } = options;
  const count = (n: number, t: Tensor, last: boolean) => {
    if (!Number.isInteger(n) || n < 0 || n > t.ndim) {
      throw new RangeError(`Cannot multiply in tensordot: dims must be a number of axes of both, got ${n}`);
    }
    return Array.from({ length: n }, (_, i) => last ? t.ndim - n + i : i);
  };
  const [ofA, ofB] = typeof dims === "number"
    ? [count(dims, a, true), count(dims, b, false)]
    : [given(dims[0], a), given(dims[1], b)];
  const sizes = (t: Tensor, axes: readonly number[]) => axes.map((axis) => t.shape[axis]);
  if (ofA.length !== ofB.length || sizes(a, ofA).join() !== sizes(b, ofB).join()) {
    throw new ShapeError(
      "tensordot",
      `Cannot multiply in tensordot: axes ${show(ofA)} and ${show(ofB)} must have equal sizes, current shapes are ${
        showShapes([a.shape, b.shape])
      }`,
      [a.shape, b.shape],
    );
  }
  const rest = (t: Tensor, axes: readonly number[]) => [...t.shape.keys()].filter((axis) => !axes.includes(axis));
  const [restA, restB] = [rest(a, ofA), rest(b, ofB)];
  const inner = numel(sizes(a, ofA));
  const left = reshape(permute(a, [...restA, ...ofA]), [numel(sizes(a, restA)), inner]);
  const right = reshape(permute(b, [...ofB, ...restB]), [inner, numel(sizes(b, restB))]);
  return reshape(matmul(left, right), [...sizes(a, restA), ...sizes(b, restB)]);
}

/** Axes that a caller named, counted from the front, in the caller's order. */
function given(axes: readonly number[], t: Tensor): number[] {
  normalizeDims("tensordot", axes, t.ndim);
  return axes.map((axis) => axis < 0 ? axis + t.ndim : axis);
}

/**
 * The product of the last axes of both tensors: all pairs of their vectors.
 *
 * @param a Shape [..., k], or without axes
 * @param b Shape [..., k], or without axes
 * @returns The axes of a but the last, then those of b
 * @throws {ShapeError} If the last sizes differ
 *
 * @example
 * ```ts
 * import { init, inner, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(inner(ones([2, 3]), ones([4, 5, 3])).shape); // [2, 4, 5]
 * ```
 */
export function inner(a: Tensor, b: Tensor): Tensor {
  return a.ndim === 0 || b.ndim === 0 ? mul(a, b) : tensordot(a, b, { dims: [[-1], [-1]] });
}

/**
 * The Kronecker product: each element of `a` times the whole of `b`, side by side.
 *
 * @param a Any shape
 * @param b Any shape; the shorter one gets leading axes of size 1
 * @returns Sizes multiplied axis by axis
 *
 * @example
 * ```ts
 * import { init, kron, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await kron(tensor([1, 10]), tensor([1, 2, 3])).array()); // [1, 2, 3, 10, 20, 30]
 * ```
 */
export function kron(a: Tensor, b: Tensor): Tensor {
  const rank = Math.max(a.ndim, b.ndim);
  const sizes = ({ shape }: Tensor) => [...new Array(rank - shape.length).fill(1), ...shape] as number[];
  const [ofA, ofB] = [sizes(a), sizes(b)];
  const left = reshape(a, ofA.flatMap((n) => [n, 1])), right = reshape(b, ofB.flatMap((n) => [1, n]));
  return reshape(mul(left, right), ofA.map((n, i) => n * ofB[i]));
}

/** What {@link bilinear} adds. */
export interface BilinearOptions {
  /** Added to every result, [outFeatures]. */
  bias?: Tensor | null;
}

/**
 * y = x1ᵀ·W·x2 + bias for each feature of the result, as `torch.nn.functional.bilinear`.
 *
 * @param x1 Shape [..., in1]
 * @param x2 Shape [..., in2]
 * @param weight Shape [out, in1, in2]
 * @param options The bias
 * @returns Shape [..., out]
 * @throws {ShapeError} If the sizes do not fit
 *
 * @example
 * ```ts
 * import { bilinear, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(await bilinear(ones([1, 2]), ones([1, 3]), ones([4, 2, 3])).array()); // [[6, 6, 6, 6]]
 * ```
 */
export function bilinear(x1: Tensor, x2: Tensor, weight: Tensor, options: BilinearOptions = {}): Tensor {
  checkNames("multiply in bilinear", options, { bias: true });
  const [out, in1, in2] = weight.shape, lead = x1.shape.slice(0, -1);
  if (weight.ndim !== 3 || x1.shape.at(-1) !== in1 || x2.shape.at(-1) !== in2 || x1.numel / in1 !== x2.numel / in2) {
    const shapes = [x1.shape, x2.shape, weight.shape];
    throw new ShapeError(
      "bilinear",
      `Cannot multiply in bilinear: inputs [..., in1] and [..., in2] must fit the weight [out, in1, in2], current ` +
        `shapes are ${showShapes(shapes)}`,
      shapes,
    );
  }
  const rows = reshape(x1, [-1, in1]), others = reshape(x2, [-1, in2]);
  // [rows, in1] · [in1, out · in2], then the sum over in2.
  const through = matmul(rows, reshape(permute(weight, [1, 0, 2]), [in1, out * in2]));
  const y = sum(mul(reshape(through, [rows.shape[0], out, in2]), reshape(others, [-1, 1, in2])), { dim: 2 });
  return reshape(options.bias ? add(y, options.bias) : y, [...lead, out]);
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
