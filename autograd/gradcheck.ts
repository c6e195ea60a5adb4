import { tensor } from "../tensor/create.ts";
import { isFloat } from "../tensor/dtype.ts";
import { showShape } from "../tensor/errors.ts";
import { enableGrad, noGrad } from "../tensor/grad_mode.ts";
import { tensorsOf } from "../tensor/operands.ts";
import { PhiloxStream } from "../tensor/philox.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { grad } from "./backward.ts";

/** How {@link gradcheck} moves and judges. */
export interface GradcheckOptions {
  /** How far an element of an input is moved at most; default 1/64. */
  eps?: number;
  /** Allowed error per unit of the weighted outputs, for the rounding of f32; default 1e-4. */
  atol?: number;
  /** Allowed error relative to the length of gradient times direction; default 1e-3. */
  rtol?: number;
  /** Seed of the directions; default 0. */
  seed?: number;
  /** Random directions for each input; default 3. */
  directions?: number;
}

/** A gradient that does not agree with finite differences. */
export class GradcheckError extends Error {
  /** Name of the class. */
  override name = "GradcheckError";
  /** The op that made the first output. */
  readonly op: string;
  /** Which input. */
  readonly input: number;
  /** Which random direction. */
  readonly direction: number;
  /** The derivative by autograd. */
  readonly got: number;
  /** The derivative by finite differences. */
  readonly want: number;

  /**
   * Users catch it; {@link gradcheck} makes it.
   *
   * @param op The op that made the first output
   * @param input Which input
   * @param direction Which random direction
   * @param got The derivative by autograd
   * @param want The derivative by finite differences
   * @param allowed How far apart they may be
   */
  constructor(op: string, input: number, direction: number, got: number, want: number, allowed: number) {
    super(
      `Cannot accept the gradient of ${op}: along random direction ${direction} of input ${input} the derivative is ` +
        `${got}, finite differences give ${want} ± ${allowed.toPrecision(2)}`,
    );
    this.op = op;
    this.input = input;
    this.direction = direction;
    this.got = got;
    this.want = want;
  }
}

/** A function of tensors whose gradients can be checked. */
export type Differentiable = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

/** Outputs that take part: floating ones that depend on an input under check. */
interface Objective {
  /** Random weights that make one number of all outputs. */
  weights: Float64Array[];
  /** Which outputs they belong to. */
  outputs: number[];
  /** Euclidean length of the weighted outputs, which their rounding is proportional to. */
  size: number;
}

/**
 * Compares gradients with finite differences, along random directions.
 *
 * L = Σ outputs·w with random weights w is differentiated by autograd, giving g for an input x, and numerically: the
 * outputs are read at x ± εv and x ± εv/2 and combined in f64 so that the third-order error of central differences
 * cancels (Richardson). The displacements are those that f32 really makes. `fn` passes where
 * |⟨g, v⟩ − numeric| ≤ atol·max(1, ‖outputs·w‖) + rtol·‖g·v‖.
 *
 * One wrong element among n shows when it is wrong by about rtol·√n of its size: check on small tensors. Values must be
 * farther than ε from kinks (zero for relu, ties for max), and `fn` must give the same result every time.
 *
 * @param fn The function: one tensor or several from the inputs
 * @param inputs Its inputs; those that require gradients are checked and must be f32
 * @param options Step, tolerances and seed
 * @throws {GradcheckError} If a gradient does not agree
 * @throws {TypeError} If no input requires gradients, one that does is not f32, or no output depends on them
 *
 * @example
 * ```ts
 * import { gradcheck, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[0.5, -1.5], [2.5, 0.25]], { requiresGrad: true });
 * await gradcheck((x) => x.mul(x).sum({ dim: 1 }), [x]);
 * ```
 */
