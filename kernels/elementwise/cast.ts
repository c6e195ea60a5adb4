import { checkDType, type DType, isFloat } from "../../tensor/dtype.ts";
import { apply, type Op, primitives } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Chain, read } from "./chain.ts";
import { registerOf } from "./register.ts";
import { zeros } from "./constants.ts";

const castOp: Op<{ dtype: DType }> = {
  name: "to",
  half: "native",
  infer: ([x], { dtype }) => ({ shape: x!.shape, dtype }),
  lazy: ([x], _, { shape, dtype }) => new Chain({ f: "x", operands: [read(x!, registerOf(dtype))], dtype }, shape),
  grad: (dy, { inputs }) => [isFloat(inputs[0]!.dtype) ? to(dy, inputs[0]!.dtype) : null],
};

/**
 * Converts the element type. Floats become integers by truncation, anything becomes bool by `≠ 0`, and 16-bit floats
 * are rounded to nearest even.
 *
 * @param x Any shape
 * @param dtype The type wanted
 * @returns `x` itself when it has the type already
 *
 * @example
 * ```ts
 * import { init, tensor, to } from "@fulgurite/core";
 *
 * await init();
 * console.log(await to(tensor([1.7, -1.7]), "i32").array()); // [1, -1]
 * ```
 */
export function to(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  checkDType("to", dtype);
  return apply(castOp, [x], { dtype });
}

primitives.cast = to;
primitives.zeros = ({ shape, dtype }) => zeros(shape, { dtype });
