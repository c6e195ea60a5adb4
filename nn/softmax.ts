import { checkNames } from "../device/option_names.ts";
import { sigmoid } from "../kernels/elementwise/activations.ts";
import { mul, neg } from "../kernels/elementwise/arithmetic.ts";
import { chunk } from "../kernels/layout/split.ts";
import { logSoftmax, softmax } from "../kernels/softmax/softmax.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** Options of layers that work along an axis. */
export interface AxisOptions {
  /** The axis; default −1, the last one. */
  dim?: number;
}

/** What functions along an axis have in common. */
export abstract class AxisActivation extends Module<[x: Tensor], Tensor> {
  /** The axis. */
  readonly dim: number;

  /**
   * Makes the layer.
   *
   * @param options Along which axis
   */
  constructor(options: AxisOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { dim: true });
    const { dim = -1 } = options;
    this.dim = dim;
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** Shares that add up to 1 along an axis: eˣ / Σ eˣ. */
export class Softmax extends AxisActivation {
  /** The shares. */
  forward(x: Tensor): Tensor {
    return softmax(x, { dim: this.dim });
  }
}

/** The logarithm of {@link Softmax}. */
export class LogSoftmax extends AxisActivation {
  /** The logarithms. */
  forward(x: Tensor): Tensor {
    return logSoftmax(x, { dim: this.dim });
  }
}

/** {@link Softmax} of −x. */
export class Softmin extends AxisActivation {
  /** The shares. */
  forward(x: Tensor): Tensor {
    return softmax(neg(x), { dim: this.dim });
  }
}

/** The first half of an axis, gated by the sigmoid of the second (Dauphin and others 2016). */
export class GLU extends AxisActivation {
  /** Half as long along the axis. */
  forward(x: Tensor): Tensor {
    const [value, gate] = chunk(x, 2, { dim: this.dim });
    return mul(value, sigmoid(gate));
  }
}
