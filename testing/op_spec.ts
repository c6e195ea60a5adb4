/** The case list of an op: what its contract test runs, and its benchmark times. */
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../tensor/half.ts";
import type { Tensor } from "../mod.ts";
import { type DType, isFloat } from "../tensor/dtype.ts";
import type { Tolerance } from "./golden/compare.ts";
import { array, type NDArray, type Random, sizeOf } from "./reference.ts";

/** How the elements of an input are drawn. */
export type Draw =
  /** Normal numbers. */
  | "normal"
  /** Uniform in [0.1, 2.1): for logarithms, roots, denominators. */
  | "positive"
  /** Shuffled multiples of 1/8 without ties: for maxima and sorting. */
  | "distinct"
  /** Whole numbers in [0, below): for indices. */
  | { below: number }
  /** Uniform in [low, high), at least `gap` away from the points of `avoid`. */
  | { low: number; high: number; avoid?: readonly number[]; gap?: number };

/** An input in full; a bare shape means `{ shape }`. */
export interface InputSpec {
  shape: readonly number[];
  /** Fixed type, for indices and masks; otherwise the type that the case is run in. */
  dtype?: DType;
  draw?: Draw;
  /** The elements, instead of drawing them. */
  values?: readonly number[];
  /** Whether its gradient is checked; by default when it is floating. */
  grad?: boolean;
}

/** One case: its inputs (shapes, or in full) and its attributes. */
export interface OpCase<A> {
  /** Label; by default made of the shapes and attributes. */
  name?: string;
  inputs: readonly (readonly number[] | InputSpec)[];
  attrs?: A;
  /** Values only, in f32: for sizes where finite differences of the reference would take too long. */
  large?: boolean;
  /** Values only, in every type: for non-finite inputs and kinks. */
  noGrad?: boolean;
}

/** An op, its reference in f64, and its cases. */
export interface OpSpec<A> {
  name: string;
  /** The op under test. */
  run(inputs: Tensor[], attrs: A): Tensor | readonly Tensor[];
  /** The same in f64. */
  reference(inputs: NDArray[], attrs: A): NDArray | readonly NDArray[];
  cases: readonly OpCase<A>[];
  /** Types that floating inputs are given in; default f32 alone. */
  dtypes?: readonly ("f32" | "f16" | "bf16")[];
  /** How inputs are drawn where they do not say; default `"normal"`. */
  draw?: Draw;
  /** Whether gradients are checked; default true. */
  grad?: boolean;
  /** Types in which gradients are checked; default all of `dtypes`. */
  gradDtypes?: readonly ("f32" | "f16" | "bf16")[];
  /** Tolerances of values, where the defaults of {@link valueTolerance} do not fit. */
  tolerance?: Partial<Record<DType, Tolerance>>;
}

/** A helper that lets TypeScript infer the attributes of a specification. */
export function opSpec<A = undefined>(spec: OpSpec<A>): OpSpec<A> {
  return spec;
}

/** Sizes at the edges of workgroups of 64 and 256, and the smallest. */
export const STRADDLING = [1, 63, 65, 257] as const;

/**
 * A size whose workgroups (64 invocations, one element each) do not fit into one row of a dispatch, so that they fold
 * into y; for `large` cases.
 */
export const FOLDED: number = 65_535 * 64 + 1;

/** One case for each size of {@link STRADDLING}. */
export function straddle<A>(make: (size: number) => OpCase<A>): OpCase<A>[] {
  return STRADDLING.map(make);
}

/** Pairs of shapes that broadcast in every way: rows, columns, new axes, both sides, scalars, empty. */
const BROADCAST_PAIRS: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[4, 5], [4, 5]],
  [[4, 5], [5]],
  [[5], [4, 5]],
  [[4, 1], [1, 5]],
  [[2, 3, 4], [3, 1]],
  [[2, 1, 3, 1], [5, 1, 7]],
  [[3, 4], []],
  [[], []],
  [[0], [1]],
  [[2, 0, 3], [1, 3]],
];

/** One case for each pair of {@link BROADCAST_PAIRS}. */
export function broadcasts<A>(attrs?: A): OpCase<A>[] {
  return BROADCAST_PAIRS.map((inputs) => ({ inputs, attrs }));
}

/** An input with everything filled in. */
export function fullInput(input: readonly number[] | InputSpec): InputSpec {
  return "shape" in input ? input : { shape: input };
}

