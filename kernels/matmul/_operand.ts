import { broadcastStrides, type Shape, stridesOf } from "../../tensor/shape.ts";
import type { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { Chain } from "../elementwise/chain.ts";
import { composeReadings, type Reading } from "../elementwise/compose.ts";
import { expressionOf } from "../elementwise/expression.ts";

/** A stack of matrices in a buffer: element (…, i, j) lies at `offset + Σ batch·strides + i·row + j·column`. */
export interface Matrices {
  /** A handle on the buffer with the elements; its own shape does not matter. */
  readonly tensor: Tensor;
  /** Whether the handle was made here, to be disposed after the launch. */
  readonly own: boolean;
  readonly offset: number;
  /** Strides along the axes before the last two, of the tensor as it was given. */
  readonly batch: readonly number[];
  readonly row: number;
  readonly column: number;
  /** Whether lines are followed by zeros up to a multiple of four. */
  readonly padded?: boolean;
}

/** The expression of a rearrangement. */
const ITSELF = expressionOf("x");

/** A tensor that is still a strided view: nothing but a rearrangement of a buffer waits behind it. */
interface PureView {
  readonly storage: Storage;
  readonly strides: readonly number[];
  readonly offset: number;
}

/**
 * The strided view that a tensor still is, or `null`. Views of views are composed.
 *
 * @param t The tensor
 * @param shape Another shape of it, if the view is wanted for a reshaped tensor
 */
export function pureView(t: Tensor, shape: Shape = t.shape): PureView | null {
  let found: PureView | null = null;
  let storage = t.storage;
  let reading: Reading = { strides: stridesOf(shape), offset: 0 };
  for (;;) {
    const { pending } = storage;
    if (!(pending instanceof Chain) || pending.work.expression !== ITSELF) return found;
    const [operand] = pending.work.operands;
    if (!("storage" in operand) || operand.storage.dtype !== t.dtype) return found;
    const inner = operand.view ?? { strides: broadcastStrides(operand.shape, pending.shape), offset: 0 };
    const composed = composeReadings(shape, reading, pending.shape, inner);
    if (composed === null) return found;
    reading = composed;
    storage = operand.storage;
    found = { storage, ...reading };
  }
}

/**
 * How the elements of a stack of matrices lie, without moving them where that can be helped: transposed, permuted,
 * sliced and expanded tensors are read in place as long as rows or columns are contiguous.
 */
export function matrices(t: Tensor, transposed: boolean): Matrices {
  const view = matrixView(t);
  if (view === null) return contiguous(t, transposed);
  const { storage, strides, offset } = view;
  const [row, column] = strides.slice(-2);
  const source = new Tensor({ shape: [storage.numel], storage: storage.retain(), scoped: false });
  return { ...oriented(source, offset, strides.slice(0, -2), row, column, transposed), own: true };
}

/** The view that a tensor still is, if matrices can be read through it. */
function matrixView(t: Tensor): PureView | null {
  const view = pureView(t);
  if (view === null) return null;
  const [row, column] = view.strides.slice(-2);
  const [rows, columns] = t.shape.slice(-2);
  return row === 1 || column === 1 || rows === 1 || columns === 1 ? view : null;
}

/** Makes sure that what a product will read is computed and not only described. */
export function materialise(t: Tensor): void {
  void (matrixView(t) ?? t).storage.buffer;
}

function contiguous(t: Tensor, transposed: boolean): Matrices {
  const strides = stridesOf(t.shape);
  return oriented(t, 0, strides.slice(0, -2), strides.at(-2)!, strides.at(-1)!, transposed);
}

function oriented(
  tensor: Tensor,
  offset: number,
  batch: readonly number[],
  row: number,
  column: number,
  transposed: boolean,
): Matrices {
  return { tensor, own: false, offset, batch, row: transposed ? column : row, column: transposed ? row : column };
}

/** Strides along the axes of a broadcast batch: 0 where these matrices are repeated. */
export function batchStrides(shape: Shape, strides: readonly number[], target: Shape): number[] {
  const lead = target.length - shape.length;
  return target.map((_, i) => i < lead || shape[i - lead] === 1 ? 0 : strides[i - lead]);
}
