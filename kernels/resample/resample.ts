import { apply, type Op } from "../../tensor/op.ts";
import { numel, type Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { splitBy } from "../_split.ts";
import { resample as resampleKernel, resampleGrad } from "../_wgsl.ts";

/** How elements between elements are made. */
export type ResampleMode = "nearest" | "nearest-exact" | "linear" | "linear-aligned" | "cubic" | "cubic-aligned";

/** One axis in another size. */
export interface Resampling {
  readonly mode: ResampleMode;
  readonly dim: number;
  readonly size: number;
  readonly outSize: number;
  /** Places of the input for each place of the output. */
  readonly scale: number;
}

/** The nearest place, in f32 arithmetic as in PyTorch: on a tie, its rounding decides. */
const nearest = (f: string) => `fn spot(q: u32) -> Spot {\n  return Spot(i32(floor(${f})), 0.0);\n}`;

/** Places may lie in front of the first. */
const ANYWHERE = "fn spot(q: u32) -> Spot {\n  return fixed_spot(q);\n}";

// Convolution with the kernel of R. Keys, "Cubic convolution interpolation for digital image processing" (1981),
// a = −0.75.
const CUBIC = `fn weight(t: u32, fraction: f32) -> f32 {
  let near = select(1.0 - fraction, fraction, t < 2u);
  if (t == 1u || t == 2u) {
    return (1.25 * near - 2.25) * near * near + 1.0;
  }
  let far = near + 1.0;
  return ((-0.75 * far + 3.75) * far - 6.0) * far + 3.0;
}`;

interface Recipe {
  readonly taps: number;
  readonly lead: number;
  readonly functions: Record<string, string>;
  /** Where place 0 of the output lies. */
  readonly offset: (scale: number) => number;
}

const ONE = "fn weight(t: u32, fraction: f32) -> f32 {\n  return 1.0;\n}";
const HALF = (scale: number) => 0.5 * scale - 0.5;

const RECIPES: Record<ResampleMode, Recipe> = {
  nearest: { taps: 1, lead: 0, functions: { spot: nearest("f32(q) * params.scale"), weight: ONE }, offset: () => 0 },
  "nearest-exact": {
    taps: 1,
    lead: 0,
    functions: { spot: nearest("(f32(q) + 0.5) * params.scale"), weight: ONE },
    offset: (scale) => 0.5 * scale,
  },
  linear: { taps: 2, lead: 0, functions: {}, offset: HALF },
  "linear-aligned": { taps: 2, lead: 0, functions: {}, offset: () => 0 },
  cubic: { taps: 4, lead: 1, functions: { spot: ANYWHERE, weight: CUBIC }, offset: HALF },
  "cubic-aligned": { taps: 4, lead: 1, functions: { spot: ANYWHERE, weight: CUBIC }, offset: () => 0 },
};

/** A number in 32.32 fixed point: the whole part and 2³² times the rest, as words. */
function fixed(x: number): [number, number] {
  const whole = Math.floor(x), rest = Math.round((x - whole) * 2 ** 32);
  return rest === 2 ** 32 ? [(whole + 1) >>> 0, 0] : [whole >>> 0, rest];
}

const resized = (shape: Shape, dim: number, size: number): number[] => shape.map((n, i) => i === dim ? size : n);

/** Parameters and specialisation, for results of `count` elements. */
function setup({ mode, dim, size, outSize, scale }: Resampling, y: Tensor) {
  const aliases: Record<string, string> = {};
  const { taps, lead, functions, offset } = RECIPES[mode];
  const inner = numel(y.shape.slice(dim + 1)), wide = inner % 4 === 0, unit = wide ? 4 : 1;
  if (wide) aliases.Row = "vec4f";
  const start = offset(scale), count = y.numel / unit;
  const params = {
    step: fixed(scale),
    start: fixed(start),
    size,
    outSize,
    inner: splitBy(inner / unit),
    sizes: splitBy(y.shape[dim]),
    count,
    scale,
    offset: start,
  };
  return {
    params,
    groups: Math.ceil(params.count / 64),
    special: { overrides: { taps, lead }, aliases, functions },
  };
}

const resampleOp: Op<Resampling> = {
  name: "interpolate",
  precision: "full",
  infer: ([x], { dim, outSize }) => ({ shape: resized(x!.shape, dim, outSize), dtype: x!.dtype }),
  forward: ([x], attrs, [y]) => {
    const { params, groups, special } = setup(attrs, y);
    launch(resampleKernel, { x: x!, y }, params, groups, special);
  },
  grad: (dy, _, attrs) => [apply(resampleGradOp, [dy], attrs)],
};

const resampleGradOp: Op<Resampling> = {
  name: "interpolate_grad",
  infer: ([dy], { dim, size }) => ({ shape: resized(dy!.shape, dim, size), dtype: dy!.dtype }),
  forward: ([dy], attrs, [dx]) => {
    const { params, groups, special } = setup(attrs, dx);
    launch(resampleGrad, { dy: dy!, dx }, params, groups, special);
  },
  grad: (ddx, _, attrs) => [apply(resampleOp, [ddx], attrs)],
};

/** One axis in another size, its elements made of their neighbours. */
export function resample(x: Tensor, resampling: Resampling): Tensor {
  return apply(resampleOp, [x], resampling);
}
