import { checkNames } from "../../device/option_names.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { applyAll, type Op, type Spec } from "../../tensor/op.ts";
import { normalizeDim, type Shape, stridesOf } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { cat } from "../cat/cat.ts";
import { Chain, readView } from "../elementwise/chain.ts";
import { zeros } from "../elementwise/constants.ts";
import { reshape } from "./reshape.ts";
import { requireAxes } from "./slice.ts";

/** Which axis is split. */
export interface SplitOptions {
  /** The axis; default 0. */
  dim?: number;
}

interface Attrs {
  readonly dim: number;
  readonly sizes: readonly number[];
  /** Whether the axis, of size 1 in every part, goes away. */
  readonly drop: boolean;
}

const withSize = (shape: Shape, dim: number, size: number): number[] => shape.map((n, i) => i === dim ? size : n);

/** All parts of an axis: views, whose gradient is one concatenation. */
const splitOp: Op<Attrs, readonly Spec[]> = {
  name: "split",
  half: "native",
  infer: ([x], { dim, sizes, drop }) =>
    sizes.map((size) => ({
      shape: drop ? x!.shape.filter((_, i) => i !== dim) : withSize(x!.shape, dim, size),
      dtype: x!.dtype,
    })),
  lazy: ([x], { dim, sizes, drop }, { shape, dtype }, index) => {
    const strides = stridesOf(x!.shape);
    const offset = strides[dim] * sizes.slice(0, index).reduce((a, b) => a + b, 0);
    const kept = drop ? strides.filter((_, i) => i !== dim) : strides;
    return new Chain({ f: "x", operands: [readView(x!, kept, offset)], dtype }, shape);
  },
  grad: (_, { dys, inputs }, { dim, sizes }) => {
    const { shape, dtype } = inputs[0]!;
    if (!isFloat(dtype)) return [null];
    // Neighbouring parts that nothing depends on are one block of zeros.
    const parts: Tensor[] = [];
    let idle = 0;
    const flush = () => {
      if (idle > 0) parts.push(zeros(withSize(shape, dim, idle), { dtype }));
      idle = 0;
    };
    dys.forEach((dy, i) => {
      if (dy === null) idle += sizes[i];
      else {
        flush();
        parts.push(reshape(dy, withSize(shape, dim, sizes[i])));
      }
    });
    flush();
    return [cat(parts, { dim })];
  },
};

/**
 * Splits an axis into parts. They are views: inside a chain they cost nothing.
 *
 * @param x At least one axis
 * @param splitSize Size of the parts (the last may be smaller), or the size of each part
 * @param options The axis
 * @returns The parts, in order
 * @throws {RangeError} If a size is not a whole number that fits
 * @throws {ShapeError} If given sizes do not add up to the axis
 *
 * @example
 * ```ts
 * import { arange, init, split } from "@fulgurite/core";
 *
 * await init();
 * const [a, b] = split(arange(5), 3);
 * console.log(await a.array(), await b.array()); // [0, 1, 2] [3, 4]
 * ```
 */
export function split(x: Tensor, splitSize: number | readonly number[], options: SplitOptions = {}): Tensor[] {
  checkNames("compute split", options, { dim: true });
  const { dim = 0 } = options;
  requireAxes("split", x);
  const axis = normalizeDim("split", dim, x.ndim), size = x.shape[axis];
  if (typeof splitSize !== "number") {
    if (splitSize.some((n) => !Number.isInteger(n) || n < 0) || splitSize.reduce((a, b) => a + b, 0) !== size) {
      throw new ShapeError(
        "split",
        `Cannot split in split: the sizes must add up to the axis, current sizes are ${
          showShape(splitSize)
        } and the axis of shape ${showShape(x.shape)} has ${size}`,
        [x.shape],
      );
    }
    return parts(x, axis, splitSize);
  }
  if (!Number.isInteger(splitSize) || splitSize < 0 || (splitSize === 0 && size > 0)) {
    throw new RangeError(`Cannot split in split: the size of parts must be a whole number from 1 on, got ${splitSize}`);
  }
  const count = Math.max(1, splitSize === 0 ? 1 : Math.ceil(size / splitSize));
  return parts(x, axis, Array.from({ length: count }, (_, i) => Math.min(splitSize, size - i * splitSize)));
}

/**
 * Splits an axis into at most `chunks` parts of equal size (the last may be smaller).
 *
 * @param x At least one axis
 * @param chunks Number of parts wanted; there are fewer when the axis is used up before
 * @param options The axis
 * @returns The parts, in order
 * @throws {RangeError} If `chunks` is not a whole number from 1 on
 *
 * @example
 * ```ts
 * import { arange, chunk, init } from "@fulgurite/core";
 *
 * await init();
 * console.log(chunk(arange(7), 3).map((part) => part.shape[0])); // [3, 3, 1]
 * ```
 */
export function chunk(x: Tensor, chunks: number, options: SplitOptions = {}): Tensor[] {
  checkNames("compute chunk", options, { dim: true });
  const { dim = 0 } = options;
  requireAxes("chunk", x);
  if (!Number.isInteger(chunks) || chunks < 1) {
    throw new RangeError(
      `Cannot split in chunk: the number of parts must be a whole number from 1 on, got ${chunks}`,
    );
  }
  const axis = normalizeDim("chunk", dim, x.ndim), size = x.shape[axis];
  if (size === 0) return parts(x, axis, new Array<number>(chunks).fill(0));
  return split(x, Math.ceil(size / chunks), { dim: axis });
}

/**
 * All places of an axis, each a tensor with one axis less.
 *
 * @param x At least one axis
 * @param options The axis
 * @returns As many tensors as the axis has places
 *
 * @example
 * ```ts
 * import { init, tensor, unbind } from "@fulgurite/core";
 *
 * await init();
 * const [first, second] = unbind(tensor([[1, 2], [3, 4]]));
 * console.log(await first.array(), await second.array()); // [1, 2] [3, 4]
 * ```
 */
export function unbind(x: Tensor, options: SplitOptions = {}): Tensor[] {
  checkNames("compute unbind", options, { dim: true });
  const { dim = 0 } = options;
  requireAxes("unbind", x);
  const axis = normalizeDim("unbind", dim, x.ndim);
  if (x.shape[axis] === 0) return [];
  return applyAll(splitOp, [x], { dim: axis, sizes: new Array<number>(x.shape[axis]).fill(1), drop: true });
}

function parts(x: Tensor, dim: number, sizes: readonly number[]): Tensor[] {
  return sizes.length === 1 ? [x] : applyAll(splitOp, [x], { dim, sizes, drop: false });
}
