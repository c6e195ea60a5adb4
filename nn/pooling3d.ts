import { checkNames } from "../device/option_names.ts";
import {
  adaptiveAvgPool3d,
  adaptiveMaxPool3d,
  type AdaptivePool3dOptions,
  avgPool3d,
  type AvgPool3dOptions,
  maxPool3d,
  type MaxPool3dOptions,
} from "../ops/pooling3d.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { VolumeSize } from "./convolution.ts";
import { shownOptions } from "./_shown.ts";
import { checkSizes } from "./_sizes.ts";
import { Module } from "./module.ts";

/** Options of {@link MaxPool3d}. */
export type MaxPool3dModuleOptions = Omit<MaxPool3dOptions, "kernelSize">;

/** Options of {@link AvgPool3d}. */
export type AvgPool3dModuleOptions = Omit<AvgPool3dOptions, "kernelSize">;

/** The largest value of each window of a volume. */
export class MaxPool3d extends Module<[x: Tensor], Tensor> {
  readonly #options: MaxPool3dOptions;

  /**
   * Makes the layer.
   *
   * @param kernelSize Size of the windows
   * @param options Their distance (default: their size), padding and the like
   */
  constructor(kernelSize: VolumeSize, options: MaxPool3dModuleOptions = {}) {
    super();
    checkNames("make MaxPool3d", options, { stride: true, padding: true, dilation: true, ceilMode: true });
    checkSizes("MaxPool3d", { kernelSize });
    this.#options = { ...options, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, depth, height, width], or without the first axis
   * @returns One value for each window
   */
  forward(x: Tensor): Tensor {
    return maxPool3d(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** The mean of each window of a volume. */
export class AvgPool3d extends Module<[x: Tensor], Tensor> {
  readonly #options: AvgPool3dOptions;

  /**
   * Makes the layer.
   *
   * @param kernelSize Size of the windows
   * @param options Their distance (default: their size), padding and the like
   */
  constructor(kernelSize: VolumeSize, options: AvgPool3dModuleOptions = {}) {
    super();
    checkNames("make AvgPool3d", options, {
      stride: true,
      padding: true,
      ceilMode: true,
      countIncludePad: true,
      divisorOverride: true,
    });
    checkSizes("AvgPool3d", { kernelSize });
    this.#options = { ...options, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, depth, height, width], or without the first axis
   * @returns One value for each window
   */
  forward(x: Tensor): Tensor {
    return avgPool3d(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** Means over windows that divide a volume into a given number of parts; `null` keeps an axis. */
export class AdaptiveAvgPool3d extends Module<[x: Tensor], Tensor> {
  readonly #options: AdaptivePool3dOptions;

  /**
   * Makes the layer.
   *
   * @param outputSize Size of the result
   */
  constructor(outputSize: AdaptivePool3dOptions["outputSize"]) {
    super();
    this.#options = { outputSize };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, depth, height, width], or without the first axis
   * @returns The given size in place of the last axes
   */
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool3d(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** Maxima over windows that divide a volume into a given number of parts; `null` keeps an axis. */
export class AdaptiveMaxPool3d extends Module<[x: Tensor], Tensor> {
  readonly #options: AdaptivePool3dOptions;

  /**
   * Makes the layer.
   *
   * @param outputSize Size of the result
   */
  constructor(outputSize: AdaptivePool3dOptions["outputSize"]) {
    super();
    this.#options = { outputSize };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, depth, height, width], or without the first axis
   * @returns The given size in place of the last axes
   */
  forward(x: Tensor): Tensor {
    return adaptiveMaxPool3d(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}
