import { checkNames, show } from "../../device/option_names.ts";
import type { HostTensor } from "../../tensor/host.ts";
import { checkRange, type Image, sizesOf } from "./_image.ts";
import { imageToFloat, normalizeImage } from "./color.ts";
import { checkProbability, type OptionalRandom, type RandomSource, type Transform } from "./compose.ts";
import {
  centerCropImage,
  cropImage,
  flipImage,
  flipImageVertically,
  PAD_NAMES,
  type Padding,
  padImage,
  type PadOptions,
} from "./crop.ts";
import { checkSize, RESIZE_NAMES, resizeImage, type ResizeOptions, type Size } from "./resize.ts";

/**
 * A change that leaves an image's element type as it is.
 *
 * @typeParam R Its random numbers
 */
export type ImageTransform<R = RandomSource> = Transform<Image, Image, R>;

const pairOf = (size: number | readonly [number, number]): readonly [number, number] =>
  typeof size === "number" ? [size, size] : size;

/** A number between two. */
const between = (random: RandomSource, least: number, most: number) => least + (most - least) * random.uniform();

/**
 * Bytes to f32 from 0 to 1.
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { toTensor } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(0, 255), { dtype: "u8", shape: [1, 1, 2] });
 * console.assert(toTensor()(image).data[1] === 1);
 * ```
 */
export function toTensor(): Transform<Image, HostTensor<"f32">, OptionalRandom> {
  return (image) => imageToFloat(image);
}

/**
 * (value − mean) / std for each channel.
 *
 * @param mean One for each channel, or one for all
 * @param std One for each channel, or one for all
 *
 * @example
 * ```ts
 * import { compose, normalize, toTensor } from "@fulgurite/core/transforms";
 *
 * const prepare = compose(toTensor(), normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]));
 * ```
 */
export function normalize(
  mean: number | readonly number[],
  std: number | readonly number[],
): Transform<Image, HostTensor<"f32">, OptionalRandom> {
  for (const [name, value] of Object.entries({ mean, std })) {
    const each: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (each.length === 0 || !each.every((one) => typeof one === "number")) {
      throw new TypeError(
        `Cannot make normalize: ${name} must be a number, or one for each channel, got ${show(value)}`,
      );
    }
    if (name === "std" && each.includes(0)) {
      throw new RangeError(`Cannot make normalize: std must not be 0, got ${show(value)}`);
    }
  }
  return (image) => normalizeImage(image, mean, std);
}

/**
 * Resizes every image, see {@link resizeImage}.
 *
 * @param size [height, width], or the shorter side
 * @param options How values between pixels are found, whether it is smoothed, and the most of the longer side
 *
 * @example
 * ```ts
 * import { centerCrop, compose, resize } from "@fulgurite/core/transforms";
 *
 * const prepare = compose(resize(256), centerCrop(224));
 * ```
 */
export function resize(size: Size, options: ResizeOptions = {}): ImageTransform<OptionalRandom> {
  checkSize("resize", size);
  checkNames("make resize", options, RESIZE_NAMES);
  return (image) => resizeImage(image, size, options);
}

/**
 * Cuts out the middle, see {@link centerCropImage}.
 *
 * @param size [height, width], or one number for both
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { centerCrop } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(1, 2, 3), { dtype: "u8", shape: [1, 1, 3] });
 * console.assert(centerCrop(1)(image).data[0] === 2);
 * ```
 */
export function centerCrop(size: number | readonly [number, number]): ImageTransform<OptionalRandom> {
  checkSize("centerCrop", size);
  return (image) => centerCropImage(image, size);
}

/**
 * Cuts out a part at a random place, as torchvision's `RandomCrop`.
 *
 * @param size [height, width], or one number for both
 * @param options `padding`: pixels put around first; `padIfNeeded`: whether smaller images are padded to the size
 *   (default false); what stands there
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { PhiloxStream, randomCrop } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(new Uint8Array(3 * 32 * 32), { dtype: "u8", shape: [3, 32, 32] });
 * console.assert(randomCrop(32, { padding: 4 })(image, new PhiloxStream(1)).shape.join() === "3,32,32");
 * ```
 */
