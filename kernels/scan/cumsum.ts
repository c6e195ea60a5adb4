import { checkNames } from "../../device/option_names.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { normalizeDim } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { itemTypes, laneGroup, type Packed, rowsOf, slicesOf } from "../_rows.ts";
import { launch } from "../_run.ts";
import { reduce, scan } from "../_wgsl.ts";
import { temporary, type Word } from "../reduce/_reduce.ts";
import { countedType, countedWord } from "../reduce/sum.ts";

/** The axis along which sums grow. */
export interface CumsumOptions {
  /** The axis. */
  dim: number;
}

interface Attrs {
  readonly dim: number;
  /** Sums from the end. */
  readonly reversed: boolean;
}

const cumsumOp: Op<Attrs> = {
  name: "cumsum",
  precision: "full",
  infer: ([x]) => ({ shape: x!.shape, dtype: countedType(x!.dtype) }),
  forward: ([x], { dim, reversed }, [y]) => {
    const rows = rowsOf(x!.shape, dim);
    const { outer, length, inner } = rows;
    const packed: Packed = inner % 4 === 0
      ? { packing: "across", rows: outer * inner / 4, length, inner: inner / 4 }
      : { packing: "single", rows: outer * inner, length, inner };
    const slices = slicesOf(rows, false);
    const slice = Math.ceil(length / slices);
    const word = countedWord(x!.dtype);
    if (slices === 1) return scanInto(word, packed, 1, length, reversed, false, x!, null, y);
    // Sums of slices, then sums of the slices before each, then the slices from there.
    const sums = temporary([slices, outer * inner], word, "cumsum");
    const offsets = temporary([slices, outer * inner], word, "cumsum");
    sumSlices(word, packed, slices, slice, x!, sums);
    const over: Packed = { packing: packed.packing, rows: packed.rows, length: slices, inner: packed.rows };
    scanInto(word, over, 1, slices, reversed, true, sums, null, offsets);
    scanInto(word, packed, slices, slice, reversed, false, x!, offsets, y);
    sums.dispose();
    offsets.dispose();
  },
  grad: (dy, { inputs }, { dim, reversed }) => [
    isFloat(inputs[0]!.dtype) ? apply(cumsumOp, [dy], { dim, reversed: !reversed }) : null,
  ],
};

function scanInto(
  word: Word,
  { packing, rows, length, inner }: Packed,
  slices: number,
  slice: number,
  reversed: boolean,
  exclusive: boolean,
  x: Tensor,
  offsets: Tensor | null,
  y: Tensor,
): void {
  const group = laneGroup(rows * slices);
  launch(
    scan,
    { x, offsets: offsets ?? x, y },
    { rows, length, inner, slices, slice },
    Math.ceil(rows * slices / group),
    {
      aliases: { Item: itemTypes(packing, word).item },
      overrides: {
        group,
        reversed: reversed ? 1 : 0,
        exclusive: exclusive ? 1 : 0,
        has_offsets: offsets === null ? 0 : 1,
      },
    },
  );
}

/** The sum of each slice, at [slice, row]. */
function sumSlices(
  word: Word,
  { packing, rows, length, inner }: Packed,
  slices: number,
  slice: number,
  x: Tensor,
  y: Tensor,
): void {
  const { item } = itemTypes(packing, word);
  const group = laneGroup(rows * slices);
  launch(
    reduce,
    { x, y },
    { rows, length, inner, slices, slice, scale: 1 },
    Math.ceil(rows * slices / group),
    {
      aliases: { In: item, Acc: item, Out: item },
      functions: { finish: "fn finish(v: Out) -> Out { return v; }" },
      overrides: { group },
    },
  );
}

/**
 * Sums of all elements up to each, along an axis: y[i] = x[0] + … + x[i].
 *
 * @param x Any shape; integers (i32) and booleans give i32
 * @param options The axis
 * @returns A tensor of the same shape
 * @throws {RangeError} If the axis does not exist
 *
 * @example
 * ```ts
 * import { cumsum, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await cumsum(tensor([1, 2, 3, 4]), { dim: 0 }).array()); // [1, 3, 6, 10]
 * ```
 */
export function cumsum(x: Tensor, options: CumsumOptions): Tensor {
  checkNames("compute cumsum", options, { dim: true });
  const { dim } = options;
  return apply(cumsumOp, [x], { dim: normalizeDim("cumsum", dim, x.ndim), reversed: false });
}
