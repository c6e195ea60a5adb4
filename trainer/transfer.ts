import { tensor } from "../tensor/create.ts";
import { isHostTensor } from "../tensor/host.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A batch with its tensors replaced: nested arrays, maps and plain objects are walked, other values stay. */
export function mapTensors(batch: unknown, fn: (t: Tensor) => Tensor): unknown {
  if (batch instanceof Tensor) return fn(batch);
  if (batch === null || typeof batch !== "object") return batch;
  const walk = (value: unknown) => mapTensors(value, fn);
  if (Array.isArray(batch)) return batch.map(walk);
  if (batch instanceof Map) return new Map([...batch].map(([key, value]) => [key, walk(value)]));
  if (Object.getPrototypeOf(batch) === Object.prototype) {
    return Object.fromEntries(Object.entries(batch).map(([key, value]) => [key, walk(value)]));
  }
  return batch;
}

/** Batches nested deeper than this refer to themselves. */
const MOST_DEPTH = 64;

/**
 * A batch with its host arrays as tensors: nested arrays, maps and plain objects are walked, other values stay.
 *
 * @throws {TypeError} If it refers to itself
 */
export function toDevice(batch: unknown, depth: number = 0): unknown {
  if (batch instanceof Tensor || batch === null || typeof batch !== "object") return batch;
  if (isHostTensor(batch)) return tensor(batch);
  if (ArrayBuffer.isView(batch)) return tensor(batch as Float32Array);
  if (depth > MOST_DEPTH) {
    throw new TypeError(
      `Cannot move a batch to the device: it is nested deeper than ${MOST_DEPTH}, or refers to itself`,
    );
  }
  const inside = (value: unknown) => toDevice(value, depth + 1);
  if (Array.isArray(batch)) return batch.map(inside);
  if (batch instanceof Map) return new Map([...batch].map(([key, value]) => [key, inside(value)]));
  if (Object.getPrototypeOf(batch) === Object.prototype) {
    return Object.fromEntries(Object.entries(batch).map(([key, value]) => [key, inside(value)]));
  }
  return batch;
}

/** The first axis of the first tensor with axes in a batch, or 1: how many items an average has to count. */
export function batchSizeOf(batch: unknown): number {
  return firstSize(batch, 0) ?? 1;
}

function firstSize(value: unknown, depth: number): number | null {
  if (value instanceof Tensor) return value.shape.length > 0 ? value.shape[0] : 1;
  if (typeof value === "string") return value.length;
  if (value === null || typeof value !== "object" || depth > MOST_DEPTH) return null;
  const items = Array.isArray(value) ? value : value instanceof Map ? [...value.values()] : Object.values(value);
  for (const item of items) {
    const size = firstSize(item, depth + 1);
    if (size !== null) return size;
  }
  return null;
}
