import { ShapeError, showShape, showShapes } from "../../tensor/errors.ts";
import { numel, type Shape } from "../../tensor/shape.ts";

/** A number for both axes, or one for height and one for width. */
export type Pair = number | readonly [number, number];

/** Everything about a convolution over images [n, channels, height, width]. */
export interface Geometry {
  readonly n: number;
  /** Channels of the image and of the result. */
  readonly inChannels: number;
  readonly outChannels: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly dilationY: number;
  readonly dilationX: number;
  /** Zeros in front; what lies behind follows from the sizes. */
  readonly padTop: number;
  readonly padLeft: number;
  readonly groups: number;
}

/** Shape of the image. */
export function imageShape(g: Geometry): Shape {
  return [g.n, g.inChannels, g.height, g.width];
}

/** Shape of the kernel. */
export function kernelShape(g: Geometry): Shape {
  return [g.outChannels, g.inChannels / g.groups, g.kernelHeight, g.kernelWidth];
}

/** Shape of the result. */
export function resultShape(g: Geometry): Shape {
  return [g.n, g.outChannels, g.outHeight, g.outWidth];
}

/** Multiplications and additions of a convolution, and of each of its gradients. */
export function convFlops(g: Geometry): number {
  return 2 * numel(resultShape(g)) * (g.inChannels / g.groups) * g.kernelHeight * g.kernelWidth;
}

/** Both numbers of an option. */
export function pair(
  op: string,
  name: string,
  value: Pair | undefined,
  fallback: number,
  least: number,
): [number, number] {
  const [y, x] = value === undefined ? [fallback, fallback] : typeof value === "number" ? [value, value] : value;
  for (const number of [y, x]) {
    if (!Number.isInteger(number) || number < least) {
      throw new RangeError(
        `Cannot convolve in ${op}: ${name} must be a whole number from ${least} on, got ${
          typeof value === "object" ? showShape(value) : value
        }`,
      );
    }
  }
  return [y, x];
}

/** Zeros in front and behind along one axis. */
export type Padding = readonly [before: number, after: number];

/** Zeros around for `"same"`: as many as keep the size, the odd one behind. */
export function samePadding(kernel: number, dilation: number): Padding {
  const all = dilation * (kernel - 1);
  return [Math.floor(all / 2), all - Math.floor(all / 2)];
}

/** Size of the result along one axis. */
export function outSize(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  [before, after]: Padding,
): number {
  return Math.floor((size + before + after - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** Throws unless channels and groups of an image and a kernel [out, in / groups, …] fit together. */
export function checkChannels(op: string, image: Shape, kernel: Shape, channels: number, groups: number): void {
  const bad = (rule: string) =>
    new ShapeError(op, `Cannot convolve in ${op}: ${rule}, current shapes are ${showShapes([image, kernel])}`, [
      image,
      kernel,
    ]);
  if (!Number.isInteger(groups) || groups < 1) {
    throw new RangeError(`Cannot convolve in ${op}: groups must be a whole number from 1 on, got ${groups}`);
  }
  if (channels % groups !== 0) throw bad(`the input's ${channels} channels must be a multiple of groups ${groups}`);
  if (kernel[0] % groups !== 0) throw bad(`the weight's first size must be a multiple of groups ${groups}`);
}
