import { show } from "../device/option_names.ts";
import { add } from "../kernels/elementwise/arithmetic.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { lt } from "../kernels/elementwise/compare.ts";
import { arange, zeros } from "../kernels/elementwise/constants.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { select } from "../kernels/layout/slice.ts";
import { stack } from "../kernels/cat/cat.ts";
import type { CellKind } from "../kernels/recurrent/_cells.ts";
import { recurrent } from "../kernels/recurrent/recurrent.ts";
import { linear } from "../ops/linear.ts";
import { tensor } from "../tensor/create.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShape, showShapes } from "../tensor/errors.ts";
import { sameShape, type Shape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The parameters of one direction of one layer. */
export interface Weights {
  readonly weightIh: Tensor;
  readonly weightHh: Tensor;
  readonly biasIh: Tensor | null;
  readonly biasHh: Tensor | null;
  /** [projSize, hidden], of an LSTM whose states are projected. */
  readonly weightHr: Tensor | null;
}

/** How a layer walks through its input. */
export interface Walk {
  readonly kind: CellKind;
  readonly reversed: boolean;
  readonly axis: 0 | 1;
  /** Lengths [batch], and where each time of each row is inside, in the shape of states with one feature. */
  readonly lengths: { readonly counts: Tensor; readonly inside: Tensor } | null;
  /** Whether states are multiplied by a kernel of their own; by default where that is much work. */
  readonly apart?: boolean;
}

/** What a direction of a layer gives. */
export interface Walked {
  /** States of all times. */
  readonly y: Tensor;
  /** The last state, [batch, features]. */
  readonly h: Tensor;
  /** The last cell, of an LSTM. */
  readonly c: Tensor | null;
}

/** The input's share of the gates, for all times in one product, and the bias that is left for the state's product. */
function inputGates(kind: CellKind, x: Tensor, { weightIh, biasIh, biasHh }: Weights): [Tensor, Tensor | null] {
  // In a GRU the reset gate multiplies the second bias; elsewhere the biases are one.
  if (kind === "gru" || biasIh === null || biasHh === null) return [linear(x, weightIh, { bias: biasIh }), biasHh];
  return [linear(x, weightIh, { bias: add(biasIh, biasHh) }), null];
}

/** One direction of one layer. */
export function walk(x: Tensor, h0: Tensor, c0: Tensor | null, weights: Weights, how: Walk): Walked {
  const { kind, reversed, axis, lengths, apart } = how;
  if (weights.weightHr !== null) return walkProjected(x, h0, c0!, weights, weights.weightHr, how);
  const [gates, bias] = inputGates(kind, x, weights);
  const counts = lengths?.counts ?? null;
  const { states, cell } = recurrent(
    { gates, h0, c0, weight: weights.weightHh, bias, lengths: counts },
    { kind, reversed, axis, apart },
  );
  return {
    y: lengths === null ? states : where(lengths.inside, states, 0),
    h: select(states, { dim: axis, index: reversed ? 0 : -1 }),
    c: cell,
  };
}

/** The same with states that are projected: the product lies between two times, so that each is a walk of its own. */
function walkProjected(
  x: Tensor,
  h0: Tensor,
  c0: Tensor,
  weights: Weights,
  weightHr: Tensor,
  { kind, reversed, axis, lengths }: Walk,
): Walked {
  const [gates, bias] = inputGates(kind, x, weights);
  const time = x.shape[axis];
  const states = new Array<Tensor>(time);
  let h = h0, c = c0;
  for (let i = 0; i < time; i++) {
    const t = reversed ? time - 1 - i : i;
    const own = select(gates, { dim: axis, index: t });
    const next = recurrent(
      { gates: reshape(own, [1, ...own.shape]), h0: h, c0: c, weight: weights.weightHh, bias, lengths: null },
      { kind, reversed, axis: 0 },
    );
    const projected = linear(select(next.states, { dim: 0, index: 0 }), weightHr);
    if (lengths === null) [h, c] = [projected, next.cell!];
    else {
      const inside = select(lengths.inside, { dim: axis, index: t });
      [h, c] = [where(inside, projected, h), where(inside, next.cell!, c)];
    }
    states[t] = h;
  }
  const y = stack(states, { dim: axis });
  return { y: lengths === null ? y : where(lengths.inside, y, 0), h, c };
}

/** One time: the state, and an LSTM's cell, from those before. */
export function stepOnce(
  kind: CellKind,
  x: Tensor,
  h0: Tensor,
  c0: Tensor | null,
  weights: Weights,
): [Tensor, Tensor | null] {
  const [gates, bias] = inputGates(kind, x, weights);
  const { states, cell } = recurrent(
    { gates: reshape(gates, [1, ...gates.shape]), h0, c0, weight: weights.weightHh, bias, lengths: null },
    { kind, reversed: false, axis: 0 },
  );
  return [select(states, { dim: 0, index: 0 }), cell];
}

/** How many times each row has, checked, with the mask of the places inside. */
export function lengthsOf(
  layer: string,
  given: readonly number[] | Tensor,
  batch: number,
  time: number,
  axis: 0 | 1,
): NonNullable<Walk["lengths"]> {
  if (!(given instanceof Tensor)) {
    const wrong = given.find((n) => !Number.isInteger(n) || n < 1 || n > time);
    if (wrong !== undefined) {
      throw new RangeError(
        `Cannot walk through a sequence in ${layer}: lengths must be from 1 to ${time}, got ${show(wrong)}`,
      );
    }
  } else if (given.dtype !== "i32") {
    throw new TypeError(`Cannot walk through a sequence in ${layer}: lengths must be i32, they are ${given.dtype}`);
  }
  const counts = given instanceof Tensor ? given : tensor(Int32Array.from(given));
  requireShape(layer, "lengths", counts, [batch]);
  const [t, n] = axis === 0 ? [[time, 1, 1], [1, batch, 1]] : [[1, time, 1], [batch, 1, 1]];
  return { counts, inside: lt(reshape(arange(time), t), reshape(counts, n)) };
}

/** Throws unless a tensor has a shape. */
function requireShape(layer: string, what: string, t: Tensor, shape: Shape): void {
  if (!(t instanceof Tensor)) {
    throw new TypeError(`Cannot walk through a sequence in ${layer}: ${what} must be a tensor, got ${show(t)}`);
  }
  if (sameShape(t.shape, shape)) return;
  throw new ShapeError(
    layer,
    `Cannot walk through a sequence in ${layer}: ${what} must have the shape ${showShape(shape)}, its shape is ${
      showShape(t.shape)
    }`,
    [t.shape, shape],
  );
}

/** Throws unless an input has features in its last axis and one of two ranks. */
export function requireFeatures(layer: string, x: Tensor, features: number, ranks: readonly number[]): void {
  if (x instanceof Tensor && ranks.includes(x.ndim) && x.shape[x.ndim - 1] === features) return;
  const got = x instanceof Tensor ? `its shape is ${showShapes([x.shape])}` : `got ${show(x)}`;
  throw new ShapeError(
    layer,
    `Cannot walk through a sequence in ${layer}: the input must have ${ranks.join(" or ")} axes and ${features} ` +
      `features in the last, ${got}`,
    x instanceof Tensor ? [x.shape] : [],
  );
}

/** A first state: what was given, or zeros of the input's type. */
export function startOf(
  layer: string,
  what: string,
  given: Tensor | null | undefined,
  shape: Shape,
  x: Tensor,
): Tensor {
  if (given === null || given === undefined) return zeros(shape, { dtype: isFloat(x.dtype) ? x.dtype : "f32" });
  requireShape(layer, what, given, shape);
  return given;
}
