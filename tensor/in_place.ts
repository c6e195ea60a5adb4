import type { Storage } from "./storage.ts";
import type { Tensor } from "./tensor.ts";
import { words, write } from "./create.ts";
import type { TensorData } from "./create.ts";
import { ShapeError, showShape } from "./errors.ts";
import { sameShape } from "./shape.ts";
import { watching } from "./watcher.ts";

/**
 * Changes of a tensor's value in place. Tensors are immutable values otherwise; only parameters, buffers of modules and
 * the state of optimizers change, and only through these functions and kernels that call `storage.willChange()` first:
 * chains that still want the old value are recorded before, and the storage's version changes, so that a backward pass
 * which saved the old value stops with an error instead of using the new one.
 *
 * @module
 */

/**
 * Writes host data into a tensor, converted to its element type.
 *
 * @param target Its shape must be that of the data
 * @param data Numbers, a typed array, or a host tensor
 * @throws {ShapeError} If a nested array or host tensor has another shape, or a typed array another number of elements
 *
 * @example
 * ```ts
 * import { init, uploadInto, zeros } from "@fulgurite/core";
 *
 * await init();
 * const t = zeros([2]);
 * uploadInto(t, Float32Array.of(1, 2));
 * console.log(await t.array()); // [1, 2]
 * ```
 */
export function uploadInto(target: Tensor, data: TensorData): void {
  const source = words(data, target.dtype);
  if (target.disposed) throw new Error("Cannot write in uploadInto: the tensor is disposed");
  const fits = ArrayBuffer.isView(data) ? source.numel === target.numel : sameShape(source.shape, target.shape);
  if (!fits) {
    throw new ShapeError(
      "uploadInto",
      `Cannot write in uploadInto: the data must have the tensor's shape, current shapes are ${
        showShape(target.shape)
      } and ${showShape(source.shape)}`,
      [target.shape, source.shape],
    );
  }
  if (target.numel === 0) return;
  if (watching.by !== null) {
    throw new Error(
      "Cannot write in uploadInto in a captured function: a replay would write the same again, give it as an argument",
    );
  }
  target.storage.willChange();
  write(target, source.words);
}

/**
 * Copies bytes from one tensor's storage into another's, without conversion.
 *
 * @param from Where the bytes are
 * @param fromOffset Its first byte, a multiple of 4
 * @param into Where they go; another storage
 * @param intoOffset Its first byte, a multiple of 4
 * @param bytes How many, a multiple of 4
 */
export function copyBytes(from: Storage, fromOffset: number, into: Storage, intoOffset: number, bytes: number): void {
  const source = from.buffer;
  into.willChange();
  const target = into.buffer;
  into.device.recorder.copy(source, fromOffset, target, intoOffset, bytes);
}
