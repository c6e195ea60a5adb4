import { show } from "../device/option_names.ts";
import { pad, type PadOptions } from "../kernels/pad/pad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** Places before and after each axis, the last axis first; one number is taken for all. */
export type PaddingSize = number | readonly number[];

/** What padding layers have in common. */
export abstract class PadLayer extends Module<[x: Tensor], Tensor> {
  /** Axes that are padded, counted from the end. */
  protected abstract readonly axes: number;
  /** What stands in the new places. */
  protected readonly mode: PadOptions["mode"] = "constant";
  /** The number that stands there, in constant mode. */
  readonly value: number = 0;
  readonly #padding: PaddingSize;

  /**
   * Makes the layer.
   *
   * @param padding Places before and after each axis, the last axis first, or one number for all
   * @throws {RangeError} If one is not a whole number
   */
  constructor(padding: PaddingSize) {
    super();
    const each = typeof padding === "number" ? [padding] : padding;
    if (!Array.isArray(each) || !each.every((n) => Number.isInteger(n))) {
      throw new RangeError(`Cannot make ${this.constructor.name}: padding must be whole numbers, got ${show(padding)}`);
    }
    this.#padding = typeof padding === "number" ? padding : [...padding];
  }

  /** Places before and after each axis, the last axis first. */
  get padding(): readonly number[] {
    const padding = this.#padding;
    if (typeof padding === "number") return new Array<number>(2 * this.axes).fill(padding);
    if (padding.length === 2 * this.axes) return padding;
    throw new RangeError(
      `Cannot run ${this.constructor.name}: padding must be one number or ${2 * this.axes}, got ${show(padding)}`,
    );
  }

  /** The input with places around it. */
  forward(x: Tensor): Tensor {
    return pad(x, this.padding, this.mode === "constant" ? { value: this.value } : { mode: this.mode });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `[${this.padding.join(", ")}]${this.value === 0 ? "" : `, value=${this.value}`}`;
  }
}

/** Zeros around signals [n, c, length]. */
export class ZeroPad1d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 1;
}

/** Zeros around images [n, c, height, width]. */
export class ZeroPad2d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 2;
}

/** Zeros around volumes [n, c, depth, height, width]. */
export class ZeroPad3d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 3;
}

/** A number around signals [n, c, length]. */
export class ConstantPad1d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 1;
  /** The number that stands in the new places. */
  override readonly value: number;

  /**
   * Makes the layer.
   *
   * @param padding Places before and after each axis, the last axis first, or one number for all
   * @param value The number
   */
  constructor(padding: PaddingSize, value: number) {
    super(padding);
    this.value = value;
  }
}

/** A number around images [n, c, height, width]. */
export class ConstantPad2d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 2;
  /** The number that stands in the new places. */
  override readonly value: number;

  /**
   * Makes the layer.
   *
   * @param padding Places before and after each axis, the last axis first, or one number for all
   * @param value The number
   */
  constructor(padding: PaddingSize, value: number) {
    super(padding);
    this.value = value;
  }
}

/** A number around volumes [n, c, depth, height, width]. */
export class ConstantPad3d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 3;
  /** The number that stands in the new places. */
  override readonly value: number;

  /**
   * Makes the layer.
   *
   * @param padding Places before and after each axis, the last axis first, or one number for all
   * @param value The number
   */
  constructor(padding: PaddingSize, value: number) {
    super(padding);
    this.value = value;
  }
}

/** The mirrored inside, without the edge, around signals [n, c, length]. */
export class ReflectionPad1d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 1;
  /** What stands in the new places. */
  protected override readonly mode: PadOptions["mode"] = "reflect";
}

/**
 * The mirrored inside, without the edge, around images [n, c, height, width].
 *
 * @example
 * ```ts
 * import { arange, init } from "@fulgurite/core";
 * import { ReflectionPad2d } from "@fulgurite/core/nn";
 *
 * await init();
 * const x = arange(0, 9, 1, { dtype: "f32" }).reshape([1, 1, 3, 3]);
 * console.log(new ReflectionPad2d(1).forward(x).shape); // [1, 1, 5, 5]
 * ```
 */
export class ReflectionPad2d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 2;
  /** What stands in the new places. */
  protected override readonly mode: PadOptions["mode"] = "reflect";
}

/** The mirrored inside, without the edge, around volumes [n, c, depth, height, width]. */
export class ReflectionPad3d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 3;
  /** What stands in the new places. */
  protected override readonly mode: PadOptions["mode"] = "reflect";
}

/** The edge, repeated, around signals [n, c, length]. */
export class ReplicationPad1d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 1;
  /** What stands in the new places. */
  protected override readonly mode: PadOptions["mode"] = "replicate";
}

/** The edge, repeated, around images [n, c, height, width]. */
export class ReplicationPad2d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 2;
  /** What stands in the new places. */
  protected override readonly mode: PadOptions["mode"] = "replicate";
}

/** The edge, repeated, around volumes [n, c, depth, height, width]. */
export class ReplicationPad3d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 3;
  /** What stands in the new places. */
  protected override readonly mode: PadOptions["mode"] = "replicate";
}

/** The opposite side around signals [n, c, length]. */
export class CircularPad1d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 1;
  /** What stands in the new places. */
  protected override readonly mode: PadOptions["mode"] = "circular";
}

/** The opposite side around images [n, c, height, width]. */
export class CircularPad2d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 2;
  /** What stands in the new places. */
  protected override readonly mode: PadOptions["mode"] = "circular";
}

/** The opposite side around volumes [n, c, depth, height, width]. */
export class CircularPad3d extends PadLayer {
  /** Axes that are padded. */
  protected override readonly axes: number = 3;
  /** What stands in the new places. */
  protected override readonly mode: PadOptions["mode"] = "circular";
}
