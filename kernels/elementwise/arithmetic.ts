import type { Tensor } from "../../tensor/tensor.ts";
import { pointwise, type TensorLike } from "./define.ts";

const addOp = pointwise({
  name: "add",
  f: (register) => register === "bool" ? "(x || y)" : "(x + y)",
  grads: [(dy) => dy, (dy) => dy],
});

const subOp = pointwise({ name: "sub", f: "(x - y)", grads: [(dy) => dy, (dy) => neg(dy)] });

const mulOp = pointwise({
  name: "mul",
  f: (register) => register === "bool" ? "(x && y)" : "(x * y)",
  reads: [[1], [0]],
  grads: [(dy, { x }) => mul(dy, x(1)), (dy, { x }) => mul(dy, x(0))],
});

const divOp = pointwise({
  name: "div",
  f: "(x / y)",
  result: "float",
  reads: [[1], [1, "y"]],
  grads: [(dy, { x }) => div(dy, x(1)), (dy, { x, y }) => neg(mul(dy, div(y, x(1))))],
});

const negOp = pointwise({ name: "neg", f: "(-x)", grads: [(dy) => neg(dy)] });

/** a + b, with broadcasting. */
export function add(a: TensorLike, b: TensorLike): Tensor {
  return addOp([a, b]);
}

/** a − b, with broadcasting. */
export function sub(a: TensorLike, b: TensorLike): Tensor {
  return subOp([a, b]);
}

/** a · b element by element, with broadcasting. */
export function mul(a: TensorLike, b: TensorLike): Tensor {
  return mulOp([a, b]);
}

/** a / b element by element, with broadcasting. */
export function div(a: TensorLike, b: TensorLike): Tensor {
  return divOp([a, b]);
}

/** −x. */
export function neg(x: Tensor): Tensor {
  return negOp([x]);
}
