import { apply, applyAll, type Op, type Spec } from "../../tensor/op.ts";
import { numel } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { maxPool as maxPoolKernel, maxPoolGrad as maxPoolGradKernel } from "../_wgsl.ts";
import { gather } from "../gather/gather.ts";
import { reshape } from "../layout/reshape.ts";
import { WaitingGradient } from "./_gradient.ts";
import { forPlaces, forWindows, pooledShape, type Windows } from "./_windows.ts";

/** Largest values and where they lie, counted row by row in each plane. */
const maxPoolOp: Op<Windows, readonly Spec[]> = {
  name: "max_pool",
  half: "reads",
  infer: ([x], windows) => {
    const shape = pooledShape(windows);
    return [{ shape, dtype: x!.dtype }, { shape, dtype: "i32" }];
  },
  forward: ([x], windows, [y, indices]) => {
    const { params, ...special } = forWindows(windows);
    launch(maxPoolKernel, { x: x!, y, indices }, params, Math.ceil(y.numel / 64), special);
  },
  saves: { outputs: [1] },
  grad: (dy, context, windows) => [apply(maxPoolGradOp, [dy, context.output(1)], windows)],
};

const maxPoolGradOp: Op<Windows> = {
  name: "max_pool_grad",
  half: "reads",
  infer: ([dy], { shape }) => ({ shape, dtype: dy!.dtype }),
  lazy: ([dy, indices], windows, { shape }) => {
    const { params, ...special } = forPlaces(windows);
    const inputs = { dy: dy!, indices: indices! };
    return new WaitingGradient({ kernel: maxPoolGradKernel, inputs, params: { ...params }, special }, shape);
  },
  saves: { inputs: [1] },
  grad: (ddx, { x, inputs }, { shape, out }) => {
    const lead = shape.slice(0, -2), places = numel(out);
    const flat = reshape(ddx, [...lead, numel(shape.slice(-2))]);
    return [reshape(gather(flat, reshape(x(1), [...lead, places]), { dim: -1 }), inputs[0]!.shape), null];
  },
};

/** The largest value of each window, and its place. */
export function maxOverWindows(x: Tensor, windows: Windows): [Tensor, Tensor] {
  const [y, indices] = applyAll(maxPoolOp, [x], windows);
  return [y, indices];
}
