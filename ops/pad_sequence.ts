import { checkNames } from "../device/option_names.ts";
import { cat } from "../kernels/cat/cat.ts";
import { narrow, select } from "../kernels/layout/slice.ts";
import { pad } from "../kernels/pad/pad.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import { tensorsOf } from "../tensor/operands.ts";
import { sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { unsqueeze } from "./shape.ts";

/** How {@link padSequence} lays sequences out. */
export interface PadSequenceOptions {
  /** Whether the result is [batch, time, …]; default false, [time, batch, …]. */
  batchFirst?: boolean;
  /** What stands where a sequence is over; default 0. */
  paddingValue?: number;
  /** The end at which it stands; default `"right"`. */
  paddingSide?: "left" | "right";
}

/**
 * Sequences of different lengths as one tensor, filled up to the longest.
 *
 * @param sequences Shapes [time, …], of one type, that differ in time alone
 * @param options Layout, and what stands where
 * @returns [time, batch, …], or with `batchFirst` [batch, time, …]
 * @throws {ShapeError} If the sequences differ in more than their first axis
 * @throws {RangeError} If the side is unknown
 *
 * @example
 * ```ts
 * import { init, padSequence, tensor } from "@fulgurite/core";
 *
 * await init();
 * const batch = padSequence([tensor([1, 2, 3]), tensor([4])], { batchFirst: true, paddingValue: -1 });
 * console.log(await batch.array()); // [[1, 2, 3], [4, -1, -1]]
 * ```
 */
export function padSequence(sequences: readonly Tensor[], options: PadSequenceOptions = {}): Tensor {
  const all = tensorsOf("padSequence", "fill up", sequences), shapes = all.map(({ shape }) => shape);
  checkNames("fill up in padSequence", options, { batchFirst: true, paddingValue: true, paddingSide: true });
  const { batchFirst = false, paddingValue = 0, paddingSide = "right" } = options;
  if (paddingSide !== "left" && paddingSide !== "right") {
    throw new RangeError(`Cannot fill up in padSequence: paddingSide must be left or right, got ${paddingSide}`);
  }
  const wrong = shapes.findIndex((s) => s.length === 0 || !sameShape(s.slice(1), shapes[0].slice(1)));
  if (wrong >= 0) {
    throw new ShapeError(
      "padSequence",
      `Cannot fill up in padSequence: sequences must have the same shape behind their first axis, element ${wrong} ` +
        `${shapes[wrong].length === 0 ? "has no axis" : "has another"}, current shapes are ${showShapes(shapes)}`,
      shapes,
    );
  }
  const time = Math.max(...shapes.map(([length]) => length));
  const rows = all.map((x) => {
    const missing = time - x.shape[0];
    const edges = [
      ...new Array<number>(2 * (x.ndim - 1)).fill(0),
      ...(paddingSide === "left" ? [missing, 0] : [0, missing]),
    ];
    return unsqueeze(missing === 0 ? x : pad(x, edges, { value: paddingValue }), batchFirst ? 0 : 1);
  });
  return cat(rows, { dim: batchFirst ? 0 : 1 });
}

/** How {@link unpadSequence} finds sequences. */
export interface UnpadSequenceOptions {
  /** Whether the tensor is [batch, time, …]; default false, [time, batch, …]. */
  batchFirst?: boolean;
}

/**
 * The sequences of a filled-up tensor: {@link padSequence} the other way round.
 *
 * @param padded [time, batch, …], or with `batchFirst` [batch, time, …]
 * @param lengths The length of each sequence
 * @param options Layout
 * @returns A tensor [length, …] for each
 * @throws {ShapeError} If there are not as many lengths as sequences
 * @throws {RangeError} If a length exceeds the time
 *
 * @example
 * ```ts
 * import { init, tensor, unpadSequence } from "@fulgurite/core";
 *
 * await init();
 * const [a, b] = unpadSequence(tensor([[1, 2, 3], [4, -1, -1]]), [3, 1], { batchFirst: true });
 * console.log(await a.array(), await b.array()); // [1, 2, 3] [4]
 * ```
 */
export function unpadSequence(
  padded: Tensor,
  lengths: readonly number[],
  options: UnpadSequenceOptions = {},
): Tensor[] {
  checkNames("take apart in unpadSequence", options, { batchFirst: true });
  const batch = options.batchFirst ? 0 : 1;
  if (padded.ndim < 2 || lengths.length !== padded.shape[batch]) {
    throw new ShapeError(
      "unpadSequence",
      `Cannot take apart in unpadSequence: there must be a length for each sequence, got ${lengths.length} for ${
        showShapes([padded.shape])
      }`,
      [padded.shape],
    );
  }
  return lengths.map((length, index) => narrow(select(padded, { dim: batch, index }), { dim: 0, start: 0, length }));
}
