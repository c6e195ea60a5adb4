import { checkNames } from "../device/option_names.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { permute } from "../kernels/layout/views.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";

function checkFactor(op: string, what: string, factor: number): void {
  if (Number.isInteger(factor) && factor >= 1) return;
  throw new RangeError(`Cannot shuffle in ${op}: ${what} must be a whole number from 1 on, got ${factor}`);
}

function bad(op: string, rule: string, x: Tensor): ShapeError {
  return new ShapeError(op, `Cannot shuffle in ${op}: ${rule}, current shape is ${showShape(x.shape)}`, [x.shape]);
}

/** How much larger {@link pixelShuffle} makes images. */
export interface PixelShuffleOptions {
  /** Factor of height and width. */
  upscaleFactor: number;
}

/** How much smaller {@link pixelUnshuffle} makes images. */
export interface PixelUnshuffleOptions {
  /** Divisor of height and width. */
  downscaleFactor: number;
}

/**
 * Turns channels into pixels: y[c, i·r + u, j·r + v] = x[c·r² + u·r + v, i, j] (Shi et al., 2016).
 *
 * @param x Shape [..., c·r², height, width]
 * @param options The factor r
 * @returns Shape [..., c, height·r, width·r]
 * @throws {ShapeError} If there are less than three axes, or channels are no multiple of r²
 * @throws {RangeError} If the factor is no whole number from 1 on
 *
 * @example
 * ```ts
 * import { init, ones, pixelShuffle } from "@fulgurite/core";
 *
 * await init();
 * console.log(pixelShuffle(ones([1, 8, 3, 4]), { upscaleFactor: 2 }).shape); // [1, 2, 6, 8]
 * ```
 */
export function pixelShuffle(x: Tensor, options: PixelShuffleOptions): Tensor {
  checkNames("compute pixelShuffle", options, { upscaleFactor: "required" });
  const { upscaleFactor: r } = options;
  checkFactor("pixelShuffle", "upscaleFactor", r);
  if (x.ndim < 3) throw bad("pixelShuffle", "there must be at least 3 axes", x);
  const lead = x.shape.slice(0, -3), [channels, height, width] = x.shape.slice(-3), n = lead.length;
  if (channels % (r * r) !== 0) throw bad("pixelShuffle", `channels must be a multiple of ${r}²`, x);
  const parts = reshape(x, [...lead, channels / (r * r), r, r, height, width]);
  const order = [...lead.keys(), n, n + 3, n + 1, n + 4, n + 2];
  return reshape(permute(parts, order), [...lead, channels / (r * r), height * r, width * r]);
}

/**
 * Turns pixels into channels, the inverse of {@link pixelShuffle}: y[c·r² + u·r + v, i, j] = x[c, i·r + u, j·r + v].
 *
 * @param x Shape [..., c, height·r, width·r]
 * @param options The divisor r
 * @returns Shape [..., c·r², height, width]
 * @throws {ShapeError} If there are less than three axes, or height or width is no multiple of r
 * @throws {RangeError} If the divisor is no whole number from 1 on
 *
 * @example
 * ```ts
 * import { init, ones, pixelUnshuffle } from "@fulgurite/core";
 *
 * await init();
 * console.log(pixelUnshuffle(ones([1, 2, 6, 8]), { downscaleFactor: 2 }).shape); // [1, 8, 3, 4]
 * ```
 */
export function pixelUnshuffle(x: Tensor, options: PixelUnshuffleOptions): Tensor {
  checkNames("compute pixelUnshuffle", options, { downscaleFactor: "required" });
  const { downscaleFactor: r } = options;
  checkFactor("pixelUnshuffle", "downscaleFactor", r);
  if (x.ndim < 3) throw bad("pixelUnshuffle", "there must be at least 3 axes", x);
  const lead = x.shape.slice(0, -3), [channels, height, width] = x.shape.slice(-3), n = lead.length;
  if (height % r !== 0 || width % r !== 0) {
    throw bad("pixelUnshuffle", `height and width must be multiples of ${r}`, x);
  }
  const parts = reshape(x, [...lead, channels, height / r, r, width / r, r]);
  const order = [...lead.keys(), n, n + 2, n + 4, n + 1, n + 3];
  return reshape(permute(parts, order), [...lead, channels * r * r, height / r, width / r]);
}
