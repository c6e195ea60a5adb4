/** Convolutions. */
export {
  conv1d,
  type Conv1dOptions,
  conv2d,
  type Conv2dOptions,
  conv3d,
  type Conv3dOptions,
  type ConvOptions,
  type ConvPadding,
} from "./convolution.ts";
export {
  convTranspose1d,
  type ConvTranspose1dOptions,
  convTranspose2d,
  type ConvTranspose2dOptions,
  convTranspose3d,
  type ConvTranspose3dOptions,
  type ConvTransposeOptions,
} from "./conv_transpose.ts";
export type { Pair, Triplet } from "./_geometry.ts";
