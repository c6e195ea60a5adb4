import { checkObject, show } from "../../device/option_names.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { numel, type Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { splitBy } from "../_split.ts";

/** One number for both axes, or one for each (down, across). */
export type PoolSize = number | readonly [number, number] | readonly number[];

/** The windows of a pool over planes, as the kernels see them. */
export interface Windows {
  /** Shape of the input, its last two axes being the plane. */
  readonly shape: Shape;
  /** Sizes of the output plane. */
  readonly out: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Windows that divide the input evenly instead: kernel and so on do not matter. */
  readonly adaptive: boolean;
}

/** How windows are laid out, as a user says it. */
export interface WindowOptions {
  kernelSize: PoolSize;
  stride?: PoolSize;
  padding?: PoolSize;
  dilation?: PoolSize;
  ceilMode?: boolean;
}

/** Two numbers from one or two; `what` for the message, `least` the smallest that is allowed. */
export function pair(op: string, what: string, value: PoolSize, least: number): [number, number] {
  const both = Array.isArray(value) ? [...value] : [value, value];
  if (both.length === 1) both.push(both[0]);
  if (both.length !== 2 || both.some((n) => !Number.isInteger(n) || n < least)) {
    throw new RangeError(
      `Cannot pool in ${op}: ${what} must be a whole number from ${least} on, or two, got ${show(value)}`,
    );
  }
  return both as [number, number];
}

/** The input as planes: a channel axis and two more, with or without a batch axis. */
export function requirePlanes(op: string, x: Tensor, axes: 1 | 2): void {
  if (x.ndim === axes + 1 || x.ndim === axes + 2) return;
  throw new ShapeError(
    op,
    `Cannot pool in ${op}: there must be ${axes + 1} or ${axes + 2} axes, the shape is ${showShape(x.shape)}`,
    [x.shape],
  );
}

/** Windows of a given size and stride. */
export function slidingWindows(op: string, shape: Shape, options: WindowOptions): Windows {
  checkObject(`pool in ${op}`, options, "kernelSize");
  const kernel = pair(op, "kernelSize", options.kernelSize, 1);
  const stride = pair(op, "stride", options.stride ?? kernel, 1);
  const padding = pair(op, "padding", options.padding ?? 0, 0);
  const dilation = pair(op, "dilation", options.dilation ?? 1, 1);
  const size = shape.slice(-2);
  const out = size.map((n, i) => {
    const reach = dilation[i] * (kernel[i] - 1) + 1;
    if (2 * padding[i] > reach) {
      throw new RangeError(
        `Cannot pool in ${op}: padding must be at most half the window, got padding ${
          padding[i]
        } for a window of ${reach}`,
      );
    }
    const room = n + 2 * padding[i] - reach;
    let count = Math.floor((room + (options.ceilMode ? stride[i] - 1 : 0)) / stride[i]) + 1;
    // A last window that would begin behind the input and its front padding is left out.
    if (options.ceilMode && (count - 1) * stride[i] >= n + padding[i]) count--;
    if (count < 1) {
      throw new ShapeError(
        op,
        `Cannot pool in ${op}: the window must fit into the padded input, it is ${reach} wide and the shape is ${
          showShape(shape)
        } with padding ${padding[i]}`,
        [shape],
      );
    }
    return count;
  });
  return { shape, out: [out[0], out[1]], kernel, stride, padding, dilation, adaptive: false };
}

/** Windows that divide the plane into `out` parts, as even as possible. */
export function adaptiveWindows(op: string, shape: Shape, out: readonly [number, number]): Windows {
  const [height, width] = shape.slice(-2);
  if (numel(out) > 0 && height * width === 0) {
    throw new ShapeError(op, `Cannot pool in ${op}: the plane must not be empty, the shape is ${showShape(shape)}`, [
      shape,
    ]);
  }
  const even = height % out[0] === 0 && width % out[1] === 0;
  const kernel: [number, number] = even ? [height / out[0], width / out[1]] : [1, 1];
  return { shape, out, kernel, stride: kernel, padding: [0, 0], dilation: [1, 1], adaptive: !even };
}

/** Shape of the result. */
export function pooledShape({ shape, out }: Windows): number[] {
  return [...shape.slice(0, -2), ...out];
}

/** Parameters and specialisation of a pool's kernel; `plane` is the one that its invocations go through. */
export interface PoolSetup {
  readonly params: {
    readonly sizes: readonly number[];
    readonly steps: readonly number[];
    readonly edges: readonly number[];
    readonly by: readonly number[];
    readonly rows: readonly number[];
    readonly columns: readonly number[];
    readonly count: number;
  };
  readonly functions: Record<string, string>;
  readonly overrides: Record<string, number>;
}

function setup(windows: Windows, plane: Shape): PoolSetup["params"] {
  const { shape, out, kernel, stride, padding, dilation, adaptive } = windows;
  const size = shape.slice(-2);
  return {
    sizes: [...size, ...out],
    steps: [...kernel, ...stride],
    edges: [...padding, ...dilation],
    by: [...(adaptive ? size : stride), ...out].flatMap((d) => [...splitBy(d), 0]),
    rows: splitBy(plane.at(-2)!),
    columns: splitBy(plane.at(-1)!),
    count: numel(plane),
  };
}

/** For kernels that make outputs of windows. */
export function forWindows(windows: Windows): PoolSetup {
  const { shape, out, kernel, adaptive } = windows;
  // The parts of an uneven division differ by up to two places.
  const [down, across] = adaptive ? shape.slice(-2).map((n, i) => Math.ceil(n / out[i]) + 1) : kernel;
  return {
    params: setup(windows, pooledShape(windows)),
    functions: adaptive ? { ...ADAPTIVE } : {},
    overrides: { taps_down: down, taps_across: across },
  };
}

/** For kernels that make elements of the input. */
export function forPlaces(windows: Windows): PoolSetup {
  const { shape, out, kernel, stride, dilation, adaptive } = windows;
  const size = shape.slice(-2);
  const [down, across] = adaptive
    ? size.map((n, i) => Math.ceil(out[i] / n) + 1)
    : kernel.map((k, i) => Math.ceil((dilation[i] * (k - 1) + 1) / stride[i]));
  return {
    params: setup(windows, shape),
    functions: adaptive ? { ...ADAPTIVE } : {},
    overrides: { readers_down: down, readers_across: across },
  };
}

/**
 * Functions that take the place of those of sliding windows: part o reaches from ⌊o·size/count⌋ to ⌈(o +
 * 1)·size/count⌉.
 */
const ADAPTIVE = {
  window: `fn window(o: u32, axis: u32) -> vec2i {
  let size = params.sizes[axis];
  let start = split(o * size, params.by[axis + 2u]).x;
  let stop = split((o + 1u) * size + params.sizes[axis + 2u] - 1u, params.by[axis + 2u]).x;
  return vec2i(i32(start), i32(stop - start));
}`,
  last_reader: `fn last_reader(i: u32, axis: u32) -> u32 {
  return split((i + 1u) * params.sizes[axis + 2u] - 1u, params.by[axis]).x;
}`,
  holds: `fn holds(o: u32, i: u32, axis: u32) -> bool {
  return (o + 1u) * params.sizes[axis] > i * params.sizes[axis + 2u];
}`,
};
