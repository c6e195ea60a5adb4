import { checkNames } from "../../device/option_names.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Chain, read } from "../elementwise/chain.ts";
import { registerOf } from "../elementwise/register.ts";

/** Which diagonal is the edge. */
export interface TriangleOptions {
  /** 0 the main diagonal, above it positive, below it negative; default 0. */
  diagonal?: number;
}

interface Attrs {
  readonly lower: boolean;
  readonly diagonal: number;
}

const triangleOp: Op<Attrs> = {
  name: "triangle",
  half: "native",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  lazy: ([x], { lower, diagonal }, { shape, dtype }) => {
    const [rows, columns] = shape.slice(-2);
    const register = registerOf(dtype);
    const side = lower ? "<=" : ">=";
    const f = `select(${register}(0), x, i32(i % z) - i32((i / z) % y) ${side} u)`;
    const operands = [
      read(x!),
      { value: rows, as: "u32" },
      { value: columns, as: "u32" },
      { value: diagonal, as: "i32" },
    ] as const;
    return new Chain({ f, operands, dtype }, shape);
  },
  grad: (dy, _, attrs) => [apply(triangleOp, [dy], attrs)],
};

function triangle(name: string, x: Tensor, lower: boolean, diagonal: number): Tensor {
  if (x.ndim < 2) {
    throw new ShapeError(
      name,
      `Cannot take a triangle in ${name}: there must be at least two axes, the shape is ${showShape(x.shape)}`,
      [x.shape],
    );
  }
  if (!Number.isInteger(diagonal)) {
    throw new RangeError(`Cannot take a triangle in ${name}: diagonal must be a whole number, got ${diagonal}`);
  }
  return apply({ ...triangleOp, name }, [x], { lower, diagonal });
}

/**
 * The lower triangle of the last two axes; zeros elsewhere.
 *
 * @param x At least two axes
 * @param options The diagonal up to which elements stay
 * @returns A tensor of the same shape
 * @throws {ShapeError} If there are fewer than two axes
 *
 * @example
 * ```ts
 * import { init, ones, tril } from "@fulgurite/core";
 *
 * await init();
 * console.log(await tril(ones([2, 3])).array()); // [[1, 0, 0], [1, 1, 0]]
 * ```
 */
export function tril(x: Tensor, options: TriangleOptions = {}): Tensor {
  checkNames("compute tril", options, { diagonal: true });
  const { diagonal = 0 } = options;
  return triangle("tril", x, true, diagonal);
}

/**
 * The upper triangle of the last two axes; zeros elsewhere.
 *
 * @param x At least two axes
 * @param options The diagonal from which on elements stay
 * @returns A tensor of the same shape
 * @throws {ShapeError} If there are fewer than two axes
 *
 * @example
 * ```ts
 * import { init, ones, triu } from "@fulgurite/core";
 *
 * await init();
 * console.log(await triu(ones([2, 3]), { diagonal: 1 }).array()); // [[0, 1, 1], [0, 0, 1]]
 * ```
 */
export function triu(x: Tensor, options: TriangleOptions = {}): Tensor {
  checkNames("compute triu", options, { diagonal: true });
  const { diagonal = 0 } = options;
  return triangle("triu", x, false, diagonal);
}
