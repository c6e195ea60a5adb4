import { checkNames } from "../device/option_names.ts";
import { alphaDropout, dropout, dropout1d, dropout2d, featureAlphaDropout } from "../kernels/random/dropout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** Options of dropout layers. */
export interface DropoutModuleOptions {
  /** Share of elements that are dropped; default 0.5. */
  p?: number;
}

/** What dropout layers have in common. */
export abstract class DropoutLayer extends Module<[x: Tensor], Tensor> {
  /** Share of elements that are dropped. */
  readonly p: number;

  /**
   * Makes the layer.
   *
   * @param p Share of elements that are dropped, as a number or an option; default 0.5
   * @throws {RangeError} If it is not from 0 to 1
   */
  constructor(p: number | DropoutModuleOptions = 0.5) {
    super();
    if (typeof p !== "number") checkNames(`make ${this.constructor.name}`, p, { p: true });
    this.p = typeof p === "number" ? p : p.p ?? 0.5;
    if (!(this.p >= 0 && this.p <= 1)) {
      throw new RangeError(`Cannot make ${this.constructor.name}: p must be from 0 to 1, got ${this.p}`);
    }
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/**
 * In training, sets elements to 0 with probability `p` and multiplies the others by 1 / (1 − p); in evaluation it does
 * nothing (Srivastava and others, 2014).
 *
 * @example
 * ```ts
 * import { init, ones } from "@fulgurite/core";
 * import { Dropout } from "@fulgurite/core/nn";
 *
 * await init();
 * const layer = new Dropout(0.5);
 * console.log(await layer.forward(ones([4])).array()); // some 0, others 2
 * console.log(await layer.eval().forward(ones([4])).array()); // [1, 1, 1, 1]
 * ```
 */
export class Dropout extends DropoutLayer {
  /** The input, thinned out in training. */
  forward(x: Tensor): Tensor {
    return dropout(x, { p: this.p, training: this.training });
  }
}

/** Drops whole channels of signals [n, channels, length]. */
export class Dropout1d extends DropoutLayer {
  /** The input, thinned out in training. */
  forward(x: Tensor): Tensor {
    return dropout1d(x, { p: this.p, training: this.training });
  }
}

/** Drops whole channels of images [n, channels, height, width]. */
export class Dropout2d extends DropoutLayer {
  /** The input, thinned out in training. */
  forward(x: Tensor): Tensor {
    return dropout2d(x, { p: this.p, training: this.training });
  }
}

/** Dropout that keeps mean and variance of activations by SELU (Klambauer and others, 2017). */
export class AlphaDropout extends DropoutLayer {
  /** The input, thinned out in training. */
  forward(x: Tensor): Tensor {
    return alphaDropout(x, { p: this.p, training: this.training });
  }
}

/** {@link AlphaDropout} of whole channels of [batch, channels, …]. */
export class FeatureAlphaDropout extends DropoutLayer {
  /** The input, thinned out in training. */
  forward(x: Tensor): Tensor {
    return featureAlphaDropout(x, { p: this.p, training: this.training });
  }
}
