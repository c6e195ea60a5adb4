import { cat } from "../kernels/cat/cat.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { split } from "../kernels/layout/split.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { tensorsOf } from "../tensor/operands.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * All parameters as one vector, one after another; gradients flow through.
 *
 * @param parameters The parameters, of one type
 * @returns [number of all elements]
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { Linear, parametersToVector } from "@fulgurite/core/nn";
 *
 * await init();
 * console.log(parametersToVector(new Linear(3, 2).parameters()).shape); // [8]
 * ```
 */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  const all = tensorsOf("parametersToVector", "join", parameters, { item: "parameter" });
  return cat(all.map((p) => reshape(p, [p.numel])), { dim: 0 });
}

/**
 * Writes the parts of a vector into parameters, in place.
 *
 * @param vector [number of all elements], as {@link parametersToVector} gives it
 * @param parameters The parameters
 * @throws {ShapeError} If the vector has another number of elements
 *
 * @example
 * ```ts
 * import { init, zeros } from "@fulgurite/core";
 * import { Linear, vectorToParameters } from "@fulgurite/core/nn";
 *
 * await init();
 * const layer = new Linear(1, 1);
 * vectorToParameters(zeros([2]), layer.parameters());
 * console.log(await layer.weight.item()); // 0
 * ```
 */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  const all = tensorsOf("vectorToParameters", "take apart", parameters, { item: "parameter", least: 0 });
  const sizes = all.map((p) => p.numel), total = sizes.reduce((a, b) => a + b, 0);
  if (vector.ndim !== 1 || vector.numel !== total) {
    throw new ShapeError(
      "vectorToParameters",
      `Cannot take apart in vectorToParameters: the vector must have ${total} elements, its shape is ${
        showShape(vector.shape)
      }`,
      [vector.shape],
    );
  }
  noGrad(() => split(vector, sizes, { dim: 0 }).forEach((part, i) => copyInto(all[i], reshape(part, all[i].shape))));
}
