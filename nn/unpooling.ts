import { checkNames } from "../device/option_names.ts";
import {
  maxUnpool1d,
  type MaxUnpool1dOptions,
  maxUnpool2d,
  type MaxUnpool2dOptions,
  maxUnpool3d,
  type MaxUnpool3dOptions,
} from "../ops/pooling.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ImageSize, VolumeSize } from "./convolution.ts";
import { shownOptions } from "./_shown.ts";
import { checkSizes } from "./_sizes.ts";
import { Module } from "./module.ts";

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
