import { isFloat } from "../../tensor/dtype.ts";
import { apply, type GradContext, type Op } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { div, mul, neg } from "../elementwise/arithmetic.ts";
import { type Numbers, pointwise } from "../elementwise/define.ts";
import { reshape } from "../layout/reshape.ts";
import { orderOf } from "./_order.ts";
import { keptShape, reducedShape, reduceInto, type Reduction } from "./_reduce.ts";
import { checkNonEmpty } from "./extremum.ts";
import { reduceAttrs, type ReduceOptions, sum } from "./sum.ts";

/** Axes, whether they stay, and the exponent. */
export interface NormOptions extends ReduceOptions {
  /**
   * The exponent p; default 2. 0 counts the elements that are not 0; ±Infinity give the largest and smallest magnitude.
   */
  p?: number;
}

interface NormAttrs {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
  readonly p: number;
}

const normOp: Op<NormAttrs> = {
  name: "norm",
  precision: "full",
  half: "reads",
  infer: ([x], attrs) => ({ shape: reducedShape(x!.shape, attrs), dtype: x!.dtype }),
  // The exponent is a parameter of the kernel: `scale`.
  forward: ([x], { dims, p }, [y]) => reduceInto("norm", reductionOf(p), x!, dims, y, p),
  saves: (_, [needed]) => needed ? { inputs: [0], outputs: [0] } : {},
  grad: (dy, context, { dims, p }) => {
    const kept = keptShape(context.inputs[0]!.shape, dims);
    return [mul(normGrad(context, kept, dims, p), reshape(dy, kept))];
  },
};

const MAGNITUDE = "v & In(0x7fffffffu)";

function reductionOf(p: number): Reduction {
  const adding = { word: "f32", start: "0.0", combine: "a + b" } as const;
  switch (p) {
    case 0:
      return { ...adding, read: "u32", load: `select(Acc(0.0), Acc(1.0), (${MAGNITUDE}) != In(0u))`, finish: "v" };
    case 1:
      return { ...adding, read: "f32", load: "abs(v)", finish: "v" };
    case 2:
      return { ...adding, read: "f32", load: "v * v", finish: "sqrt(v)" };
    case Infinity:
      return { read: "u32", word: "u32", start: "0u", load: MAGNITUDE, combine: "max(a, b)", finish: "v" };
    case -Infinity: {
      const order = orderOf("f32", true);
      const load = order.key("In").replace(/\bv\b/g, `(${MAGNITUDE})`);
      return { read: "u32", word: "u32", start: "0u", load, combine: "max(a, b)", finish: order.bits("Out") };
    }
    case 3:
      return { ...adding, read: "f32", load: "abs(v) * v * v", finish: "pow(v, Out(1.0 / params.scale))" };
    case 4:
      return { ...adding, read: "f32", load: "(v * v) * (v * v)", finish: "sqrt(sqrt(v))" };
    default:
      return {
        ...adding,
        read: "f32",
        load: "pow(abs(v), Acc(params.scale))",
        finish: "pow(v, Out(1.0 / params.scale))",
      };
  }
}

/** ∂y/∂x; 0 where y is 0. */
function normGrad({ x, y }: GradContext, kept: readonly number[], dims: readonly number[], p: number): Tensor {
  const input = x(0);
  const norm = reshape(y, kept);
  if (p === 0) return mul(input, 0);
  if (p === 1) return signOf([input]);
  if (p === 2) return ratio([input, norm]);
  if (Math.abs(p) === Infinity) {
    const ties = tied([input, norm]);
    return mul(ties, div(signOf([input]), sum(ties, { dim: dims, keepdim: true })));
  }
  return oddPower([input, norm], { q: p - 1 });
}

const signOf = pointwise({ name: "normGrad", f: "sign(x)", grads: null });

/** 1 where the magnitude of x is y, else 0. */
const tied = pointwise({ name: "normGrad", f: "select(0.0, 1.0, abs(x) == y)", grads: null });

/** x / y, and 0 where y is 0. */
const ratio = pointwise({
  name: "normGrad",
  f: "select(x / y, 0.0, y == 0.0)",
  reads: [[1], [0, 1]],
  grads: [
    (dy, { x }) => ratio([dy, x(1)]),
    (dy, { x }) => neg(ratio([mul(dy, ratio([x(0), x(1)])), x(1)])),
  ],
});

/** sign(x) |x/y|^q, and 0 where x or y is 0. */
const oddPower = pointwise({
  name: "normGrad",
  f: "select(sign(x) * pow(abs(x) / y, q), 0.0, x == 0.0 || y == 0.0)",
  numbers: ["q"],
  reads: [[0, 1], [0, 1]],
  grads: [
    (dy, { x }, { q }: Numbers) => ratio([mul(dy, mul(evenPower([x(0), x(1)], { q: q - 1 }), q)), x(1)]),
    (dy, { x }, { q }: Numbers) => ratio([mul(dy, mul(oddPower([x(0), x(1)], { q }), -q)), x(1)]),
  ],
});

/** |x/y|^q, and 0 where x or y is 0. */
const evenPower = pointwise({
  name: "normGrad",
  f: "select(pow(abs(x) / y, q), 0.0, x == 0.0 || y == 0.0)",
  numbers: ["q"],
  reads: [[0, 1], [0, 1]],
  grads: [
    (dy, { x }, { q }: Numbers) => ratio([mul(dy, mul(oddPower([x(0), x(1)], { q: q - 1 }), q)), x(1)]),
    (dy, { x }, { q }: Numbers) => ratio([mul(dy, mul(evenPower([x(0), x(1)], { q }), -q)), x(1)]),
  ],
});

/**
 * The norm of the elements along axes as a vector: (Σ |x|^p)^(1/p). Its gradient where the norm is 0 is 0.
 *
 * @param x Any shape, floating-point
 * @param options Axes, whether they stay, and the exponent; default: all axes, p = 2
 * @returns The norms
 * @throws {TypeError} If the elements are integers or booleans
 * @throws {ShapeError} If p is infinite and a reduced axis empty
 *
 * @example
 * ```ts
 * import { init, norm, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[3, 4], [6, 8]], { dtype: "f32" });
 * console.log(await norm(x, { dim: 1 }).array()); // [5, 10]
 * console.log(await norm(x, { p: 1 }).item()); // 21
 * ```
 */
export function norm(x: Tensor, options: NormOptions = {}): Tensor {
  if (!isFloat(x.dtype)) {
    throw new TypeError(`Cannot compute norm: elements must be floating-point numbers, they are ${x.dtype}`);
  }
  const { p = 2 } = options;
  if (typeof p !== "number" || Number.isNaN(p)) {
    throw new RangeError(`Cannot compute norm: p must be a number, got ${p}`);
  }
  const attrs = reduceAttrs("norm", x, options, { p: true });
  if (p < 0 || p === Infinity) checkNonEmpty("norm", x, attrs.dims);
  return apply(normOp, [x], { ...attrs, p });
}
