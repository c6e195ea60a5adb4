import { checkNames } from "../device/option_names.ts";
import {
  lpPool1d,
  type LpPool1dOptions,
  lpPool2d,
  type LpPool2dOptions,
  lpPool3d,
  type LpPool3dOptions,
  maxUnpool1d,
  type MaxUnpool1dOptions,
  maxUnpool2d,
  type MaxUnpool2dOptions,
  maxUnpool3d,
  type MaxUnpool3dOptions,
} from "../ops/pooling.ts";
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
import type { ImageSize, VolumeSize } from "./convolution.ts";
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

/** Options of {@link LPPool1d}. */
export type LPPool1dModuleOptions = Pick<LpPool1dOptions, "stride" | "ceilMode">;

/** The p-norm of each window of a signal, (Σ xᵖ)^(1/p). */
export class LPPool1d extends Module<[x: Tensor], Tensor> {
  readonly #options: LpPool1dOptions;

  /**
   * Makes the layer.
   *
   * @param normType The exponent p
   * @param kernelSize Size of the windows
   * @param options Their distance (default: their size), and whether one that reaches beyond the end counts
   */
  constructor(normType: number, kernelSize: number, options: LPPool1dModuleOptions = {}) {
    super();
    checkNames("make LPPool1d", options, { stride: true, ceilMode: true });
    checkSizes("LPPool1d", { kernelSize });
    this.#options = { ...options, normType, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, length], or without the first axis
   * @returns One value for each window
   */
  forward(x: Tensor): Tensor {
    return lpPool1d(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** Options of {@link LPPool2d}. */
export type LPPool2dModuleOptions = Pick<LpPool2dOptions, "stride" | "ceilMode">;

/** The p-norm of each window of an image, (Σ xᵖ)^(1/p). */
export class LPPool2d extends Module<[x: Tensor], Tensor> {
  readonly #options: LpPool2dOptions;

  /**
   * Makes the layer.
   *
   * @param normType The exponent p
   * @param kernelSize Size of the windows
   * @param options Their distance (default: their size), and whether one that reaches beyond the end counts
   */
  constructor(normType: number, kernelSize: ImageSize, options: LPPool2dModuleOptions = {}) {
    super();
    checkNames("make LPPool2d", options, { stride: true, ceilMode: true });
    checkSizes("LPPool2d", { kernelSize });
    this.#options = { ...options, normType, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, height, width], or without the first axis
   * @returns One value for each window
   */
  forward(x: Tensor): Tensor {
    return lpPool2d(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** Options of {@link LPPool3d}. */
export type LPPool3dModuleOptions = Pick<LpPool3dOptions, "stride" | "ceilMode">;

/** The p-norm of each window of a volume, (Σ xᵖ)^(1/p). */
export class LPPool3d extends Module<[x: Tensor], Tensor> {
  readonly #options: LpPool3dOptions;

  /**
   * Makes the layer.
   *
   * @param normType The exponent p
   * @param kernelSize Size of the windows
   * @param options Their distance (default: their size), and whether one that reaches beyond the end counts
   */
  constructor(normType: number, kernelSize: VolumeSize, options: LPPool3dModuleOptions = {}) {
    super();
    checkNames("make LPPool3d", options, { stride: true, ceilMode: true });
    checkSizes("LPPool3d", { kernelSize });
    this.#options = { ...options, normType, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, depth, height, width], or without the first axis
   * @returns One value for each window
   */
  forward(x: Tensor): Tensor {
    return lpPool3d(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** Options of {@link MaxUnpool1d}. */
export type MaxUnpool1dModuleOptions = Pick<MaxUnpool1dOptions, "stride" | "padding">;

/** Puts the maxima of a pool back where they lay, with zeros around them. */
export class MaxUnpool1d extends Module<[x: Tensor, indices: Tensor, outputSize?: readonly number[]], Tensor> {
  readonly #options: MaxUnpool1dOptions;

  /**
   * Makes the layer.
   *
   * @param kernelSize Size of the pool's windows
   * @param options Their distance (default: their size) and padding
   */
  constructor(kernelSize: number, options: MaxUnpool1dModuleOptions = {}) {
    super();
    checkNames("make MaxUnpool1d", options, { stride: true, padding: true });
    checkSizes("MaxUnpool1d", { kernelSize });
    this.#options = { ...options, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x The maxima
   * @param indices Their places
   * @param outputSize Size of the result, where windows and their distance leave it open
   * @returns What was pooled, with zeros but for the maxima
   */
  forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return maxUnpool1d(x, indices, { ...this.#options, outputSize });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** Options of {@link MaxUnpool2d}. */
export type MaxUnpool2dModuleOptions = Pick<MaxUnpool2dOptions, "stride" | "padding">;

/** Puts the maxima of a pool back where they lay, with zeros around them. */
export class MaxUnpool2d extends Module<[x: Tensor, indices: Tensor, outputSize?: readonly number[]], Tensor> {
  readonly #options: MaxUnpool2dOptions;

  /**
   * Makes the layer.
   *
   * @param kernelSize Size of the pool's windows
   * @param options Their distance (default: their size) and padding
   */
  constructor(kernelSize: ImageSize, options: MaxUnpool2dModuleOptions = {}) {
    super();
    checkNames("make MaxUnpool2d", options, { stride: true, padding: true });
    checkSizes("MaxUnpool2d", { kernelSize });
    this.#options = { ...options, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x The maxima
   * @param indices Their places
   * @param outputSize Size of the result, where windows and their distance leave it open
   * @returns What was pooled, with zeros but for the maxima
   */
  forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return maxUnpool2d(x, indices, { ...this.#options, outputSize });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** Options of {@link MaxUnpool3d}. */
export type MaxUnpool3dModuleOptions = Pick<MaxUnpool3dOptions, "stride" | "padding">;

/** Puts the maxima of a pool back where they lay, with zeros around them. */
export class MaxUnpool3d extends Module<[x: Tensor, indices: Tensor, outputSize?: readonly number[]], Tensor> {
  readonly #options: MaxUnpool3dOptions;

  /**
   * Makes the layer.
   *
   * @param kernelSize Size of the pool's windows
   * @param options Their distance (default: their size) and padding
   */
  constructor(kernelSize: VolumeSize, options: MaxUnpool3dModuleOptions = {}) {
    super();
    checkNames("make MaxUnpool3d", options, { stride: true, padding: true });
    checkSizes("MaxUnpool3d", { kernelSize });
    this.#options = { ...options, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x The maxima
   * @param indices Their places
   * @param outputSize Size of the result, where windows and their distance leave it open
   * @returns What was pooled, with zeros but for the maxima
   */
  forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return maxUnpool3d(x, indices, { ...this.#options, outputSize });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}
