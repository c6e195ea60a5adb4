import { checkNames, type OptionNames, show } from "../device/option_names.ts";
import type { Pair } from "../kernels/conv/mod.ts";
import { add, mul } from "../kernels/elementwise/arithmetic.ts";
import { arange, zeros } from "../kernels/elementwise/constants.ts";
import { strided } from "../kernels/elementwise/view.ts";
import { indexAdd } from "../kernels/gather/index_select.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { pad } from "../kernels/pad/pad.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { numel } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** How patches lie in an image. */
export interface UnfoldOptions {
  /** Height and width of a patch. */
  kernelSize: Pair;
  /** Distance between neighbouring places of a patch; default 1. */
  dilation?: Pair;
  /** Zeros around the image; default 0. */
  padding?: Pair;
  /** Distance between patches; default 1. */
  stride?: Pair;
}

/** How {@link fold} puts patches together. */
export interface FoldOptions extends UnfoldOptions {
  /** Height and width of the image. */
  outputSize: Pair;
}

const UNFOLD_NAMES: OptionNames<UnfoldOptions> = {
  ...{ kernelSize: "required", dilation: true, padding: true, stride: true },
};
const FOLD_NAMES: OptionNames<FoldOptions> = { outputSize: "required", ...UNFOLD_NAMES };

/** Patches of an image, and the padded image in which they lie. */
interface Patches {
  readonly kernel: readonly [number, number];
  readonly count: readonly [number, number];
  readonly padding: readonly [number, number];
  /** Sizes of the padded image. */
  readonly size: readonly [number, number];
  /** Distances of neighbours in it, along the patch's axes and from patch to patch. */
  readonly strides: readonly [number, number, number, number];
}

function pair(op: string, name: string, value: Pair, least: number): [number, number] {
  const [y, x, ...more] = Array.isArray(value) ? value : [value, value];
  if (more.length > 0 || [y, x].some((n) => !Number.isInteger(n) || n < least)) {
    throw new RangeError(
      `Cannot take patches in ${op}: ${name} must be a whole number from ${least} on, or two, got ${show(value)}`,
    );
  }
  return [y, x];
}

