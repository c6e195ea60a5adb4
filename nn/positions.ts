import { checkNames } from "../device/option_names.ts";
import { add, mul } from "../kernels/elementwise/arithmetic.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { flip } from "../kernels/layout/flip.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { slice } from "../kernels/layout/slice.ts";
import { tensor } from "../tensor/create.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** Where a sequence begins: after how many places that are already known. */
export interface PositionCallOptions {
  /** The first place's number; default 0. */
  offset?: number;
}

/** A table of numbers by place and feature. */
function table(places: number, features: number, value: (place: number, feature: number) => number): Tensor {
  const data = new Float32Array(places * features);
  for (let i = 0; i < data.length; i++) data[i] = value(Math.floor(i / features), i % features);
  return tensor(data, { shape: [places, features] });
}

/** The rows of a table for the places of x. */
function rowsFor(name: string, x: Tensor, table: Tensor, offset: number): Tensor {
  const [places, features] = table.shape, [length, size] = x.shape.slice(-2);
  if (x.ndim < 2 || size !== features || !Number.isInteger(offset) || offset < 0 || offset + length > places) {
    throw new ShapeError(
      name,
      `Cannot mark places in ${name}: the last axes must be up to ${places} places of ${features} features, the shape is ${
        showShape(x.shape)
      } from place ${offset} on`,
      [x.shape],
    );
  }
  return slice(table, { dim: 0, start: offset, end: offset + length });
}

function checkDim(name: string, dim: number): void {
  if (Number.isInteger(dim) && dim > 0 && dim % 2 === 0) return;
  throw new RangeError(`Cannot make ${name}: features come in pairs, their number must be even, got ${dim}`);
}

/** Options of {@link RotaryEmbedding}. */
export interface RotaryEmbeddingOptions {
  /** Places that there may be; default 2048. */
  maxLength?: number;
  /** What wave lengths grow towards; default 10000. */
  base?: number;
  /** Whether pairs are neighbours (0, 1), (2, 3), … in place of (0, d/2), (1, d/2 + 1), …; default false. */
  interleaved?: boolean;
}

/**
 * Turns pairs of features by an angle that grows with the place, so that scores of queries and keys depend on their
 * distance alone (Su and others, "RoFormer: enhanced transformer with rotary position embedding", 2021). It has no
 * parameters.
 *
 * @example
 * ```ts
 * import { init, randn, scaledDotProductAttention } from "@fulgurite/core";
 * import { RotaryEmbedding } from "@fulgurite/core/nn";
 *
 * await init();
 * const rotary = new RotaryEmbedding(32);
 * const q = randn([2, 4, 10, 32]), k = randn([2, 4, 10, 32]), v = randn([2, 4, 10, 32]);
 * const y = scaledDotProductAttention(rotary.forward(q), rotary.forward(k), v, { isCausal: true });
 * console.log(y.shape); // [2, 4, 10, 32]
 * ```
 */
export class RotaryEmbedding extends Module<[x: Tensor, options?: PositionCallOptions], Tensor> {
  readonly #interleaved: boolean;

  /**
   * Makes the tables.
   *
   * @param dim Features of a head, an even number
   * @param options Places, base, and how features are paired
   * @throws {RangeError} If the number of features is odd
   */
  constructor(dim: number, options: RotaryEmbeddingOptions = {}) {
    super();
    checkNames("make RotaryEmbedding", options, { maxLength: true, base: true, interleaved: true });
    const { maxLength = 2048, base = 10000, interleaved = false } = options;
    checkDim("RotaryEmbedding", dim);
    const half = dim / 2;
    const pair = (feature: number) => interleaved ? feature >> 1 : feature % half;
    const first = (feature: number) => interleaved ? feature % 2 === 0 : feature < half;
    const angle = (place: number, feature: number) => place * base ** (-2 * pair(feature) / dim);
    this.#interleaved = interleaved;
    const hidden = { persistent: false };
    // Cosines by place and feature, and sines, negative for the first of a pair.
    this.registerBuffer("cos", table(maxLength, dim, (p, f) => Math.cos(angle(p, f))), hidden);
    this.registerBuffer(
      "sin",
      table(maxLength, dim, (p, f) => (first(f) ? -1 : 1) * Math.sin(angle(p, f))),
      hidden,
    );
  }

  /**
   * Turns queries or keys.
   *
   * @param x Shape [..., length, dim]
   * @param options The first place's number
   * @returns A tensor of the same shape
   * @throws {ShapeError} If there are more places than the tables have, or other features
   */
  forward(x: Tensor, { offset = 0 }: PositionCallOptions = {}): Tensor {
    const [cos, sin] = ["cos", "sin"].map((name) =>
      rowsFor("RotaryEmbedding", x, this.registeredBuffer(name)!, offset)
    );
    const half = x.shape.at(-1)! / 2;
    const pairs = reshape(x, [...x.shape.slice(0, -1), ...(this.#interleaved ? [half, 2] : [2, half])]);
    const other = reshape(flip(pairs, this.#interleaved ? -1 : -2), x.shape);
    return to(add(mul(x, cos), mul(other, sin)), x.dtype);
  }
}

/** Options of {@link SinusoidalPositions}. */
export interface SinusoidalPositionsOptions {
  /** Places that there may be; default 5000. */
  maxLength?: number;
  /** What wave lengths grow towards; default 10000. */
  base?: number;
}

/**
 * Adds sines and cosines of the place, of growing wave lengths (Vaswani and others, "Attention is all you need", 2017,
 * section 3.5). It has no parameters.
 *
 * @example
 * ```ts
 * import { init, zeros } from "@fulgurite/core";
 * import { SinusoidalPositions } from "@fulgurite/core/nn";
 *
 * await init();
 * console.log(await new SinusoidalPositions(2).forward(zeros([2, 2])).array()); // [[0, 1], [0.8415, 0.5403]]
 * ```
 */
export class SinusoidalPositions extends Module<[x: Tensor, options?: PositionCallOptions], Tensor> {
  /**
   * Makes the table.
   *
   * @param dim Features, an even number
   * @param options Places and base
   * @throws {RangeError} If the number of features is odd
   */
  constructor(dim: number, options: SinusoidalPositionsOptions = {}) {
    super();
    checkNames("make SinusoidalPositions", options, { maxLength: true, base: true });
    const { maxLength = 5000, base = 10000 } = options;
    checkDim("SinusoidalPositions", dim);
    const value = (place: number, feature: number) => {
      const angle = place * base ** (-(feature - feature % 2) / dim);
      return feature % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    };
    this.registerBuffer("table", table(maxLength, dim, value), { persistent: false });
  }

  /**
   * Adds the places.
   *
   * @param x Shape [..., length, dim]
   * @param options The first place's number
   * @returns A tensor of the same shape
   * @throws {ShapeError} If there are more places than the table has, or other features
   */
  forward(x: Tensor, { offset = 0 }: PositionCallOptions = {}): Tensor {
    return to(add(x, rowsFor("SinusoidalPositions", x, this.registeredBuffer("table")!, offset)), x.dtype);
  }
}
