import type { DType } from "../tensor/dtype.ts";
import { showShape } from "../tensor/errors.ts";
import type { Storage } from "../tensor/storage.ts";
import { checkTensors } from "../tensor/operands.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { watching } from "../tensor/watcher.ts";

/**
 * Throws unless `index` can be one: whole numbers, and inside the axis as far as the host knows them. Indices that were
 * computed on the device are not read back; kernels never follow one that leads outside.
 *
 * @param op The op, for the message
 * @param index The indices
 * @param size Size of the axis they count
 * @throws {TypeError} If the type is not i32 or u32
 * @throws {RangeError} If an index that came from the host is negative, or not below `size`
 */
export function requireIndices(op: string, index: Tensor, size: number): void {
  checkTensors(op, index);
  if (index.dtype !== "i32" && index.dtype !== "u32") {
    throw new TypeError(`Cannot look up in ${op}: indices must be i32, they are ${index.dtype}`);
  }
  const { bounds } = index.storage;
  const inside = (bounds: Storage["bounds"]) => bounds === null || (bounds.min >= 0 && bounds.max < size);
  watching.by?.checks(index.storage, inside);
  if (index.numel === 0 || bounds === null || inside(bounds)) return;
  throw new RangeError(
    `Cannot look up in ${op}: indices must be from 0 to ${size - 1}, indices of shape ${showShape(index.shape)} hold ${
      bounds.min < 0 ? bounds.min : bounds.max
    }`,
  );
}

const MISSING: Record<DType, number> = { f32: 0x7fc00000, f16: 0x7e007e00, bf16: 0x7fc07fc0, i32: 0, u32: 0, bool: 0 };

/** The word that stands for an element that does not exist: NaN, and 0 for types without one. */
export function missingWord(dtype: DType): number {
  return MISSING[dtype];
}
