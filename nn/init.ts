/**
 * Initialisers: they give a parameter the values it starts with, in place, and return it. Random ones follow
 * `manualSeed`.
 *
 * Names are those of `torch.nn.init` without the underscore.
 *
 * @module
 */
import { add, mul } from "../kernels/elementwise/arithmetic.ts";
import { clamp } from "../kernels/elementwise/choice.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { erfinv } from "../kernels/elementwise/math.ts";
import { normal as normalNumbers, uniform as uniformNumbers } from "../kernels/random/random.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { hostRandom } from "../tensor/generator.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { uploadInto } from "../tensor/in_place.ts";
import { scope } from "../tensor/scope.ts";
import { numel, type Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { orthonormalColumns } from "./_orthogonal.ts";

/** Functions for which a gain is known. */
export type Nonlinearity =
  | "linear"
  | "conv1d"
  | "conv2d"
  | "conv3d"
  | "convTranspose1d"
  | "convTranspose2d"
  | "convTranspose3d"
  | "sigmoid"
  | "tanh"
  | "relu"
  | "leakyRelu"
  | "selu";

/** Whether a variance is kept on the way forward (inputs counted) or backward (outputs counted). */
export type FanMode = "fan_in" | "fan_out";

/**
 * The factor by which a layer's weights should be larger for what follows it.
 *
 * @param nonlinearity What follows
 * @param param The negative slope of `"leakyRelu"`; default 0.01
 * @returns The gain
 * @throws {TypeError} If the name is unknown
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core/nn";
 *
 * console.log(init.calculateGain("relu")); // 1.4142135623730951
 * ```
 */
export function calculateGain(nonlinearity: Nonlinearity, param: number = 0.01): number {
  switch (nonlinearity) {
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leakyRelu":
      return Math.sqrt(2 / (1 + param ** 2));
    case "selu":
      return 3 / 4;
    case "sigmoid":
    case "linear":
    case "conv1d":
    case "conv2d":
    case "conv3d":
    case "convTranspose1d":
    case "convTranspose2d":
    case "convTranspose3d":
      return 1;
    default:
      throw new TypeError(`Cannot calculate a gain: the nonlinearity must be a known one, got ${nonlinearity}`);
  }
}

/** How many inputs an output has, and how many outputs an input. */
function fans(op: string, shape: Shape): { fan_in: number; fan_out: number } {
  if (shape.length < 2) {
    throw new ShapeError(
      op,
      `Cannot count inputs in ${op}: a weight must have two axes or more, its shape is ${showShape(shape)}`,
      [shape],
    );
  }
  const field = numel(shape.slice(2));
  return { fan_in: shape[1] * field, fan_out: shape[0] * field };
}

/** Gives a tensor a value, outside of differentiation, and frees what was made for it. */
function fill(t: Tensor, value: () => Tensor | number): Tensor {
  if (t.numel > 0) noGrad(() => scope(() => copyInto(t, value())));
  return t;
}

/** Uniform numbers in [a, b). */
export function uniform(t: Tensor, { a = 0, b = 1 }: { a?: number; b?: number } = {}): Tensor {
  return fill(t, () => uniformNumbers(t.shape, { low: a, high: b }));
}

/** Normal numbers. */
export function normal(t: Tensor, { mean = 0, std = 1 }: { mean?: number; std?: number } = {}): Tensor {
  return fill(t, () => normalNumbers(t.shape, { mean, std }));
}

/** One number everywhere. */
export function constant(t: Tensor, value: number): Tensor {
  return fill(t, () => value);
}

/** Ones. */
export function ones(t: Tensor): Tensor {
  return constant(t, 1);
}

/** Zeros. */
export function zeros(t: Tensor): Tensor {
  return constant(t, 0);
}

/**
 * Normal numbers without those outside [a, b]: the inverse of the distribution, applied to uniform numbers.
 *
 * @param t Any shape
 * @param options Mean, deviation, and bounds (not multiples of the deviation); default 0, 1, −2, 2
 */
export function truncNormal(
  t: Tensor,
  { mean = 0, std = 1, a = -2, b = 2 }: { mean?: number; std?: number; a?: number; b?: number } = {},
): Tensor {
  const from = 2 * normalShare((a - mean) / std) - 1, to = 2 * normalShare((b - mean) / std) - 1;
  return fill(t, () => {
    // Half a step above the lowest number that rand gives, so that neither end of (−1, 1) is hit.
    const share = add(mul(uniformNumbers(t.shape), to - from), from + (to - from) * 2 ** -25);
    return clamp(add(mul(erfinv(share), std * Math.SQRT2), mean), { min: a, max: b });
  });
}

/** The share of a normal distribution below x. */
function normalShare(x: number): number {
  return x > 0 ? 1 - upperShare(x) : upperShare(-x);
}

/** The share above x ≥ 0: by a series near 0, by a continued fraction further out. */
function upperShare(x: number): number {
  if (x > 38) return 0;
  const density = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  if (x < 3) {
    let term = x, sum = x;
    for (let n = 1; n < 100 && term > 1e-18 * sum; n++) sum += term *= x * x / (2 * n + 1);
    return 0.5 - density * sum;
  }
  let fraction = x;
  for (let n = 100; n > 0; n--) fraction = x + n / fraction;
  return density / fraction;
}

/** Uniform numbers that keep the variance both ways: ±gain·√(6 / (inputs + outputs)) (Glorot and Bengio 2010). */
export function xavierUniform(t: Tensor, { gain = 1 }: { gain?: number } = {}): Tensor {
  const { fan_in, fan_out } = fans("xavierUniform", t.shape);
  const b = gain * Math.sqrt(6 / (fan_in + fan_out));
  return uniform(t, { a: -b, b });
}

/**
 * Normal numbers that keep the variance both ways: deviation gain·√(2 / (inputs + outputs)) (Glorot and Bengio 2010).
 */
export function xavierNormal(t: Tensor, { gain = 1 }: { gain?: number } = {}): Tensor {
  const { fan_in, fan_out } = fans("xavierNormal", t.shape);
  return normal(t, { std: gain * Math.sqrt(2 / (fan_in + fan_out)) });
}

/** How {@link kaimingUniform} and {@link kaimingNormal} choose the size. */
export interface KaimingOptions {
  /** Negative slope of the leaky ReLU that follows; default 0. */
  a?: number;
  /** Whether inputs (default) or outputs are counted. */
  mode?: FanMode;
  /** What follows; default `"leakyRelu"`. */
  nonlinearity?: Nonlinearity;
}

function kaiming(
  op: string,
  t: Tensor,
  { a = 0, mode = "fan_in", nonlinearity = "leakyRelu" }: KaimingOptions,
): number {
  if (mode !== "fan_in" && mode !== "fan_out") {
    throw new TypeError(`Cannot initialise in ${op}: mode must be "fan_in" or "fan_out", got ${JSON.stringify(mode)}`);
  }
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(op, t.shape)[mode]);
}

