import { checkNames } from "../device/option_names.ts";
import { pixelShuffle, pixelUnshuffle } from "../ops/pixel_shuffle.ts";
import { fold, type FoldOptions, unfold, type UnfoldOptions } from "../ops/unfold.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ImageSize } from "./convolution.ts";
import { checkSizes } from "./_sizes.ts";
import { Module } from "./module.ts";

/** Options of {@link Unfold} and {@link Fold}. */
export type PatchOptions = Omit<UnfoldOptions, "kernelSize">;

const NAMES = { dilation: true, padding: true, stride: true } as const;

/** The patches of images as columns: [n, c, height, width] becomes [n, c · kernelHeight · kernelWidth, patches]. */
export class Unfold extends Module<[x: Tensor], Tensor> {
  readonly #options: UnfoldOptions;

  /**
   * Makes the layer.
   *
   * @param kernelSize Size of a patch
   * @param options Distance of patches, dilation, zeros around the image
   */
  constructor(kernelSize: ImageSize, options: PatchOptions = {}) {
    super();
    checkNames("make Unfold", options, NAMES);
    checkSizes("Unfold", { kernelSize });
    this.#options = { ...options, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, c, height, width], or without the first axis
   * @returns A column for each patch
   */
  forward(x: Tensor): Tensor {
    return unfold(x, this.#options);
  }
}

/**
 * Adds patches where they lie in an image: [n, c · kernelHeight · kernelWidth, patches] becomes [n, c, …outputSize].
 */
export class Fold extends Module<[x: Tensor], Tensor> {
  readonly #options: FoldOptions;

  /**
   * Makes the layer.
   *
   * @param outputSize Size of the image
   * @param kernelSize Size of a patch
   * @param options Distance of patches, dilation, zeros around the image
   */
  constructor(outputSize: ImageSize, kernelSize: ImageSize, options: PatchOptions = {}) {
    super();
    checkNames("make Fold", options, NAMES);
    checkSizes("Fold", { outputSize, kernelSize });
    this.#options = { ...options, outputSize, kernelSize };
  }

  /**
   * Runs the layer.
   *
   * @param x A column for each patch
   * @returns Images
   */
  forward(x: Tensor): Tensor {
    return fold(x, this.#options);
  }
}

/** Turns channels into pixels: [..., c·r², height, width] becomes [..., c, height·r, width·r]. */
export class PixelShuffle extends Module<[x: Tensor], Tensor> {
  readonly #upscaleFactor: number;

  /**
   * Makes the layer.
   *
   * @param upscaleFactor The factor r
   */
  constructor(upscaleFactor: number) {
    super();
    checkSizes("PixelShuffle", { upscaleFactor });
    this.#upscaleFactor = upscaleFactor;
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [..., c·r², height, width]
   * @returns Shape [..., c, height·r, width·r]
   */
  forward(x: Tensor): Tensor {
    return pixelShuffle(x, { upscaleFactor: this.#upscaleFactor });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `upscaleFactor=${this.#upscaleFactor}`;
  }
}

/** Turns pixels into channels: [..., c, height·r, width·r] becomes [..., c·r², height, width]. */
export class PixelUnshuffle extends Module<[x: Tensor], Tensor> {
  readonly #downscaleFactor: number;

  /**
   * Makes the layer.
   *
   * @param downscaleFactor The divisor r
   */
  constructor(downscaleFactor: number) {
    super();
    checkSizes("PixelUnshuffle", { downscaleFactor });
    this.#downscaleFactor = downscaleFactor;
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [..., c, height·r, width·r]
   * @returns Shape [..., c·r², height, width]
   */
  forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, { downscaleFactor: this.#downscaleFactor });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `downscaleFactor=${this.#downscaleFactor}`;
  }
}
