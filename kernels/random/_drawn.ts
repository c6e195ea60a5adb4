import type { RandomKey } from "../../tensor/generator.ts";
import { apply, type Op, type Spec } from "../../tensor/op.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { Chain } from "../elementwise/chain.ts";
import type { Operand, RandomDraw } from "../elementwise/operand.ts";

/** The tensors that a key brings as inputs: a write in place to them must know that the numbers are not drawn yet. */
export function keyInputs({ step }: RandomKey): Tensor[] {
  return step instanceof Tensor ? [step] : [];
}

/**
 * A lazy tensor of random numbers: an expression in `x`, the number drawn for the element, and further operands.
 *
 * @param name Label of its kernel
 * @param f The expression
 * @param spec Shape and type of the result
 * @param key Which numbers
 * @param quad Their distribution
 * @param operands What `y`, `z`, … stand for
 * @param inputs Tensors among the operands
 */
export function drawn(
  name: string,
  f: string,
  spec: Spec,
  key: RandomKey,
  quad: RandomDraw["quad"],
  operands: readonly Operand[] = [],
  inputs: readonly Tensor[] = [],
): Tensor {
  const op: Op<null> = {
    name,
    half: "native",
    infer: () => spec,
    lazy: (_, __, { shape, dtype }) =>
      new Chain({
        f,
        operands: [{ draw: { ...key, quad }, as: quad === null ? "u32" : "f32" }, ...operands],
        dtype,
      }, shape),
    grad: null,
  };
  return apply(op, [...inputs, ...keyInputs(key)], null);
}