/**
 * Uniform numbers that keep the variance through rectifiers: ±gain·√(3 / inputs) (He and others 2015).
 *
 * @param t Two axes or more
 * @param options Slope, what is counted, and what follows
 *
 * @example
 * ```ts
 * import { init as open, zeros } from "@fulgurite/core";
 * import { init } from "@fulgurite/core/nn";
 *
 * await open();
 * const weight = init.kaimingUniform(zeros([64, 32]), { nonlinearity: "relu" });
 * console.log((await weight.data()).every((w) => Math.abs(w) <= Math.sqrt(6 / 32))); // true
 * ```
 */
export function kaimingUniform(t: Tensor, options: KaimingOptions = {}): Tensor {
  const b = Math.sqrt(3) * kaiming("kaimingUniform", t, options);
  return uniform(t, { a: -b, b });
}

/** Normal numbers that keep the variance through rectifiers: deviation gain / √inputs (He and others 2015). */
export function kaimingNormal(t: Tensor, options: KaimingOptions = {}): Tensor {
  return normal(t, { std: kaiming("kaimingNormal", t, options) });
}

/**
 * An orthogonal matrix, times `gain`: rows are orthonormal, or columns where there are more rows (Saxe, McClelland and
 * Ganguli 2013). Further axes belong to the columns. It is computed on the host.
 */
