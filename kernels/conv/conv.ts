import { isHalf } from "../../tensor/dtype.ts";
import { noGrad } from "../../tensor/grad_mode.ts";
import { apply, type GradContext, type Inputs, type Op, type Saves } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { to } from "../elementwise/cast.ts";
import { type Geometry, imageShape, kernelShape, resultShape } from "./_geometry.ts";
import { convolve, inputGradient, weightGradient } from "./_record.ts";

/*
 * Three operations that are each other's gradients: with y = conv(x, w), the gradient of x is convInput(dy, w), that of w
 * is convWeight(x, dy), and theirs are made of the same three. Results are f32 whatever the operands are.
 */

/** Runs `record` on f32 tensors. */
function widened(tensors: readonly Tensor[], record: (...wide: Tensor[]) => void): void {
  const wide = tensors.map((t) => isHalf(t.dtype) ? noGrad(() => to(t, "f32")) : t);
  record(...wide);
  wide.forEach((t, i) => t !== tensors[i] && t.dispose());
}

/** Each gradient of an operation on two tensors needs the other tensor. */
function otherOperand(_: Geometry, needs: readonly boolean[]): Saves {
  return { inputs: [...(needs[1] ? [0] : []), ...(needs[0] ? [1] : [])] };
}

/** Both gradients, each a function of the result's gradient and the other operand. */
function gradients(
  first: (dy: Tensor, second: Tensor, g: Geometry) => Tensor,
  second: (dy: Tensor, first: Tensor, g: Geometry) => Tensor,
): (dy: Tensor, context: GradContext, g: Geometry) => Inputs {
  return (dy, { x, needs, inputs }, g) => [
    needs[0] ? to(first(dy, x(1), g), inputs[0]!.dtype) : null,
    needs[1] ? to(second(dy, x(0), g), inputs[1]!.dtype) : null,
  ];
}

const convOp: Op<Geometry> = {
  name: "conv",
  precision: "half",
  half: "native",
  infer: (_, g) => ({ shape: resultShape(g), dtype: "f32" }),
  forward: ([x, w], g, [y]) => widened([x!, w!], (x, w) => convolve(x, w, y, g)),
  saves: otherOperand,
  grad: gradients((dy, w, g) => convInput(dy, w, g), (dy, x, g) => convWeight(x, dy, g)),
};

const convInputOp: Op<Geometry> = {
  name: "convInput",
  precision: "half",
  half: "native",
  infer: (_, g) => ({ shape: imageShape(g), dtype: "f32" }),
  forward: ([dy, w], g, [dx]) => widened([dy!, w!], (dy, w) => inputGradient(dy, w, dx, g)),
  saves: otherOperand,
  grad: gradients((d, w, g) => conv(d, w, g), (d, dy, g) => convWeight(d, dy, g)),
};

const convWeightOp: Op<Geometry> = {
  name: "convWeight",
  precision: "half",
  half: "native",
  infer: (_, g) => ({ shape: kernelShape(g), dtype: "f32" }),
  forward: ([x, dy], g, [dw]) => widened([x!, dy!], (x, dy) => weightGradient(x, dy, dw, g)),
  saves: otherOperand,
  grad: gradients((d, dy, g) => convInput(dy, d, g), (d, x, g) => conv(x, d, g)),
};

/** The convolution of images with a kernel, in f32. */
export function conv(x: Tensor, w: Tensor, g: Geometry): Tensor {
  return apply(convOp, [x, w], g);
}

/** The gradient of the images, which is also the transposed convolution of `dy`, in f32. */
export function convInput(dy: Tensor, w: Tensor, g: Geometry): Tensor {
  return apply(convInputOp, [dy, w], g);
}

/** The gradient of the kernel, in f32. */
export function convWeight(x: Tensor, dy: Tensor, g: Geometry): Tensor {
  return apply(convWeightOp, [x, dy], g);
}