/** Label of a case. */
export function caseName<A>({ name, inputs, attrs }: OpCase<A>): string {
  const shapes = inputs.map((input) => `[${fullInput(input).shape.join(",")}]`).join(" ");
  return name ?? (attrs === undefined ? shapes : `${shapes} ${JSON.stringify(attrs)}`);
}

/** The nearest value that a type can hold. */
export function roundTo(dtype: DType, values: ArrayLike<number>): Float64Array {
  switch (dtype) {
    case "f16":
      return Float64Array.from(f16ToF32(f32ToF16(values)));
    case "bf16":
      return Float64Array.from(bf16ToF32(f32ToBf16(values)));
    case "f32":
      return new Float64Array(new Float32Array(values));
    case "bool":
      return Float64Array.from(values, (v) => v === 0 ? 0 : 1);
    default:
      return Float64Array.from(values, Math.trunc);
  }
}

/** Draws an input; its elements are exact in its type. */
export function drawInput(input: InputSpec, dtype: DType, fallback: Draw, random: Random): NDArray {
  const { shape, draw = fallback, values } = input;
  const data = roundTo(dtype, values ?? drawValues(draw, sizeOf(shape), random));
  return array(shape, data);
}

function drawValues(draw: Draw, size: number, random: Random): number[] {
  // Drawing millions of numbers takes seconds; a large input repeats a period that fits no kernel's tiling.
  const period = Math.min(size, 65_537);
  const list = (f: () => number) => {
    const values = Array.from({ length: period }, f);
    return period === size ? values : Array.from({ length: size }, (_, i) => values[i % period]);
  };
  if (draw === "normal") return list(random.normal);
  if (draw === "positive") return list(() => 0.1 + 2 * random.uniform());
  if (draw === "distinct") {
    const values = Array.from({ length: size }, (_, i) => (i - Math.floor(size / 2)) / 8);
    for (let i = size - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [values[i], values[j]] = [values[j], values[i]];
    }
    return values;
  }
  if ("below" in draw) return list(() => random.below(draw.below));
  const { low, high, avoid = [], gap = 0.05 } = draw;
  return list(() => {
    const x = low + (high - low) * random.uniform();
    const near = avoid.find((point) => Math.abs(x - point) < gap);
    return near === undefined ? x : near + (x < near ? -1.5 : 1.5) * gap;
  });
}

/** Relative size of one unit in the last place. */
const UNIT: Record<string, number> = { f32: 2 ** -23, f16: 2 ** -10, bf16: 2 ** -7 };

/**
 * How far values may be from the reference: for f32 1e-5 of each value plus 4e-6 of the largest (sums), for 16-bit
 * types one unit in the last place on top (one rounding at the end). Integers and booleans are exact.
 */
export function valueTolerance(dtype: DType, want: ArrayLike<number>): Tolerance {
  if (!isFloat(dtype)) return { rtol: 0, atol: 0 };
  let top = 0;
  for (let i = 0; i < want.length; i++) if (Number.isFinite(want[i])) top = Math.max(top, Math.abs(want[i]));
  const sums = Math.max(1e-6, 4e-6 * top);
  if (dtype === "f32") return { rtol: 1e-5, atol: sums };
  return { rtol: UNIT[dtype], atol: dtype === "f16" ? Math.max(sums, 6e-8) : sums };
}

/**
 * How far a directional derivative ⟨g, v⟩ may be from the reference's: each element of g may be wrong by 1e-5 of itself
 * (16-bit types: four units in the last place, since saved values were rounded too) and by 4e-6 (one unit) of the
 * largest, and errors of different elements are independent.
 */
export function derivativeTolerance(dtype: DType, g: ArrayLike<number>, v: ArrayLike<number>): number {
  const own = dtype === "f32" ? 1e-5 : 4 * UNIT[dtype];
  const shared = dtype === "f32" ? 4e-6 : UNIT[dtype];
  let top = 0, products = 0, length = 0;
  for (let i = 0; i < g.length; i++) {
    top = Math.max(top, Math.abs(g[i]));
    products += (g[i] * v[i]) ** 2;
    length += v[i] ** 2;
  }
  return 2 * (own * Math.sqrt(products) + shared * top * Math.sqrt(length)) + 1e-7;
}
