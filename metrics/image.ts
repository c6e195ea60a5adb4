import { checkNames } from "../device/option_names.ts";
import {
  add,
  amax,
  amin,
  cat,
  clamp,
  conv2d,
  div,
  full,
  log,
  maximum,
  mean,
  mul,
  pad,
  reshape,
  split,
  square,
  sub,
  sum,
  zeros,
} from "../kernels/mod.ts";
import { tensor } from "../tensor/create.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSameShape, floats } from "./_inputs.ts";
import { Metric, once } from "./metric.ts";
import { fail, oneOf } from "./task.ts";

/** The distance from the least to the greatest value there can be, or both: then values outside are cut off. */
export type DataRange = number | readonly [least: number, greatest: number];

/** Options of {@link PeakSignalNoiseRatio}. */
export interface PeakSignalNoiseRatioOptions {
  /** The range of values. */
  dataRange: DataRange;
  /** The base of the logarithm; default 10. */
  base?: number;
}

function checkRange(metric: string, range: DataRange): number {
  const width = typeof range === "number" ? range : Array.isArray(range) ? range[1] - range[0] : NaN;
  return width > 0 ? width : fail(metric, "dataRange", "a number above 0, or [least, greatest]", range);
}

/** Values inside of a range. */
function cut(x: Tensor, range: DataRange): Tensor {
  return typeof range === "number" ? floats(x) : clamp(floats(x), { min: range[0], max: range[1] });
}

/**
 * The peak signal-to-noise ratio, 10·log₁₀(range² / mean squared error), in decibels.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { PeakSignalNoiseRatio } from "@fulgurite/core/metrics";
 *
 * await init();
 * const psnr = new PeakSignalNoiseRatio({ dataRange: 3 });
 * psnr.update(tensor([[0, 1], [2, 3]], { dtype: "f32" }), tensor([[3, 2], [1, 0]], { dtype: "f32" }));
 * console.log(await psnr.compute().item()); // about 2.5527
 * ```
 */
export class PeakSignalNoiseRatio extends Metric<[preds: Tensor, target: Tensor]> {
  readonly #range: DataRange;
  readonly #width: number;
  readonly #base: number;

