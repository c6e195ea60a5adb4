import { checkNames } from "../device/option_names.ts";
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  avgPool1d,
  type AvgPool1dOptions,
  avgPool2d,
  type AvgPool2dOptions,
  maxPool1d,
  type MaxPool1dOptions,
  maxPool2d,
  type MaxPool2dOptions,
} from "../kernels/pool/pool.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ImageSize } from "./convolution.ts";
import { shownOptions } from "./_shown.ts";
import { checkSizes } from "./_sizes.ts";
import { Module } from "./module.ts";

/** Options of {@link MaxPool2d}. */
export type MaxPool2dModuleOptions = Omit<MaxPool2dOptions, "kernelSize">;

/**
 * The largest value of each window of an image.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { MaxPool2d } from "@fulgurite/core/nn";
 *
 * await init();
 * console.log(new MaxPool2d(2).forward(randn([8, 16, 28, 28])).shape); // [8, 16, 14, 14]
 * ```
 */
export class MaxPool2d extends Module<[x: Tensor], Tensor> {
  readonly #options: MaxPool2dOptions;

  /**
   * Makes the layer.
   *
   * @param kernelSize Size of the windows
   * @param options Their distance (default: their size), padding and the like
   */
  constructor(kernelSize: ImageSize, options: MaxPool2dModuleOptions = {}) {
    super();
    checkNames("make MaxPool2d", options, { stride: true, padding: true, dilation: true, ceilMode: true });
    checkSizes("MaxPool2d", { kernelSize });
    this.#options = { ...options, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, height, width], or without the first axis
   * @returns One value for each window
   */
  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** Options of {@link MaxPool1d}. */
export type MaxPool1dModuleOptions = Omit<MaxPool1dOptions, "kernelSize">;

/**
 * The largest value of each window of a signal.
 */
export class MaxPool1d extends Module<[x: Tensor], Tensor> {
  readonly #options: MaxPool1dOptions;

  /**
   * Makes the layer.
   *
   * @param kernelSize Size of the windows
   * @param options Their distance (default: their size), padding and the like
   */
  constructor(kernelSize: number, options: MaxPool1dModuleOptions = {}) {
    super();
    checkNames("make MaxPool1d", options, { stride: true, padding: true, dilation: true, ceilMode: true });
    checkSizes("MaxPool1d", { kernelSize });
    this.#options = { ...options, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, length], or without the first axis
   * @returns One value for each window
   */
  forward(x: Tensor): Tensor {
    return maxPool1d(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** Options of {@link AvgPool2d}. */
export type AvgPool2dModuleOptions = Omit<AvgPool2dOptions, "kernelSize">;

/**
 * The mean of each window of an image.
 */
export class AvgPool2d extends Module<[x: Tensor], Tensor> {
  readonly #options: AvgPool2dOptions;

  /**
   * Makes the layer.
   *
   * @param kernelSize Size of the windows
   * @param options Their distance (default: their size), padding and the like
   */
  constructor(kernelSize: ImageSize, options: AvgPool2dModuleOptions = {}) {
    super();
    const names = {
      stride: true,
      padding: true,
      ceilMode: true,
      countIncludePad: true,
      divisorOverride: true,
    } as const;
    checkNames("make AvgPool2d", options, names);
    checkSizes("AvgPool2d", { kernelSize });
    this.#options = { ...options, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, height, width], or without the first axis
   * @returns One value for each window
   */
  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** Options of {@link AvgPool1d}. */
export type AvgPool1dModuleOptions = Omit<AvgPool1dOptions, "kernelSize">;

/**
 * The mean of each window of a signal.
 */
export class AvgPool1d extends Module<[x: Tensor], Tensor> {
  readonly #options: AvgPool1dOptions;

  /**
   * Makes the layer.
   *
   * @param kernelSize Size of the windows
   * @param options Their distance (default: their size), padding and the like
   */
  constructor(kernelSize: number, options: AvgPool1dModuleOptions = {}) {
    super();
    checkNames("make AvgPool1d", options, { stride: true, padding: true, ceilMode: true, countIncludePad: true });
    checkSizes("AvgPool1d", { kernelSize });
    this.#options = { ...options, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, length], or without the first axis
   * @returns One value for each window
   */
  forward(x: Tensor): Tensor {
    return avgPool1d(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions(this.#options);
  }
}

/** Means over windows that divide an image into a given number of parts; `null` keeps an axis. */
export class AdaptiveAvgPool2d extends Module<[x: Tensor], Tensor> {
  readonly #outputSize: number | readonly [number | null, number | null];

  /**
   * Makes the layer.
   *
   * @param outputSize Size of the result
   */
  constructor(outputSize: number | readonly [number | null, number | null]) {
    super();
    checkSizes(this.constructor.name, { outputSize: [outputSize].flat().filter((size) => size !== null) });
    this.#outputSize = outputSize;
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, height, width], or without the first axis
   * @returns The given size in place of the last axes
   */
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, { outputSize: this.#outputSize });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions({ outputSize: this.#outputSize });
  }
}

/** Maxima over windows that divide an image into a given number of parts; `null` keeps an axis. */
export class AdaptiveMaxPool2d extends Module<[x: Tensor], Tensor> {
  readonly #outputSize: number | readonly [number | null, number | null];

  /**
   * Makes the layer.
   *
   * @param outputSize Size of the result
   */
  constructor(outputSize: number | readonly [number | null, number | null]) {
    super();
    checkSizes(this.constructor.name, { outputSize: [outputSize].flat().filter((size) => size !== null) });
    this.#outputSize = outputSize;
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, height, width], or without the first axis
   * @returns The given size in place of the last axes
   */
  forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, { outputSize: this.#outputSize });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions({ outputSize: this.#outputSize });
  }
}

/** Means over windows that divide a signal into a given number of parts. */
export class AdaptiveAvgPool1d extends Module<[x: Tensor], Tensor> {
  readonly #outputSize: number;

  /**
   * Makes the layer.
   *
   * @param outputSize Size of the result
   */
  constructor(outputSize: number) {
    super();
    checkSizes(this.constructor.name, { outputSize });
    this.#outputSize = outputSize;
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, length], or without the first axis
   * @returns The given size in place of the last axes
   */
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool1d(x, { outputSize: this.#outputSize });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions({ outputSize: this.#outputSize });
  }
}

/** Maxima over windows that divide a signal into a given number of parts. */
export class AdaptiveMaxPool1d extends Module<[x: Tensor], Tensor> {
  readonly #outputSize: number;

  /**
   * Makes the layer.
   *
   * @param outputSize Size of the result
   */
  constructor(outputSize: number) {
    super();
    checkSizes(this.constructor.name, { outputSize });
    this.#outputSize = outputSize;
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, length], or without the first axis
   * @returns The given size in place of the last axes
   */
  forward(x: Tensor): Tensor {
    return adaptiveMaxPool1d(x, { outputSize: this.#outputSize });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return shownOptions({ outputSize: this.#outputSize });
  }
}
