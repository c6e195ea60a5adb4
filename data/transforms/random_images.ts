import { checkNames, show } from "../../device/option_names.ts";
import type { HostTensor } from "../../tensor/host.ts";
import { checkRange, type Image, sizesOf } from "./_image.ts";
import { affineImage, rotateImage, WARP_NAMES, type WarpOptions } from "./affine.ts";
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation, grayscaleImage } from "./color.ts";
import { checkProbability, type RandomSource, type Transform } from "./compose.ts";
import type { ImageTransform } from "./images.ts";

/** A range, or how far from the middle it goes in both directions. */
export type Range = number | readonly [least: number, most: number];

const between = (random: RandomSource, [least, most]: readonly [number, number]) =>
  least + (most - least) * random.uniform();

const around = (range: Range): readonly [number, number] => typeof range === "number" ? [-range, range] : range;

/** Throws unless a range is a number, or two; one that is not given is none. */
function checkRangeOf(op: string, name: string, range: Range | undefined): void {
  const ends: readonly unknown[] = Array.isArray(range) ? range : [range, range];
  if (range === undefined || (ends.length === 2 && ends.every((end) => typeof end === "number"))) return;
  throw new TypeError(`Cannot make ${op}: ${name} must be a number, or two, got ${show(range)}`);
}

/**
 * Turns images by a random angle, as torchvision's `RandomRotation`.
 *
 * @param degrees From … to; one number d is from −d to d
 * @param options How values between pixels are found, what stands where nothing is; `expand`: makes the image so large
 *   that nothing is cut off (default false)
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { PhiloxStream, randomRotation } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(new Float32Array(28 * 28).fill(1), { dtype: "f32", shape: [1, 28, 28] });
 * const turned = randomRotation(15, { interpolation: "bilinear" })(image, new PhiloxStream(1));
 * console.assert(turned.data[14 * 28 + 14] > 0.99);
 * ```
 */
export function randomRotation(degrees: Range, options: WarpOptions & { expand?: boolean } = {}): ImageTransform {
  checkRangeOf("randomRotation", "degrees", degrees);
  checkNames("make randomRotation", options, { expand: true, ...WARP_NAMES });
  const range = around(degrees);
  return (image, random) => rotateImage(image, between(random, range), options);
}

/** What `randomAffine` changes at random; nothing else is. */
export interface RandomAffineOptions extends WarpOptions {
  /** Degrees by which it is turned. */
  degrees: Range;
  /** The most that it is moved, as a share of width and of height. */
  translate?: readonly [x: number, y: number];
  /** How much larger it becomes, from … to. */
  scale?: readonly [number, number];
  /** Degrees by which the x axis leans, from … to, and the y axis likewise with four numbers. */
  shear?: number | readonly [number, number] | readonly [number, number, number, number];
}

/**
 * Turns, moves, scales and shears images at random, as torchvision's `RandomAffine`.
 *
 * @param options What is changed, and how far
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { PhiloxStream, randomAffine } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(new Uint8Array(28 * 28).fill(9), { dtype: "u8", shape: [1, 28, 28] });
 * const change = randomAffine({ degrees: 10, translate: [0.1, 0.1], scale: [0.9, 1.1] });
 * console.assert(change(image, new PhiloxStream(1)).shape.join() === "1,28,28");
 * ```
 */
export function randomAffine(options: RandomAffineOptions): ImageTransform {
  const names = { degrees: "required", translate: true, scale: true, shear: true, ...WARP_NAMES } as const;
  checkNames("make randomAffine", options, names);
  checkRangeOf("randomAffine", "degrees", options.degrees);
  const { degrees, translate, scale, shear, ...warp } = options;
  if (translate !== undefined) checkRange("randomAffine", "translate", translate, 0, 1);
  if (scale !== undefined) checkRange("randomAffine", "scale", scale, Number.MIN_VALUE, Number.MAX_VALUE);
  const lean = shear === undefined ? null : around(typeof shear === "number" ? shear : [shear[0], shear[1]]);
  const leanY = Array.isArray(shear) && shear.length === 4 ? [shear[2], shear[3]] as const : null;
  return (image, random) => {
    const { height, width } = sizesOf("randomAffine", image), angle = between(random, around(degrees));
    const moved = (most: number, side: number) => Math.round(between(random, [-most * side, most * side]));
    return affineImage(image, {
      ...warp,
      angle,
      translate: translate === undefined ? [0, 0] : [moved(translate[0], width), moved(translate[1], height)],
      scale: scale === undefined ? 1 : between(random, scale),
      shear: [lean === null ? 0 : between(random, lean), leanY === null ? 0 : between(random, leanY)],
    });
  };
}

/** How far `colorJitter` goes: a number f is a factor from max(0, 1 − f) to 1 + f; the hue's is from −f to f. */
export interface ColorJitterOptions {
  /** Factors of brightness. */
  brightness?: Range;
  /** Factors of contrast. */
  contrast?: Range;
  /** Factors of saturation. */
  saturation?: Range;
  /** Parts of the circle of hues, within −0.5 to 0.5. */
  hue?: Range;
}

/**
 * Changes brightness, contrast, saturation and hue at random, in random order, as torchvision's `ColorJitter`.
 *
 * @param options How far; what is not named stays
 * @throws {RangeError} if a factor is negative, or the hue's is not within −0.5 to 0.5
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { colorJitter, PhiloxStream } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(new Uint8Array(3 * 8 * 8).fill(100), { dtype: "u8", shape: [3, 8, 8] });
 * const jittered = colorJitter({ brightness: 0.4, hue: 0.1 })(image, new PhiloxStream(1));
 * console.assert(jittered.data[0] >= 59 && jittered.data[0] <= 140);
 * ```
 */
