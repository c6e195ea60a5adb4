import type { DType } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { family } from "../_family.ts";
import { launch } from "../_run.ts";
import { splitBy } from "../_split.ts";
import { indexHeads, indexKeys, indexStarts, indexSum, indexSumDirect, scatterSum } from "../_wgsl.ts";
import { orderOf, temporary } from "../sort/_order.ts";

/**
 * How rows are summed by index: each result looks through all indices, or indices are sorted first. Both add in the
 * same order up to blocks of {@link BLOCK} rows, and neither ever depends on which invocation comes first.
 */
export type SumMethod = "direct" | "sorted";

/** Sizes of a sum by index: src is [outer, length, inner], the result [outer, size, inner]. */
export interface SumSizes {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly size: number;
}

/** Rows of one key that one invocation adds up; longer runs are summed in blocks, side by side. */
const BLOCK = 64;

/** Looking through all indices is one dispatch, and pays when results have few to look through or a GPU does it. */
const DIRECT_LENGTH = 16;

function methodFor(results: number, length: number): SumMethod {
  const most = family() === "lanes" ? 2 ** 19 : 2 ** 24;
  return length <= DIRECT_LENGTH || results * length <= most ? "direct" : "sorted";
}

function rowType(dtype: DType, wide: boolean): string {
  const short = dtype === "f32" ? "f" : dtype === "i32" ? "i" : "u";
  return wide ? `vec4${short}` : dtype;
}

/** y[o, k, i] = Σ src[o, j, i] over the places j with index[j] = k, but none for k = skip. */
export function sumByIndex(
  label: string,
  src: Tensor,
  index: Tensor,
  y: Tensor,
  { outer, length, inner, size }: SumSizes,
  skip: number,
  method?: SumMethod,
): void {
  const wide = inner % 4 === 0;
  const row = wide ? inner / 4 : inner, count = outer * size * row;
  const special = { aliases: { Row: rowType(y.dtype, wide) } };
  if ((method ?? methodFor(count, length)) === "direct") {
    launch(
      indexSumDirect,
      { src, index, y },
      { size: splitBy(size), length, inner: splitBy(row), count, skip },
      Math.ceil(count / 64),
      special,
    );
    return;
  }
  const keys = temporary([1, length], "u32", label);
  const params = { size, length: splitBy(length), inner: splitBy(1), count: length, none: size, skip };
  launch(indexKeys, { index, keys }, params, Math.ceil(length / 64));
  sumByKeys(label, src, keys, y, { outer, length, inner: row, size }, special, wide ? 4 : 1);
}

/** y[o, k, i] = Σ src[o, j, i] over the places j with index[o, j, i] = k. */
export function sumByIndices(
  label: string,
  src: Tensor,
  index: Tensor,
  y: Tensor,
  { outer, length, inner, size }: SumSizes,
  method?: SumMethod,
): void {
  const count = outer * size * inner;
  const special = { aliases: { Row: rowType(y.dtype, false) } };
  if ((method ?? methodFor(count, length)) === "direct") {
    launch(
      scatterSum,
      { src, index, y },
      { size: splitBy(size), length, inner: splitBy(inner), count },
      Math.ceil(count / 64),
      special,
    );
    return;
  }
  const total = outer * length * inner;
  const keys = temporary([1, total], "u32", label);
  const params = { size, length: splitBy(length), inner: splitBy(inner), count: total, none: count, skip: -1 };
  launch(indexKeys, { index, keys }, params, Math.ceil(total / 64));
  sumByKeys(label, src, keys, y, { outer: 1, length: total, inner: 1, size: count }, special, 1);
}

/** Sorts the keys, then adds the rows of each; `keys` is given back. */
function sumByKeys(
  label: string,
  src: Tensor,
  keys: Tensor,
  y: Tensor,
  { outer, length, inner, size }: SumSizes,
  special: { aliases: { Row: string } },
  unit: number,
): void {
  const { order, sorted } = orderOf(keys, Math.ceil(Math.log2(size + 1)), label);
  keys.dispose();
  const starts = temporary([size + 1], "u32", label);
  launch(indexStarts, { sorted, starts }, { length, count: size + 1 }, Math.ceil((size + 1) / 64));
  const long = length > 4 * BLOCK;
  const block = long ? BLOCK : length, blocks = Math.ceil(length / block);
  const heads = long ? temporary([outer * blocks * inner * unit], y.dtype, label) : src;
  if (long) {
    const count = outer * blocks * inner;
    const params = { length, block, blocks: splitBy(blocks), inner: splitBy(inner), count };
    launch(indexHeads, { src, order, sorted, heads }, params, Math.ceil(count / 64), special);
  }
  const params = {
    size: splitBy(size),
    length,
    inner: splitBy(inner),
    block: splitBy(block),
    blocks,
    count: outer * size * inner,
  };
  launch(indexSum, { src, order, starts, heads, y }, params, Math.ceil(params.count / 64), special);
  for (const t of [order, sorted, starts]) t.dispose();
  if (long) heads.dispose();
}
