import { apply, type Op } from "../../tensor/op.ts";
import type { Shape } from "../../tensor/shape.ts";
import { numel } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Chain, read } from "../elementwise/chain.ts";
import { registerOf } from "../elementwise/register.ts";
import { sumTo } from "./sum_to.ts";

interface PlaceAttrs {
  readonly shape: Shape;
  readonly dim: number;
}

/** out[…, r, …] = values where r is the index along `dim`, else 0; lazy, so that it fuses with its consumer. */
const placeOp: Op<PlaceAttrs> = {
  name: "place",
  half: "native",
  infer: ([values], { shape }) => ({ shape, dtype: values!.dtype }),
  lazy: ([values, index], { dim }, { shape, dtype }) =>
    new Chain({
      f: `select(${registerOf(dtype)}(0), x, i32((i / z) % u) == y)`,
      operands: [
        read(values!),
        read(index!),
        { value: numel(shape.slice(dim + 1)), as: "u32" },
        { value: shape[dim], as: "u32" },
      ],
      dtype,
    }, shape),
  saves: { inputs: [1] },
  grad: (dy, { x, inputs }, attrs) => [sumTo(placeAt(dy, x(1), attrs.shape, attrs.dim), inputs[0]!.shape), null],
};

/**
 * A tensor of `shape` that holds `values` at the places that `index` names along `dim`, and 0 elsewhere.
 *
 * @param values Broadcasts to `shape`
 * @param index i32, broadcasts to `shape`
 */
export function placeAt(values: Tensor, index: Tensor, shape: Shape, dim: number): Tensor {
  return apply(placeOp, [values, index], { shape, dim });
}
