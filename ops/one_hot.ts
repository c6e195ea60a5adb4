import { checkNames } from "../device/option_names.ts";
import { arange, eq, to } from "../kernels/elementwise/mod.ts";
import { requireIndices } from "../kernels/_indices.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { watching } from "../tensor/watcher.ts";
import { unsqueeze } from "./shape.ts";

/** How many classes there are. */
export interface OneHotOptions {
  /** Number of classes; default one more than the largest, for classes that came from the host. */
  numClasses?: number;
}

/**
 * A 1 at the place of each class, zeros elsewhere.
 *
 * @param classes i32, any shape. A class that was computed on the device and does not exist gives zeros
 * @param options Number of classes
 * @returns i32, the shape of `classes` and an axis of `numClasses`
 * @throws {RangeError} If a class that came from the host does not exist
 * @throws {TypeError} If `numClasses` is missing and the classes were computed on the device
 *
 * @example
 * ```ts
 * import { init, oneHot, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await oneHot(tensor([1, 0]), { numClasses: 3 }).array()); // [[0, 1, 0], [1, 0, 0]]
 * ```
 */
export function oneHot(classes: Tensor, options?: OneHotOptions): Tensor {
  checkNames("compute oneHot", options, { numClasses: true });
  const { numClasses } = options ?? {};
  const count = numClasses ?? countOf(classes);
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`Cannot mark classes in oneHot: numClasses must be a whole number from 1 on, got ${count}`);
  }
  requireIndices("oneHot", classes, count);
  return to(eq(unsqueeze(classes, -1), arange(0, count, 1, { dtype: classes.dtype })), "i32");
}

function countOf({ storage }: Tensor): number {
  const greatest = storage.bounds?.max;
  watching.by?.checks(storage, (bounds) => bounds?.max === greatest);
  if (greatest !== undefined) return greatest + 1;
  throw new TypeError(
    "Cannot mark classes in oneHot: numClasses must be given for classes that were computed on the device",
  );
}