function patchesOf(op: string, [height, width]: readonly number[], options: UnfoldOptions): Patches {
  const kernel = pair(op, "kernelSize", options.kernelSize, 1), padding = pair(op, "padding", options.padding ?? 0, 0);
  const dilation = pair(op, "dilation", options.dilation ?? 1, 1), stride = pair(op, "stride", options.stride ?? 1, 1);
  const size = [height + 2 * padding[0], width + 2 * padding[1]] as const;
  const count = size.map((n, i) => Math.floor((n - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1);
  if (count.some((n) => n < 1)) {
    throw new ShapeError(
      op,
      `Cannot take patches in ${op}: a patch must fit into the padded image, current sizes are ${
        showShape([height, width])
      } with kernelSize ${showShape(kernel)}, dilation ${showShape(dilation)} and padding ${showShape(padding)}`,
      [[height, width]],
    );
  }
  const strides = [dilation[0] * size[1], dilation[1], stride[0] * size[1], stride[1]] as const;
  return { kernel, count: [count[0], count[1]], padding, size, strides };
}

/** [n, c, height, width] as [n, c, kernelHeight, kernelWidth, rows, columns], of an image that is padded already. */
function patches(x: Tensor, p: Patches): Tensor {
  const [n, channels, height, width] = x.shape;
  return strided(x, {
    name: "unfold",
    shape: [n, channels, ...p.kernel, ...p.count],
    strides: [channels * height * width, height * width, ...p.strides],
    offset: 0,
    grad: (dy) => overlay(dy, p),
  });
}

/** The sum of patches, each where it lies: the gradient of {@link patches}. */
function overlay(parts: Tensor, p: Patches): Tensor {
  const [n, channels] = parts.shape, axes = [...p.kernel, ...p.count], area = p.size[0] * p.size[1];
  const places = axes.map((size, axis) => {
    const shape = axes.map((_, i) => i === axis ? size : 1);
    return mul(reshape(arange(0, size, 1, { dtype: "i32" }), shape), p.strides[axis]);
  }).reduce((a, b) => add(a, b));
  const image = zeros([n * channels, area], { dtype: parts.dtype });
  const source = reshape(parts, [n * channels, numel(axes)]);
  return reshape(indexAdd(image, reshape(places, [numel(axes)]), source, { dim: 1 }), [n, channels, ...p.size]);
}

/**
 * The patches of images as columns, as `torch.nn.functional.unfold` (im2col). Overlapping patches are read in place.
 *
 * @param x Shape [n, c, height, width], or without the first axis
 * @param options Size, distance, dilation of the patches, padding of the image
 * @returns Shape [n, c · kernelHeight · kernelWidth, patches], patches row by row
 * @throws {ShapeError} If a patch does not fit into the padded image
 * @throws {TypeError} If an option does not exist, or `kernelSize` is missing
 * @throws {RangeError} If an option is out of range
 *
 * @example
 * ```ts
 * import { init, ones, unfold } from "@fulgurite/core";
 *
 * await init();
 * console.log(unfold(ones([1, 3, 10, 12]), { kernelSize: [4, 5] }).shape); // [1, 60, 56]
 * ```
 */
export function unfold(x: Tensor, options: UnfoldOptions): Tensor {
  checkNames("take patches in unfold", options, UNFOLD_NAMES);
  if (x.ndim !== 3 && x.ndim !== 4) {
    throw new ShapeError(
      "unfold",
      `Cannot take patches in unfold: there must be 3 or 4 axes, current shape is ${showShape(x.shape)}`,
      [x.shape],
    );
  }
  const p = patchesOf("unfold", x.shape.slice(-2), options);
  const lead = x.shape.slice(0, -3), [channels, height, width] = x.shape.slice(-3);
  const [top, left] = p.padding;
  const padded = pad(reshape(x, [numel(lead), channels, height, width]), [left, left, top, top]);
  return reshape(patches(padded, p), [...lead, channels * numel(p.kernel), numel(p.count)]);
}

/**
 * Puts patches together to images and adds them where they overlap, as `torch.nn.functional.fold` (col2im).
 *
 * @param x Shape [n, c · kernelHeight · kernelWidth, patches], or without the first axis
 * @param options Size of the image and how patches lie in it
 * @returns Shape [n, c, …outputSize]
 * @throws {ShapeError} If there are more or fewer patches than the image has places for
 * @throws {TypeError} If an option does not exist, or a size is missing
 * @throws {RangeError} If an option is out of range
 *
 * @example
 * ```ts
 * import { fold, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(await fold(ones([1, 2, 3]), { outputSize: [1, 4], kernelSize: [1, 2] }).array()); // [[[[1, 2, 2, 1]]]]
 * ```
 */
export function fold(x: Tensor, options: FoldOptions): Tensor {
  checkNames("put patches together in fold", options, FOLD_NAMES);
  const size = pair("fold", "outputSize", options.outputSize, 1);
  const p = patchesOf("fold", size, options);
  const [rows, columns] = x.shape.slice(-2);
  if ((x.ndim !== 2 && x.ndim !== 3) || rows % numel(p.kernel) !== 0 || columns !== numel(p.count)) {
    throw new ShapeError(
      "fold",
      `Cannot put patches together in fold: there must be a multiple of ${numel(p.kernel)} rows and ${
        numel(p.count)
      } columns, current shape is ${showShape(x.shape)}`,
      [x.shape],
    );
  }
  const lead = x.shape.slice(0, -2), channels = rows / numel(p.kernel);
  const image = overlay(reshape(x, [numel(lead), channels, ...p.kernel, ...p.count]), p);
  const [top, left] = p.padding;
  return reshape(pad(image, [-left, -left, -top, -top]), [...lead, channels, ...size]);
}
