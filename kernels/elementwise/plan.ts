import type { DType } from "../../tensor/dtype.ts";
import { broadcastStrides, sameShape, type Shape, stridesOf } from "../../tensor/shape.ts";
import type { Storage } from "../../tensor/storage.ts";
import { Chain } from "./chain.ts";
import { composeReadings } from "./compose.ts";
import { type Expression, expressionOf } from "./expression.ts";
import { inlined, type Operand, type RandomDraw, type View } from "./operand.ts";
import { type Register, registerOf } from "./register.ts";

/** An input of a fused kernel: a storage and how its elements are found. */
export interface Leaf {
  readonly storage: Storage;
  /** Strides by axis of the result. */
  readonly strides: readonly number[];
  readonly offset: number;
}

/** One operand of a step: where its value comes from, and the register type that it is converted to. */
export interface Argument {
  readonly from: "step" | "leaf" | "value" | "draw";
  readonly index: number;
  readonly type: Register;
  readonly as: Register;
}

/** One operation of a fused kernel. */
export interface Step {
  readonly expression: Expression;
  readonly operands: readonly Argument[];
  readonly dtype: DType;
}

/** A random number source of a fused kernel; its words are parameters, or its step is read from leaves. */
export interface PlannedDraw {
  readonly draw: RandomDraw;
  /** Position of its words among the values: seed (two), stream, and, unless it is read, step (two). */
  readonly at: number;
  /** Positions of the leaves that hold the step, and the stream to count from. */
  readonly step: readonly [low: number, high: number, stream: number] | null;
}

/** A number that a kernel gets as a parameter. */
export interface Value {
  readonly value: number;
  readonly as: Register;
}

/** A chain written out: the leaves to read, the steps to compute, each shared value once. */
export class Plan {
  readonly shape: Shape;
  readonly leaves: Leaf[] = [];
  readonly steps: Step[] = [];
  readonly values: Value[] = [];
  readonly draws: PlannedDraw[] = [];
  /** The most words of parameters that strides and offsets of the leaves can take. */
  leafWords = 0;
  readonly #steps = new Map<Storage, number>();

  /** @param chain The chain whose value the kernel computes */
  constructor(chain: Chain) {
    this.shape = chain.shape;
    this.#step(chain);
  }

  /** Words of parameters for numbers and leaves. */
  get words(): number {
    return this.values.length + this.leafWords;
  }

  #step(chain: Chain): number {
    const { expression, operands, dtype } = chain.work;
    const args = new Array<Argument>(operands.length);
    for (let k = 0; k < operands.length; k++) args[k] = this.#argument(operands[k]);
    return this.steps.push({ expression, operands: args, dtype }) - 1;
  }

  #argument(operand: Operand): Argument {
    const { as } = operand;
    if ("value" in operand) return { from: "value", index: this.values.push(operand) - 1, type: as, as };
    if ("draw" in operand) return { from: "draw", index: this.#draw(operand.draw), type: as, as };
    const { storage } = operand;
    const type = registerOf(storage.dtype);
    const chain = inlined(operand, this.shape);
    if (chain === null) {
      return { from: "leaf", index: this.#leaf(storage, operand.shape, operand.view), type, as };
    }
    let index = this.#steps.get(storage);
    if (index === undefined) this.#steps.set(storage, index = this.#step(chain));
    return { from: "step", index, type, as };
  }

  #draw(draw: RandomDraw): number {
    const known = this.draws.findIndex((planned) => planned.draw === draw);
    if (known >= 0) return known;
    const { seed, stream, step } = draw;
    const at = this.values.length;
    if (step instanceof Array) {
      for (const value of [...seed, stream, ...step]) this.values.push({ value, as: "u32" });
      return this.draws.push({ draw, at, step: null }) - 1;
    }
    for (const value of [...seed, stream]) this.values.push({ value, as: "u32" });
    const strides = this.shape.map(() => 0);
    const [low, high, from] = [0, 1, 2].map((offset) => this.#leaf(step.storage, step.shape, { strides, offset }));
    return this.draws.push({ draw, at, step: [low, high, from] }) - 1;
  }

  #leaf(storage: Storage, shape: Shape, view: View | null): number {
    const whole = view === null && sameShape(shape, this.shape);
    const strides = whole ? stridesOf(shape) : view?.strides ?? broadcastStrides(shape, this.shape);
    const near = { storage, strides, offset: view?.offset ?? 0 };
    const found = whole ? near : throughViews(near, this.shape);
    for (let k = 0; k < this.leaves.length; k++) {
      const leaf = this.leaves[k];
      if (
        leaf.storage === found.storage && leaf.offset === found.offset && sameShape(leaf.strides, found.strides)
      ) return k;
    }
    if (!whole) this.leafWords += this.shape.length + 1;
    return this.leaves.push(found) - 1;
  }
}

const ITSELF = expressionOf("x");

/** Reads through views that nobody has needed as values yet: a view of a view is one reading of what is behind both. */
function throughViews(leaf: Leaf, shape: Shape): Leaf {
  for (;;) {
    const { pending } = leaf.storage;
    if (!(pending instanceof Chain) || pending.work.expression !== ITSELF) return leaf;
    const [operand] = pending.work.operands;
    if (!("storage" in operand) || operand.view === null || operand.storage.dtype !== leaf.storage.dtype) return leaf;
    const composed = composeReadings(shape, leaf, pending.shape, operand.view);
    if (composed === null) return leaf;
    leaf = { storage: operand.storage, ...composed };
  }
}
