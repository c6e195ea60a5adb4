import { type Device, device } from "../device/mod.ts";
import { words } from "./create.ts";
import type { DType } from "./dtype.ts";
import type { Shape } from "./shape.ts";
import { Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";

/** The number 1 in each type, by device. */
const units = new WeakMap<Device, Map<DType, Storage>>();

/**
 * The number 1 as a tensor, where the gradient of a loss begins: written once a device, so that no step has to. It
 * cannot be changed in place.
 *
 * @param shape A shape of one element
 * @param dtype Element type
 */
export function unit(shape: Shape, dtype: DType): Tensor {
  const owner = device();
  let known = units.get(owner);
  if (known === undefined) units.set(owner, known = new Map());
  let storage = known.get(dtype);
  if (storage === undefined) {
    const bytes = words(1, dtype).words;
    known.set(dtype, storage = Storage.constant(owner.pool.constant(bytes, "unit"), 1, dtype, "unit"));
  }
  return new Tensor({ shape, storage: storage.retain() });
}
