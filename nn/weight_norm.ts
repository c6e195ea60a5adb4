import { checkNames } from "../device/option_names.ts";
import { div, maximum, mul } from "../kernels/elementwise/arithmetic.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { permute } from "../kernels/layout/views.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { randn } from "../kernels/random/random.ts";
import { norm } from "../kernels/reduce/norm.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { normalizeDim } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Module } from "./module.ts";
import { Buffer } from "./parameter.ts";
import { Parametrization, registerParametrization, valueOf } from "./parametrize.ts";

/** Options of {@link weightNorm}. */
export interface WeightNormOptions {
  /** The parameter; default `"weight"`. */
  name?: string;
  /** The axis along which each slice has a length of its own, or `null` for one length in all; default 0. */
  dim?: number | null;
}

class WeightNorm extends Parametrization {
  readonly #dim: number | null;

  constructor(dim: number | null) {
    super();
    this.#dim = dim;
  }

  forward(length: Tensor, direction: Tensor): Tensor {
    return mul(direction, div(length, this.#lengthOf(direction)));
  }

  override rightInverse(value: Tensor): Tensor[] {
    return [this.#lengthOf(value), mul(value, 1)];
  }

  #lengthOf(x: Tensor): Tensor {
    const dim = this.#dim === null ? null : normalizeDim("weightNorm", this.#dim, x.ndim);
    return norm(x, { dim: x.shape.flatMap((_, i) => i === dim ? [] : [i]), keepdim: true });
  }
}

/**
 * Learns length and direction of a weight apart from each other: w = g · v / ‖v‖ (Salimans and Kingma, 2016). Make the
 * optimizer afterwards; {@link removeParametrizations} makes it an ordinary weight again.
 *
 * @param module The module
 * @param options The parameter, and the axis that has lengths
 * @returns The module; g is `parametrizations.weight.original0`, v is `original1`, as in PyTorch
 * @throws {TypeError} If the module has no such parameter
 *
 * @example
 * ```ts
 * import { init, ones } from "@fulgurite/core";
 * import { Linear, weightNorm } from "@fulgurite/core/nn";
 *
 * await init();
 * const layer = weightNorm(new Linear(4, 2));
 * console.log(layer.forward(ones([1, 4])).shape); // [1, 2]
 * ```
 */
export function weightNorm<M extends Module>(module: M, options: WeightNormOptions = {}): M {
  checkNames("normalise in weightNorm", options, { name: true, dim: true });
  const { name = "weight", dim = 0 } = options;
  return registerParametrization(module, name, new WeightNorm(dim));
}

/** Options of {@link spectralNorm}. */
export interface SpectralNormOptions {
  /** The parameter; default `"weight"`. */
  name?: string;
  /** Steps of the power iteration each time the weight is read in training; default 1. */
  nPowerIterations?: number;
  /** The smallest norm that is divided by; default 1e-12. */
  eps?: number;
  /** The axis of outputs; default 0, as suits all layers but transposed convolutions, which want 1. */
  dim?: number;
}

class SpectralNorm extends Parametrization {
  /** Left singular vector, as far as it is known. */
  _u: Buffer;
  /** Right singular vector, as far as it is known. */
  _v: Buffer;
  readonly #dim: number;
  readonly #steps: number;
  readonly #eps: number;

  constructor(weight: Tensor, dim: number, steps: number, eps: number) {
    super();
    this.#dim = normalizeDim("spectralNorm", dim, weight.ndim);
    this.#steps = steps;
    this.#eps = eps;
    const [u, v] = noGrad(() => {
      const matrix = this.#matrix(weight);
      const start = matrix.shape.map((n) => this.#unit(randn([n])));
      return this.#iterate(matrix, start[0], start[1], 15);
    });
    this._u = new Buffer(u);
    this._v = new Buffer(v);
  }

  forward(weight: Tensor): Tensor {
    const matrix = this.#matrix(weight);
    // Copies: a later reading changes the buffers before this one's gradient is computed.
    let [u, v]: Tensor[] = [mul(this._u, 1), mul(this._v, 1)];
    if (this.training) {
      [u, v] = noGrad(() => this.#iterate(matrix.detach(), u, v, this.#steps));
      copyInto(this._u, u);
      copyInto(this._v, v);
    }
    return div(weight, sum(mul(u, matmul(matrix, v))));
  }

  #matrix(weight: Tensor): Tensor {
    const order = [this.#dim, ...weight.shape.keys().filter((i) => i !== this.#dim)];
    return reshape(permute(weight, order), [weight.shape[this.#dim], -1]);
  }

  #unit(x: Tensor): Tensor {
    return div(x, maximum(norm(x), this.#eps));
  }

  #iterate(matrix: Tensor, u: Tensor, v: Tensor, steps: number): [u: Tensor, v: Tensor] {
    for (let i = 0; i < steps; i++) {
      u = this.#unit(matmul(matrix, v));
      v = this.#unit(matmul(u, matrix));
    }
    return [u, v];
  }
}

/**
 * Divides a weight by its largest singular value, so that the layer stretches nothing: w / σ(w), with σ by power
 * iteration (Miyato and others, 2018). Make the optimizer afterwards.
 *
 * @param module The module
 * @param options The parameter, its axis of outputs, and the iteration
 * @returns The module; the weight is `parametrizations.weight.original`, the vectors are buffers, as in PyTorch
 * @throws {TypeError} If the module has no such parameter
 * @throws {RangeError} If the number of steps is not from 1 on
 *
 * @example
 * ```ts
 * import { init, ones } from "@fulgurite/core";
 * import { Linear, spectralNorm } from "@fulgurite/core/nn";
 *
 * await init();
 * const layer = spectralNorm(new Linear(4, 2));
 * console.log(layer.forward(ones([1, 4])).shape); // [1, 2]
 * ```
 */
export function spectralNorm<M extends Module>(module: M, options: SpectralNormOptions = {}): M {
  checkNames("normalise in spectralNorm", options, { name: true, nPowerIterations: true, eps: true, dim: true });
  const { name = "weight", nPowerIterations = 1, eps = 1e-12, dim = 0 } = options;
  if (!Number.isInteger(nPowerIterations) || nPowerIterations < 1) {
    throw new RangeError(
      `Cannot normalise in spectralNorm: nPowerIterations must be a whole number from 1 on, got ${nPowerIterations}`,
    );
  }
  const weight = valueOf(module, name);
  if (weight === null || weight.ndim < 2) {
    throw new TypeError(
      `Cannot normalise in spectralNorm: ${module.constructor.name} must have a "${name}" of at least two axes`,
    );
  }
  return registerParametrization(module, name, new SpectralNorm(weight, dim, nPowerIterations, eps));
}
