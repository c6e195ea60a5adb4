import type { DType } from "../../tensor/dtype.ts";
import { numel, type Shape } from "../../tensor/shape.ts";
import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { family } from "../_family.ts";
import { launch } from "../_run.ts";
import { radixCount, radixPlace, radixScan, radixSums, rank as rankKernel } from "../_wgsl.ts";

/** Rows of keys in order, and where each came from. */
export interface Order {
  /** The keys, ascending, u32 [rows, length]. */
  readonly sorted: Tensor;
  /** The place in its row that each came from, u32 [rows, length]; equal keys keep their order. */
  readonly order: Tensor;
}

/** How rows are sorted: by counting smaller keys, or digit by digit. */
export type OrderMethod = "rank" | "radix";

/** A tensor that lives as long as the dispatches that use it are being recorded. */
export function temporary(shape: Shape, dtype: DType, label: string): Tensor {
  return new Tensor({ shape, storage: new Storage(numel(shape), dtype, label), scoped: false });
}

/**
 * What suits the size. Counting smaller keys is one dispatch, but takes length² comparisons for each row, which a GPU
 * makes thousands at a time; digit by digit it is four dispatches for every eight bits.
 */
export function orderMethod(rows: number, length: number): OrderMethod {
  const most = family() === "lanes" ? 2 ** 19 : 2 ** 24;
  return length <= 64 || rows * length * length <= most ? "rank" : "radix";
}

/**
 * Sorts rows of keys, stably and the same way every time, without atomics.
 *
 * @param keys u32 [rows, length], not empty
 * @param bits Keys are below 2^bits
 * @param label The op's name
 * @param options How (by default what suits the size), and where the order goes
 * @returns Temporary tensors, for the caller to dispose
 */
export function orderOf(keys: Tensor, bits: number, label: string, { method, into }: OrderOptions = {}): Order {
  const [rows, length] = keys.shape;
  return (method ?? orderMethod(rows, length)) === "rank"
    ? firstOf(keys, length, label, into)
    : byRadix(keys, bits, label, into);
}

/** How keys are sorted, and where the result goes. */
export interface OrderOptions {
  readonly method?: OrderMethod;
  /** A tensor of whole numbers for the order; by default a new one. */
  readonly into?: Tensor;
}

/** The `kept` smallest keys of each row, in order. */
export function firstOf(keys: Tensor, kept: number, label: string, into?: Tensor): Order {
  const [rows, length] = keys.shape;
  const order = into ?? temporary([rows, kept], "u32", label), sorted = temporary([rows, kept], "u32", label);
  const packed = length <= 32;
  const rowsInGroup = packed ? Math.floor(64 / length) : 1, chunks = Math.ceil(length / 64);
  launch(
    rankKernel,
    { keys, order, sorted },
    { rows, length, chunks, rowsInGroup, kept },
    Math.ceil(rows / rowsInGroup) * chunks,
    { overrides: { packed: Number(packed) } },
  );
  return { order, sorted };
}

/** Keys of a tile are moved one after the other, tiles at the same time. */
const TILE = 256;

function byRadix(keys: Tensor, bits: number, label: string, into?: Tensor): Order {
  const [rows, length] = keys.shape;
  // Eight bits at a time, but not many more counters than keys.
  const most = Math.min(8, Math.max(4, Math.floor(Math.log2(length))));
  const passes = Math.max(1, Math.ceil(bits / most)), width = Math.max(1, Math.ceil(bits / passes));
  const digits = 1 << width;
  const tiles = Math.ceil(length / TILE);
  const counters = digits * tiles, chunk = Math.ceil(Math.sqrt(counters)), chunks = Math.ceil(counters / chunk);
  const counts = temporary([rows, counters], "u32", label), sums = temporary([rows, chunks], "u32", label);
  let current: Order | null = null;
  for (let pass = 0; pass < passes; pass++) {
    const from = current?.sorted ?? keys;
    const params = { rows, length, tiles, tile: TILE, shift: pass * width, digits };
    const scanned = { rows, length: counters, chunks, chunk };
    launch(radixCount, { keys: from, counts }, params, Math.ceil(rows * tiles / 32));
    launch(radixSums, { counts, sums }, scanned, Math.ceil(rows * chunks / 32));
    launch(radixScan, { sums, counts }, scanned, Math.ceil(rows * chunks / 32));
    const last = pass === passes - 1;
    const next = {
      sorted: temporary(keys.shape, "u32", label),
      order: last && into !== undefined ? into : temporary(keys.shape, "u32", label),
    };
    launch(
      radixPlace,
      { keys: from, order: current?.order ?? keys, places: counts, nextKeys: next.sorted, nextOrder: next.order },
      params,
      Math.ceil(rows * tiles / 32),
      { overrides: { first: Number(pass === 0) } },
    );
    current?.sorted.dispose();
    current?.order.dispose();
    current = next;
  }
  counts.dispose();
  sums.dispose();
  return current!;
}
