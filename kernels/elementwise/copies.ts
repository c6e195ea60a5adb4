import { sameShape, type Shape, stridesOf } from "../../tensor/shape.ts";
import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { Chain } from "./chain.ts";
import { expressionOf } from "./expression.ts";
import type { Operand } from "./operand.ts";
import { Plan } from "./plan.ts";

/** What is left of a tensor without its copies. */
export interface WithoutCopies {
  /** As many axes, of size 1 where all along an axis was the same. The caller disposes it. */
  readonly tensor: Tensor;
  /** The shape in which it repeats: the tensor's own, or the one of the chain behind a reshape. */
  readonly shape: Shape;
}

const ITSELF = expressionOf("x");

/** Whether an expression asks for the number of the element. */
const counts = (plan: Plan) =>
  plan.steps.some(({ expression }) => expression.pieces.some((text) => /\bi\b/.test(text)));

/**
 * A pending chain without the axes along which all of its inputs repeat (an expanded tensor, operations on one, a
 * constant), so that a reduction need not have the copies made; `null` where there are none, or the value is there
 * already.
 */
export function withoutCopies({ storage }: Tensor): WithoutCopies | null {
  const { pending } = storage;
  if (!(pending instanceof Chain) || storage.numel === 0) return null;
  const plan = new Plan(pending);
  if (plan.draws.length > 0 || counts(plan)) return null;
  const repeats = (axis: number) => plan.leaves.every(({ strides }) => strides[axis] === 0);
  const shape = plan.shape.map((size, axis) => repeats(axis) ? 1 : size);
  if (sameShape(shape, plan.shape)) return null;
  return { tensor: new Tensor({ shape, storage: narrowed(plan, shape, storage), scoped: false }), shape: plan.shape };
}

/** The storage of a plan's value in a smaller shape. */
function narrowed({ leaves, steps, values }: Plan, shape: Shape, whole: Storage): Storage {
  const [leaf] = leaves;
  if (
    steps.length === 1 && steps[0].expression === ITSELF && leaf !== undefined && leaf.storage.dtype === whole.dtype
  ) {
    const strides = stridesOf(shape),
      inPlace = shape.every((size, axis) => size === 1 || strides[axis] === leaf.strides[axis]);
    if (inPlace && leaf.offset === 0 && leaf.storage.numel === shape.reduce((n, size) => n * size, 1)) {
      return leaf.storage.retain();
    }
  }
  const made: Storage[] = [];
  for (const { expression, operands, dtype } of steps) {
    const work = operands.map(({ from, index, as }): Operand => {
      if (from === "step") return { storage: made[index], shape, view: null, as };
      if (from === "value") return values[index];
      const { storage, strides, offset } = leaves[index];
      return { storage, shape, view: { strides, offset }, as };
    });
    const chain = new Chain({ f: expression, operands: work, dtype }, shape);
    made.push(new Storage(shape.reduce((n, size) => n * size, 1), dtype, whole.label, chain));
  }
  // Each step holds those before it that it reads.
  for (const storage of made.slice(0, -1)) storage.release();
  return made.at(-1)!;
}