export function colorJitter(options: ColorJitterOptions): ImageTransform {
  checkNames("make colorJitter", options, { brightness: true, contrast: true, saturation: true, hue: true });
  for (const [name, range] of Object.entries(options)) checkRangeOf("colorJitter", name, range);
  const factors = (what: string, range: Range | undefined) => {
    if (range === undefined) return null;
    const [least, most] = typeof range === "number" ? [Math.max(0, 1 - range), 1 + range] : range;
    checkRange("colorJitter", what, typeof range === "number" ? [range] : range, 0, Number.MAX_VALUE);
    return [least, most] as const;
  };
  const brightness = factors("brightness", options.brightness);
  const contrast = factors("contrast", options.contrast);
  const saturation = factors("saturation", options.saturation);
  const hue = options.hue === undefined ? null : around(options.hue);
  if (hue !== null) checkRange("colorJitter", "hue", hue, -0.5, 0.5);
  return (image, random) => {
    const order = [0, 1, 2, 3];
    for (let i = 3; i > 0; i--) {
      const j = random.below(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    const draw = (range: readonly [number, number] | null) => range === null ? null : between(random, range);
    const by = [draw(brightness), draw(contrast), draw(saturation), draw(hue)];
    const change = [adjustBrightness, adjustContrast, adjustSaturation, adjustHue];
    return order.reduce((made, i) => by[i] === null ? made : change[i](made, by[i]), image);
  };
}

/**
 * Makes images gray with a probability, with as many channels as before.
 *
 * @param probability From 0 to 1 (default 0.1)
 * @throws {RangeError} if it is no probability
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { PhiloxStream, randomGrayscale } from "@fulgurite/core/transforms";
 *
 * const red = hostTensor(Uint8Array.of(200, 0, 0), { dtype: "u8", shape: [3, 1, 1] });
 * console.assert(randomGrayscale(1)(red, new PhiloxStream(0)).data.join() === "59,59,59");
 * ```
 */
export function randomGrayscale(probability: number = 0.1): ImageTransform {
  checkProbability("randomGrayscale", probability);
  return (image, random) =>
    random.uniform() < probability ? grayscaleImage(image, image.shape[0] === 3 ? 3 : 1) : image;
}

/** What `randomErasing` paints over. */
export interface RandomErasingOptions {
  /** The probability that anything is (default 0.5). */
  probability?: number;
  /** The rectangle's share of the image, from … to (default 0.02 to 0.33). */
  scale?: readonly [number, number];
  /** Its height by its width, from … to (default 0.3 to 3.3). */
  ratio?: readonly [number, number];
  /** What is painted: a number (default 0), one for each channel, or `"random"` for normally distributed noise. */
  value?: number | readonly number[] | "random";
}

/**
 * Paints over a random rectangle, as torchvision's `RandomErasing` (Zhong et al., "Random Erasing Data Augmentation",
 * 2017).
 *
 * @param options How often, how large, and with what
 * @throws {RangeError} if a share or the probability is out of range
 * @throws {TypeError} later, if an image holds bytes
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { PhiloxStream, randomErasing } from "@fulgurite/core/transforms";
 *
 * const image = hostTensor(new Float32Array(3 * 16 * 16).fill(1), { dtype: "f32", shape: [3, 16, 16] });
 * console.assert(randomErasing({ probability: 1 })(image, new PhiloxStream(1)).data.includes(0));
 * ```
 */
export function randomErasing(options: RandomErasingOptions = {}): Transform<Image, HostTensor<"f32">> {
  checkNames("make randomErasing", options, { probability: true, scale: true, ratio: true, value: true });
  const { probability = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options;
  checkProbability("randomErasing", probability);
  checkRange("randomErasing", "scale", scale, 0, 1);
  checkRange("randomErasing", "ratio", ratio, Number.MIN_VALUE, Number.MAX_VALUE);
  return (image, random) => {
    const { channels, height, width } = sizesOf("randomErasing", image);
    if (image.dtype !== "f32") {
      throw new TypeError(
        `Cannot paint over in randomErasing: the image must hold f32, convert it by toTensor, holds ${image.dtype}`,
      );
    }
    if (random.uniform() >= probability) return image;
    if (typeof value === "object" && value.length !== channels) {
      throw new RangeError(
        `Cannot paint over in randomErasing: value must have one number for each of ${channels} channels, has ${value.length}`,
      );
    }
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = height * width * between(random, scale);
      const form = Math.exp(between(random, [Math.log(ratio[0]), Math.log(ratio[1])]));
      const rows = Math.round(Math.sqrt(area * form)), columns = Math.round(Math.sqrt(area / form));
      if (rows >= height || columns >= width) continue;
      const top = random.below(height - rows + 1), left = random.below(width - columns + 1);
      const data = image.data.slice();
      for (let c = 0; c < channels; c++) {
        for (let y = top; y < top + rows; y++) {
          for (let x = left; x < left + columns; x++) {
            data[(c * height + y) * width + x] = value === "random"
              ? normal(random)
              : typeof value === "number"
              ? value
              : value[c];
          }
        }
      }
      return { ...image, data };
    }
    return image;
  };
}

/** A number of the standard normal distribution (Box and Muller, 1958). */
function normal(random: RandomSource): number {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
}
