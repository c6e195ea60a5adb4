import { ShapeError } from "../../tensor/errors.ts";
import { type HostTensor, hostTensor } from "../../tensor/host.ts";
import { type Image, imageLike, mostOf, sizesOf } from "./_image.ts";

/** An image's values in f32, whatever it is. */
const floats = (image: Image) => Float32Array.from(image.data);

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

/** factor · image + (1 − factor) · other, within black and white. */
function blend<I extends Image>(image: I, other: (i: number) => number, factor: number): I {
  const most = mostOf(image), f = Math.fround, sizes = sizesOf("blend", image);
  const out = Float32Array.from(image.data, (value, i) => {
    const mixed = f(f(f(factor) * value) + f(f(1 - factor) * other(i)));
    return mixed < 0 ? 0 : mixed > most ? most : mixed;
  });
  return imageLike(image, sizes, out, "down");
}

function checkFactor(op: string, factor: number): void {
  if (factor >= 0 && factor < Infinity) return;
  throw new RangeError(`Cannot change colours in ${op}: the factor must be 0 or above, is ${factor}`);
}

/** Luma of each pixel: 0.2989 R + 0.587 G + 0.114 B, in whole numbers where the image has them. */
function luma(image: Image): Float32Array {
  const [channels, height, width] = image.shape, size = height * width, { data } = image, f = Math.fround;
  if (channels === 1) return floats(image);
  return Float32Array.from({ length: size }, (_, i) => {
    const value = f(f(f(f(0.2989) * data[i]) + f(f(0.587) * data[size + i])) + f(f(0.114) * data[2 * size + i]));
    return image.dtype === "u8" ? Math.trunc(value) : value;
  });
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
  return blend(image, () => 0, factor);
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
  return blend(image, () => mean, factor);
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
  const gray = luma(image);
  return blend(image, (i) => gray[i % gray.length], factor);
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
  const size = sizes.height * sizes.width, bytes = image.dtype === "u8", out = new Float32Array(3 * size);
  const f = Math.fround, share = (value: number) => bytes ? f(value / 255) : value;
  const channel = (i: number, c: number) => share(image.data[c * size + i]);
  for (let i = 0; i < size; i++) {
    const rgb = turned(channel(i, 0), channel(i, 1), channel(i, 2), f(factor));
    // Bytes as torchvision's `convert_image_dtype` makes them: 256 equal parts.
    for (let c = 0; c < 3; c++) out[c * size + i] = bytes ? rgb[c] * (256 - 1e-3) : rgb[c];
  }
  return imageLike(image, sizes, out, "down");
}

/** A colour with its hue turned, by way of hue, saturation and value (Smith, 1978). */
function turned(r: number, g: number, b: number, by: number): readonly [number, number, number] {
  const f = Math.fround, most = Math.max(r, g, b), least = Math.min(r, g, b), range = f(most - least);
  const saturation = range === 0 ? 0 : f(range / most), divisor = range === 0 ? 1 : range;
  const [rc, gc, bc] = [r, g, b].map((value) => f(f(most - value) / divisor));
  const sector = most === r ? f(bc - gc) : most === g ? f(f(2 + rc) - bc) : f(f(4 + gc) - rc);
  const hue = f(f(sector / 6) + 1) % 1;
  const sixth = f(((f(hue + by) % 1) + 1) % 1 * 6), at = Math.floor(sixth), part = f(sixth - at);
  const within = (value: number) => Math.min(1, Math.max(0, f(most * f(1 - value))));
  const p = within(saturation), q = within(f(saturation * part)), t = within(f(saturation * f(1 - part)));
  const orders: readonly (readonly [number, number, number])[] = [
    [most, t, p],
    [q, most, p],
    [p, most, t],
    [p, q, most],
    [t, p, most],
    [most, p, q],
  ];
  return orders[at % 6];
}

/**
 * Bytes as f32 from 0 to 1, as torchvision's `ToTensor` makes them; floats stay as they are.
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { imageToFloat } from "@fulgurite/core/transforms";
 *
 * console.assert(imageToFloat(hostTensor(Uint8Array.of(0, 255), { dtype: "u8", shape: [1, 1, 2] })).data.join() === "0,1");
 * ```
 */
export function imageToFloat(image: Image): HostTensor<"f32"> {
  if (image.dtype === "f32") return image;
  return hostTensor(Float32Array.from(image.data, (value) => value / 255), { dtype: "f32", shape: image.shape });
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
