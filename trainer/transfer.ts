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

/** A batch with its host arrays as tensors: nested arrays, maps and plain objects are walked, other values stay. */
export function toDevice(batch: unknown): unknown {
  if (batch instanceof Tensor || batch === null || typeof batch !== "object") return batch;
  if (isHostTensor(batch)) return tensor(batch);
  if (ArrayBuffer.isView(batch)) return tensor(batch as Float32Array);
  if (Array.isArray(batch)) return batch.map(toDevice);
  if (batch instanceof Map) return new Map([...batch].map(([key, value]) => [key, toDevice(value)]));
  if (Object.getPrototypeOf(batch) === Object.prototype) {
    return Object.fromEntries(Object.entries(batch).map(([key, value]) => [key, toDevice(value)]));
  }
  return batch;
}

/** The first axis of the first tensor with axes in a batch, or 1: how many items an average has to count. */
export function batchSizeOf(batch: unknown): number {
  return firstSize(batch) ?? 1;
}

function firstSize(value: unknown): number | null {
  if (value instanceof Tensor) return value.shape.length > 0 ? value.shape[0] : 1;
  if (typeof value === "string") return value.length;
  if (value === null || typeof value !== "object") return null;
  const items = Array.isArray(value) ? value : value instanceof Map ? [...value.values()] : Object.values(value);
  for (const item of items) {
    const size = firstSize(item);
    if (size !== null) return size;
  }
  return null;
}