export async function gradcheck(
  fn: Differentiable,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<void> {
  const { eps = 1 / 64, atol = 1e-4, rtol = 1e-3, seed = 0, directions = 3 } = options;
  inputs = tensorsOf("gradcheck", "check gradients", inputs, { item: "input", least: 0 });
  const checked = inputs.flatMap((x, i) => x.requiresGrad ? [i] : []);
  if (checked.length === 0) throw new TypeError("Cannot check gradients in gradcheck: no input requires gradients");
  for (const i of checked) {
    if (inputs[i].dtype !== "f32") {
      throw new TypeError(`Cannot check gradients in gradcheck: inputs must be f32, input ${i} is ${inputs[i].dtype}`);
    }
  }
  const random = new PhiloxStream(seed);
  const values = await Promise.all(checked.map((i) => inputs[i].data()));
  const { op, grads, objective } = await analytic(fn, inputs, checked, values, random);
  const noise = atol * Math.max(1, objective.size);

  for (const [k, input] of checked.entries()) {
    for (let direction = 0; direction < directions; direction++) {
      const v = Float64Array.from(values[k], () => signed(random));
      const [wide, narrow] = await Promise.all([eps, eps / 2].map(async (step) => {
        const plus = Float32Array.from(values[k], (x, e) => x + step * v[e]);
        const minus = Float32Array.from(values[k], (x, e) => x - step * v[e]);
        const [up, down] = await Promise.all(
          [plus, minus].map((moved) => evaluate(fn, inputs, input, moved, objective)),
        );
        let analytic = 0;
        for (let e = 0; e < v.length; e++) analytic += grads[k][e] * (plus[e] - minus[e]);
        return { numeric: difference(up, down, objective), analytic };
      }));
      const combine = (narrow: number, wide: number) => (8 * narrow - wide) / (6 * eps);
      const got = combine(narrow.analytic, wide.analytic);
      const want = combine(narrow.numeric, wide.numeric);
      let length = 0;
      for (let e = 0; e < v.length; e++) length += (grads[k][e] * v[e]) ** 2;
      const allowed = noise + rtol * Math.sqrt(length);
      // Not `>`: a NaN on either side must not pass.
      if (!(Math.abs(got - want) <= allowed)) throw new GradcheckError(op, input, direction, got, want, allowed);
    }
  }
}

/** A number whose magnitude is between 1/2 and 1, so that every element takes part and none moves farther than ε. */
function signed(random: PhiloxStream): number {
  return (random.uint32() & 1 ? 1 : -1) * (0.5 + random.uniform() / 2);
}

const listOf = (result: Tensor | readonly Tensor[]): readonly Tensor[] =>
  Array.isArray(result) ? result : [result as Tensor];

/** Gradients by autograd of the weighted sum of all outputs, and that sum. */
async function analytic(
  fn: Differentiable,
  inputs: readonly Tensor[],
  checked: readonly number[],
  values: readonly ArrayLike<number>[],
  random: PhiloxStream,
): Promise<{ op: string; grads: Float64Array[]; objective: Objective }> {
  const { op, outputs, grads, weights, results } = scope(() =>
    enableGrad(() => {
      const leaves = inputs.map((x) => x.requiresGrad ? x.detach().requiresGrad_() : x);
      const all = listOf(fn(...leaves));
      const outputs = all.flatMap((y, i) => y.requiresGrad && isFloat(y.dtype) ? [i] : []);
      if (outputs.length === 0) {
        throw new TypeError("Cannot check gradients in gradcheck: no output depends on an input that requires them");
      }
      const results = outputs.map((i) => all[i]);
      const weights = results.map((y) =>
        tensor(Float32Array.from({ length: y.numel }, () => signed(random)), { dtype: y.dtype, shape: y.shape })
      );
      const grads = grad(results, checked.map((i) => leaves[i]), { gradOutputs: weights, allowUnused: true });
      return { op: results[0].node?.name ?? "fn", outputs, grads, weights, results };
    })
  );
  try {
    for (const [k, g] of grads.entries()) {
      if (g !== null && g.shape.join() !== inputs[checked[k]].shape.join()) {
        throw new TypeError(
          `Cannot accept the gradient of ${op}: that of input ${checked[k]} must have shape ` +
            `${showShape(inputs[checked[k]].shape)}, has ${showShape(g.shape)}`,
        );
      }
    }
    const [g, w, y] = await Promise.all(
      [grads, weights, results].map((list) => Promise.all(list.map((t) => t === null ? null : t.data()))),
    );
    let size = 0;
    for (const [i, weight] of w.entries()) for (const [e, value] of weight!.entries()) size += (value * y[i]![e]) ** 2;
    return {
      op,
      grads: g.map((data, k) => Float64Array.from(data ?? new Float64Array(values[k].length))),
      objective: { weights: w.map((data) => Float64Array.from(data!)), outputs, size: Math.sqrt(size) },
    };
  } finally {
    for (const t of [...grads, ...weights, ...results]) t?.dispose();
  }
}

/** The outputs that take part, with one input replaced. */
async function evaluate(
  fn: Differentiable,
  inputs: readonly Tensor[],
  replaced: number,
  values: Float32Array,
  { outputs }: Objective,
): Promise<ArrayLike<number>[]> {
  const results = scope(() =>
    noGrad(() => {
      const moved = tensor(values, { dtype: "f32", shape: inputs[replaced].shape });
      const all = listOf(fn(...inputs.map((x, i) => i === replaced ? moved : x)));
      return outputs.map((i) => all[i]);
    })
  );
  try {
    return await Promise.all(results.map((y) => y.data()));
  } finally {
    // A function may hand an input through; that one is not ours.
    for (const y of results) if (!inputs.includes(y)) y.dispose();
  }
}

/** Σ w·(up − down), in f64. */
function difference(
  up: readonly ArrayLike<number>[],
  down: readonly ArrayLike<number>[],
  { weights }: Objective,
): number {
  let sum = 0;
  for (const [i, w] of weights.entries()) for (let e = 0; e < w.length; e++) sum += w[e] * (up[i][e] - down[i][e]);
  return sum;
}
