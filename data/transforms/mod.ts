/**
 * Transforms of images and text on the host, in plain typed arrays: for data sets, also in workers. Nothing here loads
 * a device.
 *
 * @module
 */
export type { Image } from "./_image.ts";
export { PhiloxStream } from "../../tensor/philox.ts";
export type { HostArrays, HostDType, HostTensor } from "../../tensor/host.ts";
export type { F16Array } from "../../tensor/half.ts";
export { affineImage, type AffineOptions, rotateImage, type WarpOptions } from "./affine.ts";
export {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  grayscaleImage,
  imageToFloat,
  normalizeImage,
} from "./color.ts";
export { compose, type OptionalRandom, randomApply, type RandomSource, type Transform } from "./compose.ts";
export {
  centerCropImage,
  cropImage,
  flipImage,
  flipImageVertically,
  type Padding,
  type PaddingMode,
  padImage,
  type PadOptions,
} from "./crop.ts";
export {
  centerCrop,
  type ImageTransform,
  normalize,
  randomCrop,
  randomHorizontalFlip,
  randomResizedCrop,
  randomVerticalFlip,
  resize,
  toTensor,
} from "./images.ts";
export {
  colorJitter,
  type ColorJitterOptions,
  randomAffine,
  type RandomAffineOptions,
  randomErasing,
  type RandomErasingOptions,
  randomGrayscale,
  randomRotation,
  type Range,
} from "./random_images.ts";
export { type Interpolation, resizeImage, type ResizeOptions, type Size } from "./resize.ts";
export {
  bytesToText,
  byteTokens,
  characterTokens,
  padSequences,
  type PadSequencesOptions,
  Vocabulary,
  type VocabularyOptions,
  wordTokens,
} from "./text.ts";
