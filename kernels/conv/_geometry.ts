import { ShapeError, showShape, showShapes } from "../../tensor/errors.ts";
import { numel, type Shape } from "../../tensor/shape.ts";

/** A number for both axes, or one for height and one for width. */
export type Pair = number | readonly [number, number];

/** A number for all three axes, or one each for depth, height and width. */
export type Triplet = number | readonly [number, number, number];

/** One number each for depth, height and width; signals have depth and height 1, images depth 1. */
export type Volume = readonly [depth: number, height: number, width: number];

/** Everything about a convolution over images [n, channels, depth, height, width]. */
export interface Geometry {
  /** How many of the three axes tensors have: the last ones. */
  readonly axes: 1 | 2 | 3;
  readonly n: number;
  /** Channels of the image and of the result. */
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  /** Sizes of the image, of the result and of the kernel. */
  readonly size: Volume;
  readonly out: Volume;
  readonly kernel: Volume;
  readonly stride: Volume;
  readonly dilation: Volume;
  /** Zeros in front; what lies behind follows from the sizes. */
  readonly before: Volume;
}

/** The sizes of a volume as the axes that tensors have. */
function own(g: Geometry, volume: Volume): Shape {
  return volume.slice(3 - g.axes);
}

/** Shape of the image. */
export function imageShape(g: Geometry): Shape {
  return [g.n, g.inChannels, ...own(g, g.size)];
}

/** Shape of the kernel. */
export function kernelShape(g: Geometry): Shape {
  return [g.outChannels, g.inChannels / g.groups, ...own(g, g.kernel)];
}

/** Shape of the result. */
export function resultShape(g: Geometry): Shape {
  return [g.n, g.outChannels, ...own(g, g.out)];
}

/** Multiplications and additions of a convolution, and of each of its gradients. */
export function convFlops(g: Geometry): number {
  return 2 * numel(resultShape(g)) * (g.inChannels / g.groups) * numel(g.kernel);
}

/** The numbers of an option for all three axes; axes that a tensor lacks get the default. */
export function volumeOf(
  op: string,
  name: string,
  value: number | readonly number[] | undefined,
  fallback: number,
  least: number,
  axes: number,
): Volume {
  const given = value === undefined ? fallback : value;
  const numbers = typeof given === "number" ? new Array<number>(axes).fill(given) : given;
  if (!Array.isArray(numbers) || numbers.length !== axes || !numbers.every((n) => Number.isInteger(n) && n >= least)) {
    throw new RangeError(
      `Cannot convolve in ${op}: ${name} must be a whole number from ${least} on${
        axes > 1 ? ` or ${axes} of them` : ""
      }, got ${Array.isArray(given) ? showShape(given) : given}`,
    );
  }
  const whole = [...new Array<number>(3 - axes).fill(fallback), ...numbers];
  return [whole[0], whole[1], whole[2]];
}

/** Three numbers, one for each axis. */
export function eachAxis(make: (axis: 0 | 1 | 2) => number): Volume {
  return [make(0), make(1), make(2)];
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
