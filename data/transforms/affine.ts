import type { OptionNames } from "../../device/option_names.ts";
import { type Image, imageLike, roundHalfToEven, sizesOf } from "./_image.ts";
import { checkSize } from "./resize.ts";

/** How a turned or sheared image is made. */
export interface WarpOptions {
  /** How values between pixels are found (default `"nearest"`). */
  interpolation?: "nearest" | "bilinear";
  /** What stands where nothing of the image is (default 0). */
  fill?: number;
}

/** The names of {@link WarpOptions}. */
export const WARP_NAMES: OptionNames<WarpOptions> = { interpolation: true, fill: true };

/** A change of an image's plane around its middle; it is not changed where nothing is given. */
export interface AffineOptions extends WarpOptions {
  /** Degrees, clockwise. */
  angle?: number;
  /** Pixels to the right and down. */
  translate?: readonly [x: number, y: number];
  /** How much larger it becomes. */
  scale?: number;
  /** Degrees by which the axes lean. */
  shear?: readonly [x: number, y: number];
}

/** Where a pixel of the result comes from: [x, y] = [[a, b, c], [d, e, f]] · [x, y, 1], from the middles. */
type Matrix = readonly [number, number, number, number, number, number];

const radians = (degrees: number) => degrees * Math.PI / 180;

/** The way back of: turn and shear and scale, then move. As torchvision's `_get_inverse_affine_matrix`. */
function inverseMatrix({ angle = 0, translate = [0, 0], scale = 1, shear = [0, 0] }: AffineOptions): Matrix {
  const turn = radians(angle), sx = radians(shear[0]), sy = radians(shear[1]);
  const a = Math.cos(turn - sy) / Math.cos(sy);
  const b = -Math.cos(turn - sy) * Math.tan(sx) / Math.cos(sy) - Math.sin(turn);
  const c = Math.sin(turn - sy) / Math.cos(sy);
  const d = -Math.sin(turn - sy) * Math.tan(sx) / Math.cos(sy) + Math.cos(turn);
  const [x, y] = translate, [m0, m1, m3, m4] = [d / scale, -b / scale, -c / scale, a / scale];
  return [m0, m1, -m0 * x - m1 * y, m3, m4, -m3 * x - m4 * y];
}

/**
 * The pixels of the result, each from where the matrix says. PyTorch computes places in f32, and halves depend on it.
 */
function warp<I extends Image>(
  image: I,
  matrix: Matrix,
  size: { height: number; width: number },
  { interpolation = "nearest", fill = 0 }: WarpOptions,
): I {
  const { channels, height, width } = sizesOf("affine", image), f = Math.fround;
  const [a, b, c] = matrix.slice(0, 3).map((value) => f(f(value) / f(0.5 * width)));
  const [d, e, g] = matrix.slice(3).map((value) => f(f(value) / f(0.5 * height)));
  const out = new Float32Array(channels * size.height * size.width), plane = height * width;
  const outPlane = size.height * size.width, { data } = image;
  const place = (x: number, y: number, p: number, q: number, r: number, side: number) => {
    const at = f(f(f(x * p) + f(y * q)) + r); // from −1 to 1, as a grid for sampling has it
    return f(f(f(f(at + 1) * side) - 1) / 2);
  };
  for (let v = 0; v < size.height; v++) {
    for (let u = 0; u < size.width; u++) {
      const x0 = u + 0.5 - size.width / 2, y0 = v + 0.5 - size.height / 2, to = v * size.width + u;
      const x = place(x0, y0, a, b, c, width), y = place(x0, y0, d, e, g, height);
      if (interpolation === "nearest") {
        const column = roundHalfToEven(x), row = roundHalfToEven(y);
        const inside = column >= 0 && column < width && row >= 0 && row < height;
        for (let k = 0; k < channels; k++) {
          out[k * outPlane + to] = inside ? data[k * plane + row * width + column] : fill;
        }
        continue;
      }
      const left = Math.floor(x), top = Math.floor(y), across = x - left, down = y - top;
      let covered = 0;
      for (let corner = 0; corner < 4; corner++) {
        const column = left + (corner & 1), row = top + (corner >> 1);
        if (column < 0 || column >= width || row < 0 || row >= height) continue;
        const weight = (corner & 1 ? across : 1 - across) * (corner >> 1 ? down : 1 - down);
        covered += weight;
        for (let k = 0; k < channels; k++) out[k * outPlane + to] += weight * data[k * plane + row * width + column];
      }
      // As torchvision blends: what is covered counts once more.
      if (fill === 0) continue;
      for (let k = 0; k < channels; k++) {
        out[k * outPlane + to] = out[k * outPlane + to] * covered + (1 - covered) * fill;
      }
    }
  }
  return imageLike(image, { channels, ...size }, out, "nearest");
}

/**
 * Turns, moves, scales and shears an image around its middle, as torchvision's `affine` does with tensors.
 *
 * @param image [channels, height, width]
 * @param options The change, how values between pixels are found, and what stands where nothing is
 * @returns An image of the same size
 * @throws {ShapeError} if the image has not three axes
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { affineImage } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(1, 2, 3), { dtype: "u8", shape: [1, 1, 3] });
 * console.assert(affineImage(image, { translate: [1, 0] }).data.join() === "0,1,2");
 * ```
 */
export function affineImage<I extends Image>(image: I, options: AffineOptions): I {
  const { height, width } = sizesOf("affine", image);
  return warp(image, inverseMatrix(options), { height, width }, options);
}

/**
 * Turns an image around its middle, counter-clockwise, as torchvision's `rotate` does with tensors.
 *
 * @param image [channels, height, width]
 * @param angle Degrees
 * @param options How values between pixels are found, what stands where nothing is; `expand`: makes the image so large
 *   that nothing is cut off (default false)
 * @throws {ShapeError} if the image has not three axes
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { rotateImage } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(1, 2, 3, 4), { dtype: "u8", shape: [1, 2, 2] });
 * console.assert(rotateImage(image, 90).data.join() === "2,4,1,3");
 * ```
 */
export function rotateImage<I extends Image>(
  image: I,
  angle: number,
  options: WarpOptions & { expand?: boolean } = {},
): I {
  const { height, width } = sizesOf("rotate", image), matrix = inverseMatrix({ angle: -angle });
  return warp(image, matrix, options.expand ? expanded(matrix, height, width) : { height, width }, options);
}

/** The size that holds the whole turned image; corners that miss a pixel by less than a ten thousandth do not count. */
function expanded([a, b, , d, e]: Matrix, height: number, width: number): { height: number; width: number } {
  const side = (p: number, q: number, middle: number) => {
    const ends = [-1, 1].flatMap((x) => [-1, 1].map((y) => (x * p * width + y * q * height) / 2 + middle));
    const whole = (value: number) => Math.trunc(value / 1e-4) * 1e-4;
    return Math.ceil(whole(Math.max(...ends))) - Math.floor(whole(Math.min(...ends)));
  };
  const size = { height: side(d, e, height / 2), width: side(a, b, width / 2) };
  checkSize("rotate", [size.height, size.width]);
  return size;
}