  /**
   * Makes the metric.
   *
   * @param options The range of values, and the base
   */
  constructor(options: PeakSignalNoiseRatioOptions) {
    super(options);
    checkNames("make PeakSignalNoiseRatio", options, { dataRange: true, base: true });
    const { dataRange, base = 10 } = options;
    this.#range = dataRange;
    this.#width = checkRange("PeakSignalNoiseRatio", dataRange);
    this.#base = base > 0 && base !== 1
      ? base
      : fail("PeakSignalNoiseRatio", "base", "a number above 0 that is not 1", base);
    this.addState("sum_squared_error", () => zeros([]), "sum");
    this.addState("total", () => zeros([], { dtype: "i32" }), "sum");
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** Takes images of any shape. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    checkSameShape("PeakSignalNoiseRatio", preds, target);
    this.join("sum_squared_error", sum(square(sub(cut(preds, this.#range), cut(target, this.#range)))));
    this.join("total", full([], preds.numel, { dtype: "i32" }));
  }

  /** 10·log(range² / mean squared error). */
  protected override result(): Tensor {
    const error = div(this.state("sum_squared_error"), this.state("total"));
    return mul(sub(2 * Math.log(this.#width), log(error)), 10 / Math.log(this.#base));
  }
}

/** Options of {@link StructuralSimilarityIndexMeasure}. */
export interface StructuralSimilarityOptions {
  /** The range of values; default that of each batch. */
  dataRange?: DataRange;
  /** Whether the window is a Gaussian bell, or else even; default true. */
  gaussianKernel?: boolean;
  /** Standard deviation of the bell in pixels; default 1.5. */
  sigma?: number;
  /** Size of the even window, odd; default 11. */
  kernelSize?: number;
  /** Keeps the comparison of means stable; default 0.01. */
  k1?: number;
  /** Keeps the comparison of variances stable; default 0.03. */
  k2?: number;
  /** The mean of the images' values, their sum, or all of them; default `"elementwise_mean"`. */
  reduction?: "elementwise_mean" | "sum" | "none";
}

/**
 * Structural similarity of images [N, C, H, W] (Wang et al., 2004), with a window around each pixel; at the edge the
 * image is mirrored.
 *
 * @example
 * ```ts
 * import { init, mul, rand } from "@fulgurite/core";
 * import { StructuralSimilarityIndexMeasure } from "@fulgurite/core/metrics";
 *
 * await init();
 * const ssim = new StructuralSimilarityIndexMeasure({ dataRange: 1 });
 * const images = rand([3, 3, 32, 32]);
 * ssim.update(images, mul(images, 0.75));
 * console.log(await ssim.compute().item() > 0.8); // true
 * ```
 */
export class StructuralSimilarityIndexMeasure extends Metric<[preds: Tensor, target: Tensor]> {
  readonly #range: DataRange | null;
  readonly #window: readonly number[];
  readonly #k: readonly [number, number];
  readonly #reduction: "elementwise_mean" | "sum" | "none";

  /**
   * Makes the metric.
   *
   * @param options The range of values, the window, and how values of images become one
   */
  constructor(options: StructuralSimilarityOptions = {}) {
    super(options);
    const name = "StructuralSimilarityIndexMeasure", allowed = ["elementwise_mean", "sum", "none"] as const;
    checkNames(`make ${name}`, options, {
      ...{ dataRange: true, gaussianKernel: true, sigma: true, kernelSize: true, k1: true, k2: true, reduction: true },
    });
    const { dataRange = null, gaussianKernel = true, sigma = 1.5, kernelSize = 11, k1 = 0.01, k2 = 0.03 } = options;
    if (!(sigma > 0)) fail(name, "sigma", "a number above 0", sigma);
    if (!Number.isInteger(kernelSize) || kernelSize % 2 !== 1) fail(name, "kernelSize", "an odd number", kernelSize);
    if (dataRange !== null) checkRange(name, dataRange);
    this.#range = dataRange;
    this.#window = gaussianKernel ? bell(sigma) : new Array(kernelSize).fill(1 / kernelSize);
    this.#k = [k1, k2];
    this.#reduction = options.reduction ?? "elementwise_mean";
    if (!allowed.includes(this.#reduction)) fail(name, "reduction", oneOf(allowed), this.#reduction);
    if (this.#reduction === "none") this.addState("similarity", null);
    else this.addState("similarity", () => zeros([]), "sum");
    this.addState("total", () => zeros([], { dtype: "i32" }), "sum");
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** Takes images. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    checkSameShape("StructuralSimilarityIndexMeasure", preds, target);
    const { shape } = preds, reach = (this.#window.length - 1) / 2;
    if (preds.ndim !== 4 || shape[2] <= reach || shape[3] <= reach) {
      throw new ShapeError(
        "StructuralSimilarityIndexMeasure",
        `Cannot update StructuralSimilarityIndexMeasure: images must be [N, C, H, W] and larger than half of the window of ` +
          `${2 * reach + 1}×${2 * reach + 1}, the shape is ${showShape(shape)}`,
        [shape],
      );
    }
    const values = this.#images(preds, target);
    this.join("similarity", this.#reduction === "none" ? values : sum(values));
    this.join("total", full([], shape[0], { dtype: "i32" }));
  }

  /** The similarity of each image [N]. */
  #images(preds: Tensor, target: Tensor): Tensor {
    const range = this.#range, [count, channels, height, width] = preds.shape, planes = count * channels;
    const plane = (x: Tensor) => reshape(range === null ? floats(x) : cut(x, range), [planes, 1, height, width]);
    const distance = (t: Tensor) => sub(amax(t), amin(t));
    const wide = range === null ? maximum(distance(preds), distance(target)) : full([], checkRange("", range));
    const reach = (this.#window.length - 1) / 2;
    const [x, y] = [preds, target].map((t) => pad(plane(t), [reach, reach, reach, reach], { mode: "reflect" }));
    const [c1, c2] = this.#k.map((k) => square(mul(wide, k)));
    const all = cat([x, y, square(x), square(y), mul(x, y)], { dim: 0 }), size = this.#window.length;
    const window = tensor([...this.#window], { dtype: "f32" });
    const blurred = conv2d(conv2d(all, reshape(window, [1, 1, size, 1])), reshape(window, [1, 1, 1, size]));
    const [meanX, meanY, xx, yy, xy] = split(blurred, planes, { dim: 0 });
    const squareX = square(meanX), squareY = square(meanY), product = mul(meanX, meanY);
    const spread = (moment: Tensor, squared: Tensor) => clamp(sub(moment, squared), { min: 0 });
    const means = div(add(mul(product, 2), c1), add(add(squareX, squareY), c1));
    const variances = add(add(spread(xx, squareX), spread(yy, squareY)), c2);
    const similarity = mul(means, div(add(mul(sub(xy, product), 2), c2), variances));
    return mean(reshape(similarity, [count, similarity.numel / count]), { dim: 1 });
  }

  /** The mean of the images' values, their sum, or all of them. */
  protected override result(): Tensor {
    if (this.#reduction === "none") return this.joined("similarity") ?? zeros([0]);
    const total = this.state("similarity");
    return this.#reduction === "sum" ? total : div(total, this.state("total"));
  }
}

/** A Gaussian bell of 3.5 standard deviations to either side. */
function bell(sigma: number): number[] {
  const reach = Math.floor(3.5 * sigma + 0.5);
  const values = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-0.5 * ((i - reach) / sigma) ** 2));
  const total = values.reduce((a, b) => a + b);
  return values.map((value) => value / total);
}

/** {@link PeakSignalNoiseRatio} of one batch. */
export function peakSignalNoiseRatio(preds: Tensor, target: Tensor, options: PeakSignalNoiseRatioOptions): Tensor {
  return once(new PeakSignalNoiseRatio(options), preds, target);
}

/** {@link StructuralSimilarityIndexMeasure} of one batch. */
export function structuralSimilarityIndexMeasure(
  preds: Tensor,
  target: Tensor,
  options?: StructuralSimilarityOptions,
): Tensor {
  return once(new StructuralSimilarityIndexMeasure(options), preds, target);
}
