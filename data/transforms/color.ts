import { ShapeError } from "../../tensor/errors.ts";
import { type HostTensor, hostTensor } from "../../tensor/host.ts";
import { type Image, imageLike, mostOf, sizesOf } from "./_image.ts";

/** An image's values in f32, whatever it is. */
const floats = (image: Image) => new Float32Array(image.data);

/** Throws unless an image is gray or RGB. */
function colorSizes(op: string, image: Image): ReturnType<typeof sizesOf> {
  const sizes = sizesOf(op, image);
  if (sizes.channels === 1 || sizes.channels === 3) return sizes;
  throw new ShapeError(
    op,
    `Cannot change colours in ${op}: the image must have 1 or 3 channels, has ${sizes.channels}`,
    [image.shape],
  );
}

/** factor · image + (1 − factor) · other, within black and white; `other` repeats from channel to channel. */
function blend<I extends Image>(image: I, other: Float32Array, factor: number): I {
  const most = mostOf(image), f = Math.fround, { data } = image, mine = f(factor), rest = f(1 - factor);
  const out = new Float32Array(data.length);
  for (let i = 0, at = 0; i < out.length; i++, at = at + 1 === other.length ? 0 : at + 1) {
    const mixed = f(f(mine * data[i]) + f(rest * other[at]));
    out[i] = mixed < 0 ? 0 : mixed > most ? most : mixed;
  }
  return imageLike(image, sizesOf("blend", image), out, "down");
}

function checkFactor(op: string, factor: number): void {
  if (factor >= 0 && factor < Infinity) return;
  throw new RangeError(`Cannot change colours in ${op}: the factor must be 0 or above, is ${factor}`);
}

/** Luma of each pixel: 0.2989 R + 0.587 G + 0.114 B, in whole numbers where the image has them. */
function luma(image: Image): Float32Array {
  const [channels, height, width] = image.shape, size = height * width, { data } = image, f = Math.fround;
  if (channels === 1) return floats(image);
  const out = new Float32Array(size),
    [red, green, blue] = [f(0.2989), f(0.587), f(0.114)],
    whole = image.dtype === "u8";
  for (let i = 0; i < size; i++) {
    const value = f(f(f(red * data[i]) + f(green * data[size + i])) + f(blue * data[2 * size + i]));
    out[i] = whole ? Math.trunc(value) : value;
  }
  return out;
}

/**
 * A gray image, as torchvision's `rgb_to_grayscale` makes it.
 *
 * @param image RGB, [3, height, width], or gray
 * @param channels How many the result has, all alike: 1 (default) or 3
 * @throws {ShapeError} if the image is neither RGB nor gray
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { grayscaleImage } from "@fulgurite/core/transforms";
 *
 * const red = hostTensor(Uint8Array.of(200, 0, 0), { dtype: "u8", shape: [3, 1, 1] });
 * console.assert(grayscaleImage(red).data[0] === 59);
 * ```
 */
export function grayscaleImage<I extends Image>(image: I, channels: 1 | 3 = 1): I {
  const { height, width } = colorSizes("grayscale", image);
  const gray = luma(image), out = new Float32Array(channels * gray.length);
  for (let c = 0; c < channels; c++) out.set(gray, c * gray.length);
  return imageLike(image, { channels, height, width }, out, "down");
}

/**
 * Makes an image brighter or darker: factor 0 is black, 1 the image itself.
 *
 * @throws {RangeError} if the factor is negative
 * @throws {ShapeError} if the image has not three axes
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { adjustBrightness } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(10, 200), { dtype: "u8", shape: [1, 1, 2] });
 * console.assert(adjustBrightness(image, 2).data.join() === "20,255");
 * ```
 */
export function adjustBrightness<I extends Image>(image: I, factor: number): I {
  checkFactor("adjustBrightness", factor);
  return blend(image, new Float32Array(1), factor);
}

/**
 * Changes an image's contrast: factor 0 is its mean gray, 1 the image itself.
 *
 * @throws {RangeError} if the factor is negative
 * @throws {ShapeError} if the image is neither RGB nor gray
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { adjustContrast } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(10, 30), { dtype: "u8", shape: [1, 1, 2] });
 * console.assert(adjustContrast(image, 0).data.join() === "20,20");
 * ```
 */
export function adjustContrast<I extends Image>(image: I, factor: number): I {
  checkFactor("adjustContrast", factor);
  colorSizes("adjustContrast", image);
  const gray = luma(image), mean = Math.fround(gray.reduce((sum, value) => sum + value, 0) / gray.length);
  return blend(image, Float32Array.of(mean), factor);
}

/**
 * Changes how colourful an image is: factor 0 is gray, 1 the image itself.
 *
 * @throws {RangeError} if the factor is negative
 * @throws {ShapeError} if the image is neither RGB nor gray
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { adjustSaturation } from "@fulgurite/core/transforms";
 *
 * const red = hostTensor(Uint8Array.of(200, 0, 0), { dtype: "u8", shape: [3, 1, 1] });
 * console.assert(adjustSaturation(red, 0).data.join() === "59,59,59");
 * ```
 */
export function adjustSaturation<I extends Image>(image: I, factor: number): I {
  checkFactor("adjustSaturation", factor);
  if (colorSizes("adjustSaturation", image).channels === 1) return image;
  return blend(image, luma(image), factor);
}

