import { apply, type Op } from "../../tensor/op.ts";
import type { Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Chain, readView } from "./chain.ts";

/** A rearrangement that is read through strides, so that it costs nothing inside a chain. */
export interface ViewAttrs {
  readonly name: string;
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
  /** The gradient, in differentiable functions. */
  readonly grad: (dy: Tensor) => Tensor;
}

const viewOp: Op<ViewAttrs> = {
  name: "view",
  half: "native",
  infer: ([x], { shape }) => ({ shape, dtype: x!.dtype }),
  lazy: ([x], { strides, offset }, { shape, dtype }) =>
    new Chain({ f: "x", operands: [readView(x!, strides, offset)], dtype }, shape),
  grad: (dy, _, { grad }) => [grad(dy)],
};

/** `x` seen through strides: element (i, j, …) is x's element number `offset + i·strides[0] + j·strides[1] + …`. */
export function strided(x: Tensor, attrs: ViewAttrs): Tensor {
  return apply({ ...viewOp, name: attrs.name }, [x], attrs);
}
