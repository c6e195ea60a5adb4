import { checkNames } from "../device/option_names.ts";
import {
  lpPool1d,
  type LpPool1dOptions,
  lpPool2d,
  type LpPool2dOptions,
  lpPool3d,
  type LpPool3dOptions,
} from "../ops/pooling.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ImageSize, VolumeSize } from "./convolution.ts";
import { shownOptions } from "./_shown.ts";
import { checkSizes } from "./_sizes.ts";
import { Module } from "./module.ts";

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
