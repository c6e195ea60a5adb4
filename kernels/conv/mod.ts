/** Convolutions. */
export { conv1d, type Conv1dOptions, conv2d, type Conv2dOptions, type ConvPadding } from "./conv2d.ts";
export {
  convTranspose1d,
  type ConvTranspose1dOptions,
  convTranspose2d,
  type ConvTranspose2dOptions,
} from "./conv_transpose.ts";
export type { Pair } from "./_geometry.ts";
