import { checkNames } from "../../device/option_names.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { requireIndices } from "../_indices.ts";
import { takeRows } from "./index_select.ts";

/** How an embedding treats padding. */
export interface EmbeddingOptions {
  /** A row that is read but gets no gradient; negative counts from the end. */
  paddingIdx?: number;
}

/**
 * Rows of a table by id. The gradient adds up what each row gets in a fixed order: it is the same in every run.
 *
 * @param ids i32, any shape. An id that was computed on the device and leads outside reads NaN
 * @param weight [rows, width]
 * @param options The padding row
 * @returns The shape of `ids`, and `width`
 * @throws {RangeError} If an id that came from the host leads outside, or the padding row does not exist
 * @throws {ShapeError} If `weight` is no table
 *
 * @example
 * ```ts
 * import { embedding, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const weight = tensor([[0, 0], [1, 10], [2, 20]]);
 * console.log(await embedding(tensor([[2, 1]]), weight).array()); // [[[2, 20], [1, 10]]]
 * ```
 */
export function embedding(ids: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  checkNames("look up in embedding", options, { paddingIdx: true });
  const { paddingIdx } = options;
  if (weight.ndim !== 2) {
    throw new ShapeError(
      "embedding",
      `Cannot look up in embedding: the weight must have two axes, its shape is ${showShape(weight.shape)}`,
      [ids.shape, weight.shape],
    );
  }
  const rows = weight.shape[0];
  requireIndices("embedding", ids, rows);
  if (paddingIdx !== undefined && (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows)) {
    throw new RangeError(
      `Cannot look up in embedding: paddingIdx must be from ${-rows} to ${rows - 1}, got ${paddingIdx}`,
    );
  }
  const skip = paddingIdx === undefined ? -1 : paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
  return takeRows(weight, ids, { dim: 0, skip, masked: false });
}