export function orthogonal(t: Tensor, { gain = 1 }: { gain?: number } = {}): Tensor {
  fans("orthogonal", t.shape);
  const m = t.shape[0], n = numel(t.shape) / m;
  if (t.numel === 0) return t;
  const rows = Math.max(m, n), columns = Math.min(m, n);
  const random = hostRandom();
  const start = Float64Array.from({ length: rows * columns }, () => normalNumber(random));
  const q = orthonormalColumns(start, rows, columns);
  const values = Float32Array.from({ length: m * n }, (_, at) => {
    const i = Math.floor(at / n), j = at % n;
    return gain * (m >= n ? q[i * columns + j] : q[j * columns + i]);
  });
  uploadInto(t, values);
  return t;
}

/** A normal number of a stream (Box and Muller). */
function normalNumber(random: { uniform(): number }): number {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
}

/** The identity matrix: ones where row and column are equal. */
export function eye(t: Tensor): Tensor {
  if (t.ndim !== 2) {
    throw new ShapeError("eye", `Cannot initialise in eye: two axes are needed, the shape is ${showShape(t.shape)}`, [
      t.shape,
    ]);
  }
  const [rows, columns] = t.shape;
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = 1;
  uploadInto(t, values);
  return t;
}

/**
 * A convolution's weight that lets the input through: 1 at the centre, from channel i to channel i of each group.
 *
 * @param t Three to five axes
 * @param options Number of groups of output channels; default 1
 */
export function dirac(t: Tensor, { groups = 1 }: { groups?: number } = {}): Tensor {
  const [outputs, inputs] = t.shape;
  if (t.ndim < 3 || t.ndim > 5 || outputs % groups !== 0) {
    throw new ShapeError(
      "dirac",
      `Cannot initialise in dirac: three to five axes, and outputs divisible by ${groups} groups are needed, the shape is ${
        showShape(t.shape)
      }`,
      [t.shape],
    );
  }
  const field = t.shape.slice(2), size = numel(field);
  const centre = field.reduce((at, length) => at * length + Math.floor(length / 2), 0);
  const values = new Float32Array(t.numel);
  const perGroup = outputs / groups;
  for (let o = 0; o < outputs; o++) {
    const channel = o % perGroup;
    if (channel < inputs) values[(o * inputs + channel) * size + centre] = 1;
  }
  uploadInto(t, values);
  return t;
}

/**
 * Normal numbers of which a share in each column is 0 (Martens, "Deep learning via Hessian-free optimization", 2010).
 *
 * @param t Two axes
 * @param options Share of zeros, and deviation of the others; default 0.01
 */
export function sparse(t: Tensor, { sparsity, std = 0.01 }: { sparsity: number; std?: number }): Tensor {
  if (t.ndim !== 2) {
    throw new ShapeError(
      "sparse",
      `Cannot initialise in sparse: two axes are needed, the shape is ${showShape(t.shape)}`,
      [t.shape],
    );
  }
  const [rows, columns] = t.shape;
  const zeros = Math.ceil(sparsity * rows);
  const random = hostRandom();
  const values = Float32Array.from({ length: rows * columns }, () => std * normalNumber(random));
  for (let j = 0; j < columns; j++) {
    for (const i of random.permutation(rows).subarray(0, zeros)) values[i * columns + j] = 0;
  }
  uploadInto(t, values);
  return t;
}
