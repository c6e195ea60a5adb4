import { checkNames } from "../device/option_names.ts";
import { abs, add, mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { clamp, where } from "../kernels/elementwise/choice.ts";
import { ge, le, logicalAnd } from "../kernels/elementwise/compare.ts";
import { linspace, ones } from "../kernels/elementwise/constants.ts";
import { floor, remainder, round } from "../kernels/elementwise/rounding.ts";
import { stack } from "../kernels/cat/cat.ts";
import { gather } from "../kernels/gather/gather.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { select } from "../kernels/layout/slice.ts";
import { expand, transpose } from "../kernels/layout/views.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { ShapeError, showShape, showShapes } from "../tensor/errors.ts";
import { numel, type Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { roundedAs } from "./_half.ts";
import { meshgrid } from "./grids.ts";

/** What {@link affineGrid} takes for the edges. */
export interface AffineGridOptions {
  /** Whether −1 and 1 are the centres of the outermost pixels; default false: their outer edges. */
  alignCorners?: boolean;
}

/**
 * Where each place of an image comes from under affine maps, for {@link gridSample}.
 *
 * @param theta Maps, [n, 2, 3] for images or [n, 3, 4] for volumes
 * @param size The result's shape, [n, channels, height, width] or [n, channels, depth, height, width]
 * @param options What −1 and 1 are
 * @returns Coordinates from −1 to 1, x first: [n, height, width, 2] or [n, depth, height, width, 3]
 * @throws {ShapeError} If maps and size do not fit
 *
 * @example
 * ```ts
 * import { affineGrid, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const identity = tensor([[[1, 0, 0], [0, 1, 0]]], { dtype: "f32" });
 * console.log(affineGrid(identity, [1, 1, 4, 5]).shape); // [1, 4, 5, 2]
 * ```
 */
export function affineGrid(theta: Tensor, size: Shape, options: AffineGridOptions = {}): Tensor {
  checkNames("map places in affineGrid", options, { alignCorners: true });
  const { alignCorners = false } = options, axes = size.length - 2;
  if ((axes !== 2 && axes !== 3) || theta.shape.join() !== [size[0], axes, axes + 1].join()) {
    throw new ShapeError(
      "affineGrid",
      `Cannot map places in affineGrid: maps must be [n, d, d + 1] for a size of two and d axes, current shapes are ${
        showShapes([theta.shape, size])
      }`,
      [theta.shape, size],
    );
  }
  const places = size.slice(2);
  const along = places.map((count) => {
    const edge = count === 1 && alignCorners ? 0 : alignCorners ? 1 : 1 - 1 / count;
    return linspace(-edge, edge, count);
  });
  const coordinates = stack([...meshgrid(along).reverse(), ones(places)], { dim: -1 });
  const mapped = matmul(reshape(coordinates, [1, -1, axes + 1]), transpose(theta, 1, 2));
  return roundedAs(reshape(mapped, [size[0], ...places, axes]), theta);
}

/** How {@link gridSample} reads an image. */
export interface GridSampleOptions {
  /** Between pixels, as linear (`"bilinear"`, the default, also for volumes), nearest, or cubic (images only). */
  mode?: "bilinear" | "nearest" | "bicubic";
  /** Beyond the edge: zeros (default), the edge's pixel, or the mirrored image. */
  paddingMode?: "zeros" | "border" | "reflection";
  /** Whether −1 and 1 are the centres of the outermost pixels; default false: their outer edges. */
  alignCorners?: boolean;
}

/** Positions mirrored at both edges until they are inside. */
function reflected(x: Tensor, size: number, alignCorners: boolean): Tensor {
  const low = alignCorners ? 0 : -0.5, span = alignCorners ? size - 1 : size;
  if (span === 0) return mul(x, 0);
  const within = remainder(sub(x, low), 2 * span);
  return clamp(add(sub(span, abs(sub(within, span))), low), { min: 0, max: size - 1 });
}

/** Weights of the four taps of a cubic convolution with a = −0.75 (Keys, 1981), at distance t from the second. */
function cubicWeights(t: Tensor): Tensor[] {
  const a = -0.75;
  const near = (d: Tensor) => add(mul(mul(d, d), sub(mul(d, a + 2), a + 3)), 1);
  const far = (d: Tensor) => mul(sub(mul(add(mul(sub(d, 5), d), 8), d), 4), a);
  return [far(add(t, 1)), near(t), near(sub(1, t)), far(sub(2, t))];
}

/**
 * Reads images at any places: the core of spatial transformers (Jaderberg and others, 2015).
 *
 * @param x Images [n, c, height, width] or volumes [n, c, depth, height, width]
 * @param grid Places, x first, from −1 to 1: [n, …places, 2] or [n, …places, 3]
 * @param options What lies between and beyond pixels
 * @returns [n, c, …places]
 * @throws {ShapeError} If the shapes do not fit
 * @throws {RangeError} If a mode is unknown
 *
 * @example
 * ```ts
 * import { gridSample, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const image = tensor([[[[1, 2], [3, 4]]]], { dtype: "f32" });
 * const centre = tensor([[[[0, 0]]]], { dtype: "f32" });
 * console.log(await gridSample(image, centre).array()); // [[[[2.5]]]]
 * ```
 */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  checkNames("read images in gridSample", options, { mode: true, paddingMode: true, alignCorners: true });
  const { mode = "bilinear", paddingMode = "zeros", alignCorners = false } = options;
  const axes = x.ndim - 2;
  if (
    (axes !== 2 && axes !== 3) || grid.ndim !== x.ndim || grid.shape.at(-1) !== axes || grid.shape[0] !== x.shape[0]
  ) {
    throw new ShapeError(
      "gridSample",
      `Cannot read images in gridSample: the grid must have a place of ${axes} numbers for each result, current ` +
        `shapes are ${showShapes([x.shape, grid.shape])}`,
      [x.shape, grid.shape],
    );
  }
  if (!["bilinear", "nearest", "bicubic"].includes(mode) || (mode === "bicubic" && axes !== 2)) {
    throw new RangeError(`Cannot read images in gridSample: mode ${mode} is not known for shape ${showShape(x.shape)}`);
  }
  if (!["zeros", "border", "reflection"].includes(paddingMode)) {
    throw new RangeError(
      `Cannot read images in gridSample: paddingMode must be zeros, border or reflection, got ${paddingMode}`,
    );
  }
  const [n, c] = x.shape, sizes = x.shape.slice(2), places = grid.shape.slice(1, -1), count = numel(places);
  const pixels = reshape(x, [n, c, numel(sizes)]);
  const inside = (at: Tensor, size: number) =>
    paddingMode === "border"
      ? clamp(at, { min: 0, max: size - 1 })
      : paddingMode === "reflection"
      ? reflected(at, size, alignCorners)
      : at;
  // Where each place lies in pixels, the last axis of the grid being the first coordinate.
  const positions = sizes.map((size, axis) => {
    const g = reshape(select(grid, { dim: -1, index: axes - 1 - axis }), [n, 1, count]);
    const at = alignCorners ? mul(add(g, 1), (size - 1) / 2) : sub(mul(add(g, 1), size / 2), 0.5);
    // Cubic taps are bounded one by one.
    return mode === "bicubic" ? at : inside(at, size);
  });
  /** For each axis the taps: a pixel number, and its weight (none for the nearest). */
  const taps = positions.map((at, axis): { at: Tensor; weight: Tensor | null }[] => {
    if (mode === "nearest") return [{ at: round(at), weight: null }];
    const low = floor(at.detach()), t = sub(at, low);
    if (mode === "bilinear") return [{ at: low, weight: sub(1, t) }, { at: add(low, 1), weight: t }];
    return cubicWeights(t).map((weight, k) => ({ at: inside(add(low, k - 1), sizes[axis]), weight }));
  });
  let y: Tensor | null = null;
  const visit = (axis: number, index: Tensor | null, weight: Tensor | null, visible: Tensor | null): void => {
    if (axis < axes) {
      const size = sizes[axis];
      for (const tap of taps[axis]) {
        const seen = logicalAnd(ge(tap.at, 0), le(tap.at, size - 1));
        const pixel = to(clamp(tap.at.detach(), { min: 0, max: size - 1 }), "i32");
        visit(
          axis + 1,
          index === null ? pixel : add(mul(index, size), pixel),
          weight === null || tap.weight === null ? weight ?? tap.weight : mul(weight, tap.weight),
          visible === null ? seen : logicalAnd(visible, seen),
        );
      }
      return;
    }
    const values = gather(pixels, expand(index!, [n, c, count]), { dim: 2 });
    const shown = where(visible!, weight === null ? values : mul(values, weight), 0);
    y = y === null ? shown : add(y, shown);
  };
  visit(0, null, null, null);
  return reshape(y!, [n, c, ...places]);
}
