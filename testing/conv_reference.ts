/** Convolutions in f64, by plain loops over everything. */
import { array, type NDArray } from "./reference.ts";

/** How a kernel slides over images [n, channels, height, width]. */
export interface Slide {
  stride?: readonly [number, number];
  /** Zeros in front and behind, of height and of width. */
  padding?: readonly [readonly [number, number], readonly [number, number]];
  dilation?: readonly [number, number];
  groups?: number;
}

/** Calls `visit` with the flat indices of each product: image, weight, result. */
function eachProduct(
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
  { stride = [1, 1], padding = [[0, 0], [0, 0]], dilation = [1, 1], groups = 1 }: Slide,
  visit: (x: number, w: number, y: number) => void,
): void {
  const [n, channels, height, width] = x, [outChannels, perGroup, kernelHeight, kernelWidth] = w;
  const [, , outHeight, outWidth] = y;
  for (let image = 0; image < n; image++) {
    for (let o = 0; o < outChannels; o++) {
      const group = Math.floor(o / (outChannels / groups));
      for (let c = 0; c < perGroup; c++) {
        for (let i = 0; i < outHeight; i++) {
          for (let j = 0; j < outWidth; j++) {
            for (let u = 0; u < kernelHeight; u++) {
              const row = i * stride[0] + u * dilation[0] - padding[0][0];
              if (row < 0 || row >= height) continue;
              for (let v = 0; v < kernelWidth; v++) {
                const column = j * stride[1] + v * dilation[1] - padding[1][0];
                if (column < 0 || column >= width) continue;
                visit(
                  ((image * channels + group * perGroup + c) * height + row) * width + column,
                  ((o * perGroup + c) * kernelHeight + u) * kernelWidth + v,
                  ((image * outChannels + o) * outHeight + i) * outWidth + j,
                );
              }
            }
          }
        }
      }
    }
  }
}

/** The shape of a convolution's result. */
export function convShape(x: readonly number[], w: readonly number[], slide: Slide): number[] {
  const { stride = [1, 1], padding = [[0, 0], [0, 0]], dilation = [1, 1] } = slide;
  const size = (axis: 0 | 1) =>
    Math.floor(
      (x[axis + 2] + padding[axis][0] + padding[axis][1] - dilation[axis] * (w[axis + 2] - 1) - 1) / stride[axis],
    ) + 1;
  return [x[0], w[0], size(0), size(1)];
}

/** The convolution of images with a kernel. */
export function conv2d(x: NDArray, w: NDArray, slide: Slide): NDArray {
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
