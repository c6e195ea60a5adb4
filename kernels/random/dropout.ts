import { checkNames } from "../../device/option_names.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { defaultGenerator, type Generator } from "../../tensor/generator.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { checkTensors } from "../../tensor/operands.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { add, mul } from "../elementwise/arithmetic.ts";
import { to } from "../elementwise/cast.ts";
import { Chain, type Operand, read } from "../elementwise/chain.ts";
import type { RandomDraw } from "../elementwise/operand.ts";
import { drawn, keyInputs } from "./_drawn.ts";
import { checkProbability } from "./random.ts";

/** How much is dropped, and whether at all. */
export interface DropoutOptions {
  /** The probability that an element is dropped; default 0.5. */
  p?: number;
  /** Only in training anything is dropped; default true. */
  training?: boolean;
  /** Where the choice comes from; default: the generator that `manualSeed` seeds. */
  generator?: Generator;
}

interface Attrs {
  readonly draw: RandomDraw;
  /** The share of elements that stay. */
  readonly keep: number;
  /** Elements that stay become `scale · x + shift`, the others `rest`. */
  readonly scale: number;
  readonly shift: number;
  readonly rest: number;
}

/** The choice is made again for the gradient, from the same key: no mask is stored. */
const dropoutOp: Op<Attrs> = {
  name: "dropout",
  half: "native",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  lazy: ([x], { draw, keep, scale, shift, rest }, { shape, dtype }) => {
    const kept: Operand = { value: keep, as: "f32" }, factor: Operand = { value: scale, as: "f32" };
    const operands: Operand[] = [read(x!), { draw, as: "f32" }, kept, factor];
    if (shift === 0 && rest === 0) return new Chain({ f: "(x * select(0.0, u, y < z))", operands, dtype }, shape);
    operands.push({ value: shift, as: "f32" }, { value: rest, as: "f32" });
    return new Chain({ f: "select(w, x * u + v, y < z)", operands, dtype }, shape);
  },
  grad: (dy, _, attrs) => [apply(dropoutOp, [dy, ...keyInputs(attrs.draw)], { ...attrs, shift: 0, rest: 0 })],
};

function checkFloat(op: string, x: Tensor): void {
  checkTensors(op, x);
  if (isFloat(x.dtype)) return;
  throw new TypeError(`Cannot drop elements in ${op}: the tensor must be floating-point, got ${x.dtype}`);
}

function drop(x: Tensor, generator: Generator = defaultGenerator, attrs: Omit<Attrs, "draw">): Tensor {
  const draw: RandomDraw = { ...generator.take(), quad: "uniform_quad" };
  return apply(dropoutOp, [x, ...keyInputs(draw)], { ...attrs, draw });
}

/**
 * Sets elements to 0 with probability `p` and multiplies the others by 1 / (1 − p); outside of training it changes
 * nothing (Srivastava et al., 2014). The gradient drops the same elements.
 *
 * @param x Any shape, floating-point
 * @param options Probability, whether this is training, and source
 * @returns A tensor of the same shape
 * @throws {RangeError} If `p` is not between 0 and 1
 * @throws {TypeError} If the tensor is not floating-point
 *
 * @example
 * ```ts
 * import { dropout, init, manualSeed, ones } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await dropout(ones([8]), { p: 0.5 }).array()); // zeros and twos
 * console.log(await dropout(ones([2]), { training: false }).array()); // [1, 1]
 * ```
 */
export function dropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  checkNames("compute dropout", options, { p: true, training: true, generator: true });
  const { p = 0.5, training = true, generator } = options;
  checkProbability("dropout", p);
  checkFloat("dropout", x);
  if (!training || p === 0) return x;
  return drop(x, generator, { keep: 1 - p, scale: p === 1 ? 0 : 1 / (1 - p), shift: 0, rest: 0 });
}

/** α · scale of the SELU: what its elements approach far below 0, negated. */
const SELU_FLOOR = 1.7580993408473766;

/**
 * Dropout that keeps mean and variance of self-normalising networks: dropped elements become −1.7581, and all are
 * scaled and shifted (Klambauer et al., 2017).
 *
 * @param x Any shape, floating-point
 * @param options Probability, whether this is training, and source
 * @returns A tensor of the same shape
 * @throws {RangeError} If `p` is not between 0 and 1
 * @throws {TypeError} If the tensor is not floating-point
 *
 * @example
 * ```ts
 * import { alphaDropout, init, manualSeed, zeros } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await alphaDropout(zeros([4]), { p: 0.5 }).array());
 * ```
 */
export function alphaDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  checkNames("compute alphaDropout", options, { p: true, training: true, generator: true });
  const { p = 0.5, training = true, generator } = options;
  checkProbability("alphaDropout", p);
  checkFloat("alphaDropout", x);
  if (!training || p === 0) return x;
  if (p === 1) return mul(x, 0);
  return drop(x, generator, { keep: 1 - p, ...selfNormalising(p) });
}

/** How elements are scaled and shifted, and what those that are dropped become, so that mean and variance stay. */
function selfNormalising(p: number): Pick<Attrs, "scale" | "shift" | "rest"> {
  const scale = 1 / Math.sqrt((SELU_FLOOR * SELU_FLOOR * p + 1) * (1 - p));
  const shift = SELU_FLOOR * scale * p;
  return { scale, shift, rest: shift - SELU_FLOOR * scale };
}

