import { linearMap } from "../kernels/matmul/linear.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What {@link linear} takes besides its input and weight. */
export interface LinearOptions {
  /** Added to every row, shape [outFeatures]. */
  bias?: Tensor | null;
}

/**
 * Multiplies the last axis by a weight matrix, x·wᵀ + bias, as `torch.nn.functional.linear` does. The bias is added
 * before a 16-bit result is rounded, and what follows element by element is computed by the same kernel.
 *
 * @param x Shape [..., inFeatures]
 * @param weight Shape [outFeatures, inFeatures], or [inFeatures]
 * @param options The bias
 * @returns Shape [..., outFeatures]
 * @throws {ShapeError} If the sizes do not fit
 *
 * @example
 * ```ts
 * import { init, linear, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1.0, 2.5]]), weight = tensor([[1.0, 0.5], [0.0, 2.0]]), bias = tensor([0.5, 0.25]);
 * console.log(await linear(x, weight, { bias }).array()); // [[2.75, 5.25]]
 * ```
 */
export function linear(x: Tensor, weight: Tensor, options: LinearOptions = {}): Tensor {
  const bias = options.bias ?? null;
  if (weight.ndim > 2) throw mismatch("the weight must have one or two axes", [x, weight]);
  const features = weight.ndim === 2 ? weight.shape[0] : 1;
  if (bias !== null && (bias.ndim > 1 || (bias.ndim === 1 && bias.shape[0] !== features && bias.shape[0] !== 1))) {
    throw mismatch("the bias must have one number for each row of the weight", [x, weight, bias]);
  }
  return linearMap(x, weight, bias);
}

function mismatch(rule: string, tensors: readonly Tensor[]): ShapeError {
  const shapes = tensors.map(({ shape }) => shape);
  return new ShapeError(
    "linear",
    `Cannot multiply by a weight in linear: ${rule}, current shapes are ${showShapes(shapes)}`,
    shapes,
  );
}
