import { type OptionNames, show } from "../../device/option_names.ts";
import { emptyLike, type Image, imageLike, sizesOf } from "./_image.ts";

/** How values between pixels are found. */
export type Interpolation = "nearest" | "bilinear" | "bicubic";

/** A size: both sides, or the shorter side, which keeps the image's form. */
export type Size = number | readonly [height: number, width: number];

/** How an image is resized. */
export interface ResizeOptions {
  /** How values between pixels are found (default `"bilinear"`). */
  interpolation?: Interpolation;
  /** Whether an image that becomes smaller is smoothed first, so that fine lines do not flicker (default true). */
  antialias?: boolean;
  /** The most that the longer side becomes, where `size` is one number. */
  maxSize?: number;
}

/** The names of {@link ResizeOptions}. */
export const RESIZE_NAMES: OptionNames<ResizeOptions> = { interpolation: true, antialias: true, maxSize: true };

/** Weights of the pixels that one pixel of the result is made of, along an axis. */
interface Taps {
  /** The first pixel of each. */
  readonly first: Int32Array;
  /** How many each has. */
  readonly count: Int32Array;
  /** Their weights, `most` for each. */
  readonly weights: Float64Array;
  readonly most: number;
}

/** The cubic convolution kernel (Keys, 1981) with a = −0.75 as PyTorch interpolates, −0.5 as it smooths. */
const cubic = (a: number) => (x: number) => {
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
};

const triangle = (x: number) => Math.max(0, 1 - Math.abs(x));

/** Weights as `torch.nn.functional.interpolate` has them with antialias: the kernel is widened by the scale. */
function smoothTaps(from: number, to: number, interpolation: Interpolation): Taps {
  const scale = from / to, widen = Math.max(1, scale);
  const kernel = interpolation === "bilinear" ? triangle : cubic(-0.5);
  const support = (interpolation === "bilinear" ? 1 : 2) * widen;
  const most = Math.ceil(support) * 2 + 1;
  const taps = { first: new Int32Array(to), count: new Int32Array(to), weights: new Float64Array(to * most), most };
  for (let i = 0; i < to; i++) {
    const center = scale * (i + 0.5);
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(from, Math.trunc(center + support + 0.5)) - first;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      sum += taps.weights[i * most + k] = kernel((k + first - center + 0.5) / widen);
    }
    for (let k = 0; k < count; k++) taps.weights[i * most + k] /= sum;
    taps.first[i] = first;
    taps.count[i] = count;
  }
  return taps;
}

/** Weights without antialias: 2 or 4 pixels around the place, those beyond the edge taken from the edge. */
function plainTaps(from: number, to: number, interpolation: Interpolation): Taps {
  const scale = from / to, reach = interpolation === "bilinear" ? 1 : 2;
  const kernel = interpolation === "bilinear" ? triangle : cubic(-0.75);
  const most = 2 * reach;
  const taps = { first: new Int32Array(to), count: new Int32Array(to), weights: new Float64Array(to * most), most };
  for (let i = 0; i < to; i++) {
    let center = scale * (i + 0.5) - 0.5;
    if (interpolation === "bilinear") center = Math.max(0, center);
    const start = Math.floor(center) - reach + 1;
    const first = Math.min(Math.max(0, start), Math.max(0, from - most));
    taps.first[i] = first;
    taps.count[i] = Math.min(most, from);
    for (let k = 0; k < most; k++) {
      const at = Math.min(Math.max(0, start + k), from - 1);
      taps.weights[i * most + at - first] += kernel(start + k - center);
    }
  }
  return taps;
}

/** The sides of the result. */
function targetOf(size: Size, height: number, width: number, maxSize: number | undefined): [number, number] {
  if (typeof size !== "number") return [size[0], size[1]];
  const short = Math.min(height, width), long = Math.max(height, width);
  let newShort = size, newLong = Math.trunc(size * long / short);
  if (maxSize !== undefined && newLong > maxSize) {
    [newShort, newLong] = [Math.trunc(maxSize * newShort / newLong), maxSize];
  }
  return height <= width ? [newShort, newLong] : [newLong, newShort];
}

/**
 * Resizes an image, as torchvision's `resize` does with tensors.
 *
 * @param image [channels, height, width]
 * @param size [height, width], or the shorter side
 * @param options How values between pixels are found, whether it is smoothed, and the most of the longer side
 * @throws {RangeError} if a size is no whole number from 1 on
 * @throws {ShapeError} if the image has not three axes
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { resizeImage } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Float32Array.of(0, 2, 4, 6), { dtype: "f32", shape: [1, 2, 2] });
 * console.assert(resizeImage(image, [1, 1]).data[0] === 3);
 * ```
 */
export function resizeImage<I extends Image>(image: I, size: Size, options: ResizeOptions = {}): I {
  const { interpolation = "bilinear", antialias = true, maxSize } = options;
  const { channels, height, width } = sizesOf("resize", image);
  const [newHeight, newWidth] = targetOf(size, height, width, maxSize);
  checkSize("resize", [newHeight, newWidth]);
  if (newHeight === height && newWidth === width) return image;
  const sizes = { channels, height: newHeight, width: newWidth };
  if (interpolation === "nearest") return nearest(image, sizes);
  const tapsOf = antialias ? smoothTaps : plainTaps;
  const across = tapsOf(width, newWidth, interpolation), down = tapsOf(height, newHeight, interpolation);
  const rows = new Float32Array(channels * height * newWidth);
  const { data } = image;
  for (let row = 0; row < channels * height; row++) {
    for (let x = 0; x < newWidth; x++) {
      const start = row * width + across.first[x];
      let sum = 0;
      for (let k = 0; k < across.count[x]; k++) sum += across.weights[x * across.most + k] * data[start + k];
      rows[row * newWidth + x] = sum;
    }
  }
  const out = new Float32Array(channels * newHeight * newWidth);
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < newHeight; y++) {
      const from = (channel * height + down.first[y]) * newWidth, to = (channel * newHeight + y) * newWidth;
      for (let k = 0; k < down.count[y]; k++) {
        const weight = down.weights[y * down.most + k], line = from + k * newWidth;
        for (let x = 0; x < newWidth; x++) out[to + x] += weight * rows[line + x];
      }
    }
  }
  return imageLike(image, sizes, out, "nearest");
}

function nearest<I extends Image>(image: I, sizes: { channels: number; height: number; width: number }): I {
  const [, height, width] = image.shape, out = emptyLike(image, sizes);
  for (let c = 0, at = 0; c < sizes.channels; c++) {
    for (let y = 0; y < sizes.height; y++) {
      const row = (c * height + Math.floor(y * height / sizes.height)) * width;
      for (let x = 0; x < sizes.width; x++) out.data[at++] = image.data[row + Math.floor(x * width / sizes.width)];
    }
  }
  return out;
}

/** Throws unless a size is a whole number from 1 on, or two of them. */
export function checkSize(op: string, size: Size): void {
  const sides: readonly unknown[] = Array.isArray(size) ? size : [size];
  const odd = sides.findIndex((side) => !Number.isSafeInteger(side) || (side as number) < 1);
  if (odd < 0 && sides.length >= 1 && sides.length <= 2) return;
  const [rule, value] = odd < 0 ? [", one or two", size] : ["", sides[odd]];
  throw new RangeError(`Cannot make ${op}: sizes must be whole numbers from 1 on${rule}, got ${show(value)}`);
}
