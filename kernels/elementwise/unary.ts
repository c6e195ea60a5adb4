import type { Precision } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { mul } from "./arithmetic.ts";
import { zeros } from "./constants.ts";
import { type Expressions, type Numbers, pointwise, type PointwiseGrad, type ResultType } from "./define.ts";

/** An entry of the tables of functions of one tensor: the function, its derivative, and the derivative of that. */
export interface UnaryEntry {
  /** PyTorch's name in camelCase. */
  readonly name: string;
  /** WGSL in `x` and the names in `numbers`. */
  readonly f: Expressions;
  /** Default `"same"`. */
  readonly result?: ResultType;
  /** Names of the numbers in `f` and `df`, each an f32. */
  readonly numbers?: readonly string[];
  /** Behaviour under autocast; default `"follow"`. */
  readonly precision?: Precision;
  /** The gradient, WGSL in `dy`, `x` and `y` (the result); `0` where it vanishes everywhere; default: there is none. */
  readonly df?: string | 0;
  /**
   * For gradients of gradients: the derivative of `df / dy` by the tensor that `df` reads (`x` or `y`), in
   * differentiable functions of it. `0` where it vanishes.
   */
  readonly ddf?: 0 | ((a: Tensor, numbers: Numbers) => Tensor | number);
}

/** A function of one tensor, element by element. */
export type Unary = (x: Tensor) => Tensor;

/** Makes the function of a table entry. */
export function unary(entry: UnaryEntry): (x: Tensor, numbers?: Numbers) => Tensor {
  const { name, f, result, numbers, precision } = entry;
  const gradient = gradientOf(entry);
  const op = pointwise({ name, f, result, numbers, precision, ...gradient });
  return (x, values) => op([x], values);
}

/**
 * Makes the function of a table entry whose WGSL is `<name>_f32` of `kernels/_shared/`; integers become f32.
 *
 * @param name PyTorch's name in camelCase, and the function's in WGSL
 * @param entry Its gradients, and its behaviour under autocast
 */
export function floatFunction(name: string, entry: Pick<UnaryEntry, "df" | "ddf" | "precision">): Unary {
  return unary({ name, f: `${name}_f32(x)`, result: "float", ...entry });
}

/** The gradient as a pointwise operation of its own, so that it is one step of a fused kernel. */
function gradientOf(
  { name, df, ddf, numbers }: UnaryEntry,
): { reads?: (number | "y")[][]; grads: PointwiseGrad[] | null } {
  if (df === undefined) return { grads: null };
  if (df === 0) return { grads: [vanishing] };
  const kept = (["x", "y"] as const).filter((a) => new RegExp(`\\b${a}\\b`).test(df));
  if (kept.length > 1) throw new Error(`Cannot define ${name}: its gradient may read x or y, not both`);
  const slope: PointwiseGrad = (g, { x }, values) => gradOp([g, ...kept.map(() => x(1))], values);
  const curve: PointwiseGrad = (g, { x }, values) => {
    if (ddf === undefined) throw new Error(`Cannot differentiate the gradient of ${name}: it has no second derivative`);
    return ddf === 0 ? vanishing(g) : mul(mul(g, x(0)), ddf(x(1) as Tensor, values));
  };
  const gradOp = pointwise({
    name: `${name}Grad`,
    f: df,
    operands: ["dy", ...kept],
    numbers,
    reads: [kept.map(() => 1), ddf === 0 ? [] : [0, 1]],
    grads: [slope, curve],
  });
  return {
    reads: [kept.map((a) => a === "y" ? a : 0)],
    grads: [(dy, at, values) => gradOp([dy, ...kept.map((a) => a === "y" ? at.y : at.x(0))], values)],
  };
}

/** A gradient of zero. */
export function vanishing(dy: Tensor): Tensor {
  return zeros(dy.shape, { dtype: dy.dtype });
}