/**
 * {@link alphaDropout} of whole channels: all elements behind the second axis are dropped together.
 *
 * @param x [batch, channels, …], floating-point
 * @param options Probability, whether this is training, and source
 * @returns A tensor of the same shape
 * @throws {RangeError} If `p` is not between 0 and 1
 * @throws {ShapeError} If there are less than two axes
 *
 * @example
 * ```ts
 * import { featureAlphaDropout, init, manualSeed, ones } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await featureAlphaDropout(ones([1, 3, 2])).array());
 * ```
 */
export function featureAlphaDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  checkNames("compute featureAlphaDropout", options, { p: true, training: true, generator: true });
  const { p = 0.5, training = true, generator = defaultGenerator } = options;
  checkProbability("featureAlphaDropout", p);
  checkFloat("featureAlphaDropout", x);
  if (x.ndim < 2) checkRank("featureAlphaDropout", x, [2, 3, 4, 5]);
  if (!training || p === 0) return x;
  if (p === 1) return mul(x, 0);
  const { scale, shift, rest } = selfNormalising(p);
  const shape = x.shape.map((size, i) => i < 2 ? size : 1);
  const kept = drawn(
    "featureAlphaDropout",
    "select(0.0, 1.0, x < y)",
    { shape, dtype: "f32" },
    generator.take(),
    "uniform_quad",
    [
      { value: 1 - p, as: "f32" },
    ],
  );
  return to(add(mul(x, mul(kept, scale)), add(mul(kept, shift - rest), rest)), x.dtype);
}

/** Drops whole channels: all elements along the axes after the first `leading`. */
function dropChannels(name: string, x: Tensor, leading: number, options: DropoutOptions): Tensor {
  const { p = 0.5, training = true, generator = defaultGenerator } = options;
  checkProbability(name, p);
  checkFloat(name, x);
  if (!training || p === 0) return x;
  const shape = x.shape.map((size, i) => i < leading ? size : 1);
  const mask = drawn(name, "select(0.0, z, x < y)", { shape, dtype: x.dtype }, generator.take(), "uniform_quad", [
    { value: 1 - p, as: "f32" },
    { value: p === 1 ? 0 : 1 / (1 - p), as: "f32" },
  ]);
  return mul(x, mask);
}

function checkRank(name: string, x: Tensor, ranks: readonly number[]): void {
  if (ranks.includes(x.ndim)) return;
  throw new ShapeError(
    name,
    `Cannot drop channels in ${name}: the tensor must have ${ranks.join(" or ")} axes, the shape is ${
      showShape(x.shape)
    }`,
    [x.shape],
  );
}

/**
 * Sets whole channels of sequences to 0 with probability `p` and multiplies the others by 1 / (1 − p).
 *
 * @param x [batch, channels, length] or [channels, length]
 * @param options Probability, whether this is training, and source
 * @returns A tensor of the same shape
 * @throws {ShapeError} If there are not two or three axes
 * @throws {RangeError} If `p` is not between 0 and 1
 *
 * @example
 * ```ts
 * import { dropout1d, init, manualSeed, ones } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await dropout1d(ones([1, 3, 2])).array());
 * ```
 */
export function dropout1d(x: Tensor, options: DropoutOptions = {}): Tensor {
  checkRank("dropout1d", x, [2, 3]);
  return dropChannels("dropout1d", x, x.ndim - 1, options);
}

/**
 * Sets whole channels of images to 0 with probability `p` and multiplies the others by 1 / (1 − p) (Tompson et al.,
 * 2015).
 *
 * @param x [batch, channels, height, width]; three axes are [batch, channels, length]
 * @param options Probability, whether this is training, and source
 * @returns A tensor of the same shape
 * @throws {ShapeError} If there are not three or four axes
 * @throws {RangeError} If `p` is not between 0 and 1
 *
 * @example
 * ```ts
 * import { dropout2d, init, manualSeed, ones } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await dropout2d(ones([1, 3, 1, 2])).array());
 * ```
 */
export function dropout2d(x: Tensor, options: DropoutOptions = {}): Tensor {
  checkRank("dropout2d", x, [3, 4]);
  return dropChannels("dropout2d", x, 2, options);
}

/**
 * Sets whole channels of volumes to 0 with probability `p` and multiplies the others by 1 / (1 − p).
 *
 * @param x [batch, channels, depth, height, width] or [channels, depth, height, width]
 * @param options Probability, whether this is training, and source
 * @returns A tensor of the same shape
 * @throws {ShapeError} If there are not four or five axes
 * @throws {RangeError} If `p` is not between 0 and 1
 *
 * @example
 * ```ts
 * import { dropout3d, init, manualSeed, ones } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await dropout3d(ones([1, 3, 1, 1, 2])).array());
 * ```
 */
export function dropout3d(x: Tensor, options: DropoutOptions = {}): Tensor {
  checkRank("dropout3d", x, [4, 5]);
  return dropChannels("dropout3d", x, x.ndim - 3, options);
}