/**
 * Turns an image's colours around the circle of hues: by half of it at 0.5 and −0.5.
 *
 * @throws {RangeError} if the factor is not from −0.5 to 0.5
 * @throws {ShapeError} if the image is neither RGB nor gray
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { adjustHue } from "@fulgurite/core/transforms";
 *
 * const red = hostTensor(Float32Array.of(1, 0, 0), { dtype: "f32", shape: [3, 1, 1] });
 * console.assert(adjustHue(red, 0.5).data.join() === "0,1,1"); // cyan
 * ```
 */
export function adjustHue<I extends Image>(image: I, factor: number): I {
  if (!(factor >= -0.5 && factor <= 0.5)) {
    throw new RangeError(`Cannot change colours in adjustHue: the factor must be from -0.5 to 0.5, is ${factor}`);
  }
  const sizes = colorSizes("adjustHue", image);
  if (sizes.channels === 1) return image;
  const size = sizes.height * sizes.width, { data } = image, bytes = image.dtype === "u8", f = Math.fround;
  const out = new Float32Array(3 * size), color = new Float32Array(3), by = f(factor), most = bytes ? 255 : 1;
  // Bytes as torchvision's `convert_image_dtype` makes them: 256 equal parts.
  const scale = bytes ? 256 - 1e-3 : 1;
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) color[c] = data[c * size + i] / most;
    turnHue(color, by);
    for (let c = 0; c < 3; c++) out[c * size + i] = color[c] * scale;
  }
  return imageLike(image, sizes, out, "down");
}

/** Turns a colour's hue in place, by way of hue, saturation and value (Smith, 1978). */
function turnHue(color: Float32Array, by: number): void {
  const f = Math.fround, [r, g, b] = color, most = Math.max(r, g, b), range = f(most - Math.min(r, g, b));
  const saturation = range === 0 ? 0 : f(range / most), divisor = range === 0 ? 1 : range;
  const rc = f(f(most - r) / divisor), gc = f(f(most - g) / divisor), bc = f(f(most - b) / divisor);
  const sector = most === r ? f(bc - gc) : most === g ? f(f(2 + rc) - bc) : f(f(4 + gc) - rc);
  const hue = f(f(sector / 6) + 1) % 1;
  const sixth = f(((f(hue + by) % 1) + 1) % 1 * 6), at = Math.floor(sixth), part = f(sixth - at);
  const within = (value: number) => Math.min(1, Math.max(0, f(most * f(1 - value))));
  const least = within(saturation), between = at % 2 === 0 ? saturation * f(1 - part) : saturation * part;
  // From sixth to sixth one channel is full, one empty, and one goes up or down.
  const [full, empty] = [FULL[at % 6], EMPTY[at % 6]];
  color[full] = most;
  color[empty] = least;
  color[3 - full - empty] = within(f(between));
}

/** The channel that is full, and the one that is empty, in each sixth of the circle. */
const FULL = [0, 1, 1, 2, 2, 0], EMPTY = [2, 2, 0, 0, 1, 1];

/**
 * Bytes as f32 from 0 to 1, as torchvision's `ToTensor` makes them; floats stay as they are.
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { imageToFloat } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Uint8Array.of(0, 255), { dtype: "u8", shape: [1, 1, 2] });
 * console.assert(imageToFloat(image).data.join() === "0,1");
 * ```
 */
export function imageToFloat(image: Image): HostTensor<"f32"> {
  if (image.dtype === "f32") return image;
  const data = new Float32Array(image.data.length);
  for (let i = 0; i < data.length; i++) data[i] = image.data[i] / 255;
  return hostTensor(data, { dtype: "f32", shape: image.shape });
}

/**
 * (value − mean) / std for each channel.
 *
 * @param image [channels, height, width] of floats
 * @param mean One for each channel, or one for all
 * @param std One for each channel, or one for all
 * @throws {RangeError} if there are not as many as channels, or a deviation is 0
 * @throws {ShapeError} if the image has not three axes
 * @throws {TypeError} if the image holds bytes
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { normalizeImage } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(Float32Array.of(0, 1), { dtype: "f32", shape: [2, 1, 1] });
 * console.assert(normalizeImage(image, 0.5, [0.5, 0.25]).data.join() === "-1,2");
 * ```
 */
export function normalizeImage(
  image: Image,
  mean: number | readonly number[],
  std: number | readonly number[],
): HostTensor<"f32"> {
  const { channels, height, width } = sizesOf("normalize", image), f = Math.fround;
  if (image.dtype !== "f32") {
    throw new TypeError(
      `Cannot normalize an image in normalize: it must hold f32, convert it by toTensor, holds ${image.dtype}`,
    );
  }
  const each = (what: string, values: number | readonly number[]) => {
    const list = typeof values === "number" ? new Array<number>(channels).fill(values) : values;
    if (list.length === channels && !(what === "std" && list.includes(0))) return list;
    throw new RangeError(
      `Cannot normalize an image in normalize: ${what} must have one value${
        what === "std" ? ", not 0," : ""
      } for each of ` +
        `${channels} channels, is ${list.join(", ")}`,
    );
  };
  const means = each("mean", mean), deviations = each("std", std), size = height * width;
  const data = new Float32Array(image.data.length);
  for (let i = 0; i < data.length; i++) {
    const c = Math.floor(i / size);
    data[i] = f(image.data[i] - f(means[c])) / f(deviations[c]);
  }
  return hostTensor(data, { dtype: "f32", shape: image.shape });
}
