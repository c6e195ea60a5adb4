import { isFloat } from "../../tensor/dtype.ts";
import { tensorsOf } from "../../tensor/operands.ts";
import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { zeros } from "../elementwise/constants.ts";
import { launch } from "../_run.ts";
import { normTotal } from "../_wgsl.ts";
import { type Kind, runSweep } from "./_sweep.ts";

/** A kind of sum, and the WGSL that makes the norm of a total `v`. */
interface Norm extends Kind {
  readonly finish: string;
}

const SUM = { acc: "vec4f", part: "f32", combine: "a + b", fold: "(v.x + v.y) + (v.z + v.w)" } as const;

function normOf(p: number): Norm {
  switch (p) {
    case 2:
      return { ...SUM, term: "v * v", finish: "sqrt(v)" };
    case 1:
      return { ...SUM, term: "abs(v)", finish: "v" };
    case Infinity:
      // Bits of magnitudes are ordered like the magnitudes, with NaN above infinity.
      return {
        acc: "vec4u",
        part: "u32",
        term: "bitcast<vec4u>(v) & vec4u(0x7fffffffu)",
        combine: "max(a, b)",
        fold: "max(max(v.x, v.y), max(v.z, v.w))",
        finish: "bitcast<f32>(v)",
      };
    default:
      return { ...SUM, term: "pow(abs(v), vec4f(number))", finish: "pow(v, 1.0 / params.exponent)" };
  }
}

/**
 * The norm of all elements of several tensors together, (Σ |x|^p)^(1/p), in f32. As many tensors are read by one
 * dispatch as the adapter has bindings, and sums are taken in a fixed order. It is for gradients: nothing is recorded
 * for differentiation.
 *
 * @param tensors Floating-point tensors of any shapes
 * @param p The exponent, above 0; `Infinity` gives the largest magnitude
 * @returns The norm, a tensor without axes; 0 for no elements, NaN if an element is NaN
 * @throws {RangeError} If the exponent is not above 0
 * @throws {TypeError} If a tensor is not floating-point
 *
 * @example
 * ```ts
 * import { gradNorm, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const norm = gradNorm([tensor([3], { dtype: "f32" }), tensor([0, 4], { dtype: "f32" })]);
 * console.log(await norm.item()); // 5
 * ```
 */
export function gradNorm(tensors: readonly Tensor[], p: number = 2): Tensor {
  if (!(p > 0)) throw new RangeError(`Cannot compute gradNorm: the exponent must be above 0, got ${p}`);
  tensors = tensorsOf("gradNorm", "sum up", tensors, { least: 0 });
  const whole = tensors.findIndex(({ dtype }) => !isFloat(dtype));
  if (whole >= 0) {
    throw new TypeError(
      `Cannot sum up in gradNorm: tensors must be floating-point, element ${whole} is ${tensors[whole].dtype}`,
    );
  }
  const norm = normOf(p);
  const name = [1, 2].includes(p) ? `gradNorm ${p}` : p === Infinity ? "gradNorm max" : "gradNorm p";
  const partials = runSweep({ name, kind: norm }, tensors, p);
  if (partials === null) return zeros([]);
  const total = new Tensor({ shape: [], storage: new Storage(1, "f32", "gradNorm") });
  launch(normTotal, { partials, total }, { count: partials.numel, exponent: p }, [1, 1, 1], {
    aliases: { Part: norm.part },
    functions: {
      combine: `fn combine(a: Part, b: Part) -> Part { return ${norm.combine}; }`,
      finish: `fn finish(v: Part) -> f32 { return ${norm.finish}; }`,
    },
  });
  partials.dispose();
  return total;
}

/** A factor of NaN stays NaN, whatever `min` makes of it. */
const LIMITING = `fn limiting(most: f32, norm: f32) -> f32 {
  let factor = most / (norm + 1e-6);
  return select(min(factor, 1.0), factor, (bitcast<u32>(factor) & 0x7fffffffu) > 0x7f800000u);
}`;

/**
 * Multiplies tensors in place by the factor that brings their common norm down to `maxNorm`: min(1, maxNorm / (norm +
 * 1e-6)).
 *
 * @param tensors Floating-point tensors
 * @param norm Their norm, a tensor with one element
 * @param maxNorm The largest norm allowed
 */
export function limitNorm(tensors: readonly Tensor[], norm: Tensor, maxNorm: number): void {
  const change = "v * limiting(number, numbers[0])";
  runSweep({ name: "limitNorm", change, reads: true, helpers: [LIMITING] }, tensors, maxNorm, norm)?.dispose();
}

/**
 * Limits every element of tensors to ±`most`, in place; NaN stays NaN.
 *
 * @param tensors Floating-point tensors
 * @param most The largest magnitude allowed
 */
export function limitValues(tensors: readonly Tensor[], most: number): void {
  const nan = "(bitcast<vec4u>(v) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u)";
  const change = `select(clamp(v, vec4f(-number), vec4f(number)), v, ${nan})`;
  runSweep({ name: "limitValues", change }, tensors, most)?.dispose();
}