export function randomCrop(
  size: number | readonly [number, number],
  options: PadOptions & { padding?: Padding; padIfNeeded?: boolean } = {},
): ImageTransform {
  checkSize("randomCrop", size);
  checkNames("make randomCrop", options, { padding: true, padIfNeeded: true, ...PAD_NAMES });
  const [height, width] = pairOf(size), { padding, padIfNeeded = false } = options;
  return (image, random) => {
    let padded = padding === undefined ? image : padImage(image, padding, options);
    const { width: columns, height: rows } = sizesOf("randomCrop", padded);
    if (padIfNeeded && columns < width) padded = padImage(padded, [width - columns, 0], options);
    if (padIfNeeded && rows < height) padded = padImage(padded, [0, height - rows], options);
    const { height: h, width: w } = sizesOf("randomCrop", padded);
    if (h < height || w < width) {
      throw new RangeError(
        `Cannot cut out a part in randomCrop: the image must be at least ${height} × ${width}, is ${h} × ${w}; ` +
          "padIfNeeded pads smaller ones",
      );
    }
    return cropImage(padded, random.below(h - height + 1), random.below(w - width + 1), height, width);
  };
}

/**
 * Cuts out a part of random size and form and resizes it, as torchvision's `RandomResizedCrop`.
 *
 * @param size [height, width], or one number for both
 * @param options `scale`: the part's share of the image, from … to (default 0.08 to 1); `ratio`: width by height, from
 *   … to (default 3/4 to 4/3); how it is resized
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { PhiloxStream, randomResizedCrop } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(new Uint8Array(3 * 40 * 60), { dtype: "u8", shape: [3, 40, 60] });
 * console.assert(randomResizedCrop(24)(image, new PhiloxStream(1)).shape.join() === "3,24,24");
 * ```
 */
export function randomResizedCrop(
  size: number | readonly [number, number],
  options: ResizeOptions & { scale?: readonly [number, number]; ratio?: readonly [number, number] } = {},
): ImageTransform {
  checkSize("randomResizedCrop", size);
  checkNames("make randomResizedCrop", options, { scale: true, ratio: true, ...RESIZE_NAMES });
  const target = pairOf(size), { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], ...how } = options;
  checkRange("randomResizedCrop", "scale", scale, 0, 1);
  checkRange("randomResizedCrop", "ratio", ratio, Number.MIN_VALUE, Number.MAX_VALUE);
  return (image, random) => {
    const { height: rows, width: columns } = sizesOf("randomResizedCrop", image);
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = rows * columns * between(random, scale[0], scale[1]);
      const form = Math.exp(between(random, Math.log(ratio[0]), Math.log(ratio[1])));
      const width = Math.round(Math.sqrt(area * form)), height = Math.round(Math.sqrt(area / form));
      if (width < 1 || width > columns || height < 1 || height > rows) continue;
      const part = cropImage(image, random.below(rows - height + 1), random.below(columns - width + 1), height, width);
      return resizeImage(part, target, how);
    }
    // The largest part in the middle whose form is allowed.
    const form = Math.min(Math.max(columns / rows, ratio[0]), ratio[1]);
    const width = Math.min(columns, Math.round(rows * form)), height = Math.min(rows, Math.round(columns / form));
    return resizeImage(centerCropImage(image, [height, width]), target, how);
  };
}

/**
 * Turns images round from left to right with a probability.
 *
 * @param probability From 0 to 1 (default 0.5)
 * @throws {RangeError} if it is no probability
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { PhiloxStream, randomHorizontalFlip } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(1, 2), { dtype: "u8", shape: [1, 1, 2] });
 * console.assert(randomHorizontalFlip(1)(image, new PhiloxStream(0)).data.join() === "2,1");
 * ```
 */
export function randomHorizontalFlip(probability: number = 0.5): ImageTransform {
  checkProbability("randomHorizontalFlip", probability);
  return (image, random) => random.uniform() < probability ? flipImage(image) : image;
}

/**
 * Turns images upside down with a probability.
 *
 * @param probability From 0 to 1 (default 0.5)
 * @throws {RangeError} if it is no probability
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { PhiloxStream, randomVerticalFlip } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(1, 2), { dtype: "u8", shape: [1, 2, 1] });
 * console.assert(randomVerticalFlip(1)(image, new PhiloxStream(0)).data.join() === "2,1");
 * ```
 */
export function randomVerticalFlip(probability: number = 0.5): ImageTransform {
  checkProbability("randomVerticalFlip", probability);
  return (image, random) => random.uniform() < probability ? flipImageVertically(image) : image;
}
