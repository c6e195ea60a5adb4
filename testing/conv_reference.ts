/** Convolutions in f64, by plain loops over everything. */
import { array, type NDArray } from "./reference.ts";

/** How a kernel slides over images [n, channels, …sizes]: a number for each axis, all axes alike by default. */
export interface Slide {
  stride?: readonly number[];
  /** Zeros in front and behind, for each axis. */
  padding?: readonly (readonly [number, number])[];
  dilation?: readonly number[];
  groups?: number;
}

/** Every place of a grid. */
function* places(sizes: readonly number[]): Generator<readonly number[]> {
  if (sizes.length === 0) {
    yield [];
    return;
  }
  for (let i = 0; i < sizes[0]; i++) for (const rest of places(sizes.slice(1))) yield [i, ...rest];
}

/** The number of a place in a grid, row by row. */
function flat(place: readonly number[], sizes: readonly number[]): number {
  return place.reduce((index, at, axis) => index * sizes[axis] + at, 0);
}

/** Calls `visit` with the flat indices of each product: image, weight, result. */
function eachProduct(
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
  { stride = [], padding = [], dilation = [], groups = 1 }: Slide,
  visit: (x: number, w: number, y: number) => void,
): void {
  const sizes = x.slice(2), kernel = w.slice(2), out = y.slice(2);
  const met: [number, number, number][] = [];
  for (const o of places(out)) {
    for (const tap of places(kernel)) {
      const at = o.map((i, axis) =>
        i * (stride[axis] ?? 1) + tap[axis] * (dilation[axis] ?? 1) - (padding[axis]?.[0] ?? 0)
      );
      if (at.some((i, axis) => i < 0 || i >= sizes[axis])) continue;
      met.push([flat(at, sizes), flat(tap, kernel), flat(o, out)]);
    }
  }
  const areas = [sizes, kernel, out].map((axes) => axes.reduce((a, b) => a * b, 1));
  for (const [n, o, c] of places([x[0], w[0], w[1]])) {
    const channel = Math.floor(o / (w[0] / groups)) * w[1] + c;
    const image = (n * x[1] + channel) * areas[0],
      weight = (o * w[1] + c) * areas[1],
      result = (n * w[0] + o) * areas[2];
    for (const [i, k, j] of met) visit(image + i, weight + k, result + j);
  }
}

/** The shape of a convolution's result. */
export function convShape(x: readonly number[], w: readonly number[], slide: Slide): number[] {
  const { stride = [], padding = [], dilation = [] } = slide;
  const sizes = x.slice(2).map((size, axis) => {
    const [before, after] = padding[axis] ?? [0, 0];
    const reach = (dilation[axis] ?? 1) * (w[axis + 2] - 1) + 1;
    return Math.floor((size + before + after - reach) / (stride[axis] ?? 1)) + 1;
  });
  return [x[0], w[0], ...sizes];
}

/** The convolution of images with a kernel. */
export function conv(x: NDArray, w: NDArray, slide: Slide): NDArray {
  const shape = convShape(x.shape, w.shape, slide);
  const y = new Float64Array(shape.reduce((a, b) => a * b, 1));
  eachProduct(x.shape, w.shape, shape, slide, (i, k, o) => y[o] += x.data[i] * w.data[k]);
  return array(shape, y);
}

/** The gradient of the images; also the transposed convolution of `dy`. */
export function convInput(dy: NDArray, w: NDArray, x: readonly number[], slide: Slide): NDArray {
  const dx = new Float64Array(x.reduce((a, b) => a * b, 1));
  eachProduct(x, w.shape, dy.shape, slide, (i, k, o) => dx[i] += dy.data[o] * w.data[k]);
  return array(x, dx);
}

/** The gradient of the kernel. */
export function convWeight(x: NDArray, dy: NDArray, w: readonly number[], slide: Slide): NDArray {
  const dw = new Float64Array(w.reduce((a, b) => a * b, 1));
  eachProduct(x.shape, w, dy.shape, slide, (i, k, o) => dw[k] += dy.data[o] * x.data[i]);
  return array(w, dw);
}
