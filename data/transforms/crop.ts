import type { OptionNames } from "../../device/option_names.ts";
import { emptyLike, type Image, sizesOf } from "./_image.ts";
import { checkSize } from "./resize.ts";

/**
 * What stands beyond an image's edge: a value, the edge's own pixels, or the image mirrored without or with the edge.
 */
export type PaddingMode = "constant" | "edge" | "reflect" | "symmetric";

/** Pixels at the left, top, right and bottom; two numbers are left and right, top and bottom; one is all four. */
export type Padding = number | readonly [number, number] | readonly [number, number, number, number];

/** How an image is padded. */
export interface PadOptions {
  /** What stands there (default `"constant"`). */
  paddingMode?: PaddingMode;
  /** The value of `"constant"` (default 0). */
  fill?: number;
}

/** The names of {@link PadOptions}. */
export const PAD_NAMES: OptionNames<PadOptions> = { paddingMode: true, fill: true };

/** Where a place beyond the edge gets its pixel from, or −1 where it is filled. */
function sourceOf(at: number, size: number, mode: PaddingMode): number {
  if (at >= 0 && at < size) return at;
  if (mode === "constant") return -1;
  if (mode === "edge") return at < 0 ? 0 : size - 1;
  if (mode === "reflect") return at < 0 ? -at : 2 * (size - 1) - at;
  return at < 0 ? -at - 1 : 2 * size - 1 - at;
}

/**
 * Pads an image, as torchvision's `pad` does.
 *
 * @param image [channels, height, width]
 * @param padding Pixels on each side; negative ones cut
 * @param options What stands there
 * @throws {RangeError} if a mirror would be larger than the image, or nothing is left
 * @throws {ShapeError} if the image has not three axes
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { padImage } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(1, 2), { dtype: "u8", shape: [1, 1, 2] });
 * console.assert(padImage(image, [1, 0], { paddingMode: "edge" }).data.join() === "1,1,2,2");
 * ```
 */
export function padImage<I extends Image>(image: I, padding: Padding, options: PadOptions = {}): I {
  const { paddingMode = "constant", fill = 0 } = options;
  const { channels, height, width } = sizesOf("pad", image);
  const [left, top, right, bottom] = typeof padding === "number"
    ? [padding, padding, padding, padding]
    : padding.length === 2
    ? [padding[0], padding[1], padding[0], padding[1]]
    : padding;
  const mirror = paddingMode === "reflect" ? 1 : 0;
  if (paddingMode === "reflect" || paddingMode === "symmetric") {
    if (Math.max(left, right) > width - mirror || Math.max(top, bottom) > height - mirror) {
      throw new RangeError(
        `Cannot pad an image in pad: a mirror must be within the image's ${height} × ${width}, padding is ` +
          [left, top, right, bottom].join(", "),
      );
    }
  }
  const sizes = { channels, height: height + top + bottom, width: width + left + right };
  checkSize("pad", [sizes.height, sizes.width]);
  const out = emptyLike(image, sizes),
    across = Int32Array.from(
      { length: sizes.width },
      (_, x) => sourceOf(x - left, width, paddingMode),
    );
  for (let c = 0, at = 0; c < channels; c++) {
    for (let y = 0; y < sizes.height; y++) {
      const from = sourceOf(y - top, height, paddingMode), row = (c * height + from) * width;
      for (let x = 0; x < sizes.width; x++, at++) {
        out.data[at] = from < 0 || across[x] < 0 ? fill : image.data[row + across[x]];
      }
    }
  }
  return out;
}

/**
 * A part of an image; what lies beyond its edge is 0.
 *
 * @param image [channels, height, width]
 * @param top The first row
 * @param left The first column
 * @param height How many rows
 * @param width How many columns
 * @throws {RangeError} if a size is no whole number from 1 on
 * @throws {ShapeError} if the image has not three axes
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { cropImage } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(1, 2, 3, 4), { dtype: "u8", shape: [1, 2, 2] });
 * console.assert(cropImage(image, 1, 0, 1, 2).data.join() === "3,4");
 * ```
 */
export function cropImage<I extends Image>(image: I, top: number, left: number, height: number, width: number): I {
  const { height: rows, width: columns } = sizesOf("crop", image);
  checkSize("crop", [height, width]);
  return padImage(image, [-left, -top, left + width - columns, top + height - rows]);
}

/**
 * The middle of an image, padded with 0 where it is smaller, as torchvision's `center_crop` does.
 *
 * @param image [channels, height, width]
 * @param size [height, width], or one number for both
 * @throws {RangeError} if a size is no whole number from 1 on
 * @throws {ShapeError} if the image has not three axes
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { centerCropImage } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(1, 2, 3), { dtype: "u8", shape: [1, 1, 3] });
 * console.assert(centerCropImage(image, 1).data[0] === 2);
 * ```
 */
export function centerCropImage<I extends Image>(image: I, size: number | readonly [number, number]): I {
  const [height, width] = typeof size === "number" ? [size, size] : size;
  const { height: rows, width: columns } = sizesOf("centerCrop", image);
  checkSize("centerCrop", [height, width]);
  const missingRows = Math.max(0, height - rows), missingColumns = Math.max(0, width - columns);
  const before = (missing: number) => Math.floor(missing / 2),
    after = (missing: number) => Math.floor((missing + 1) / 2);
  const padded = missingRows + missingColumns === 0 ? image : padImage(image, [
    before(missingColumns),
    before(missingRows),
    after(missingColumns),
    after(missingRows),
  ]);
  const { height: h, width: w } = sizesOf("centerCrop", padded);
  return cropImage(padded, halfToEven(h - height), halfToEven(w - width), height, width);
}

/** Half of a number, rounded as Python's `round` does. */
function halfToEven(twice: number): number {
  const half = Math.floor(twice / 2);
  return twice % 2 === 1 && half % 2 === 1 ? half + 1 : half;
}

/**
 * An image turned round from left to right.
 *
 * @param image [channels, height, width]
 * @throws {ShapeError} if it has not three axes
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { flipImage } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(1, 2, 3), { dtype: "u8", shape: [1, 1, 3] });
 * console.assert(flipImage(image).data.join() === "3,2,1");
 * ```
 */
export function flipImage<I extends Image>(image: I): I {
  const sizes = sizesOf("flip", image), { channels, height, width } = sizes, out = emptyLike(image, sizes);
  for (let row = 0; row < channels * height; row++) {
    for (let x = 0; x < width; x++) out.data[row * width + x] = image.data[row * width + width - 1 - x];
  }
  return out;
}

/**
 * An image upside down.
 *
 * @param image [channels, height, width]
 * @throws {ShapeError} if it has not three axes
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { flipImageVertically } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(1, 2), { dtype: "u8", shape: [1, 2, 1] });
 * console.assert(flipImageVertically(image).data.join() === "2,1");
 * ```
 */
export function flipImageVertically<I extends Image>(image: I): I {
  const sizes = sizesOf("flip", image), { channels, height, width } = sizes, out = emptyLike(image, sizes);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const from = (c * height + height - 1 - y) * width;
      out.data.set(image.data.subarray(from, from + width), (c * height + y) * width);
    }
  }
  return out;
}
