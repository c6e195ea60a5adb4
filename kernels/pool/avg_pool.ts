import { apply, type Op } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { avgPool as avgPoolKernel, avgPoolGrad as avgPoolGradKernel } from "../_wgsl.ts";
import { WaitingGradient } from "./_gradient.ts";
import { forPlaces, forWindows, pooledShape, type PoolSetup, type Windows } from "./_windows.ts";

/** Windows, and what their sums are divided by. */
export interface Averaging {
  readonly windows: Windows;
  /** The places of a window with those of the padding, those inside the input, or a number. */
  readonly divisor: "padded" | "inside" | number;
}

const DIVISORS = {
  inside: `fn divisor(down: vec2i, across: vec2i) -> f32 {
  let rows = min(down.x + down.y, i32(params.sizes.x)) - max(down.x, 0);
  let columns = min(across.x + across.y, i32(params.sizes.y)) - max(across.x, 0);
  return f32(rows * columns);
}`,
  given: "fn divisor(down: vec2i, across: vec2i) -> f32 {\n  return params.divisor;\n}",
};

/** A kernel's parameters and specialisation with the divisor's. */
function withDivisor({ params, functions, overrides }: PoolSetup, { divisor }: Averaging) {
  if (divisor !== "padded") functions.divisor = divisor === "inside" ? DIVISORS.inside : DIVISORS.given;
  return {
    params: { ...params, divisor: typeof divisor === "number" ? divisor : 1 },
    special: { functions, overrides },
  };
}

const avgPoolOp: Op<Averaging> = {
  name: "avg_pool",
  half: "reads",
  infer: ([x], { windows }) => ({ shape: pooledShape(windows), dtype: x!.dtype }),
  forward: ([x], averaging, [y]) => {
    const { params, special } = withDivisor(forWindows(averaging.windows), averaging);
    launch(avgPoolKernel, { x: x!, y }, params, Math.ceil(y.numel / 64), special);
  },
  grad: (dy, _, averaging) => [apply(avgPoolGradOp, [dy], averaging)],
};

const avgPoolGradOp: Op<Averaging> = {
  name: "avg_pool_grad",
  half: "reads",
  infer: ([dy], { windows }) => ({ shape: windows.shape, dtype: dy!.dtype }),
  lazy: ([dy], averaging, { shape }) => {
    const { params, special } = withDivisor(forPlaces(averaging.windows), averaging);
    return new WaitingGradient({ kernel: avgPoolGradKernel, inputs: { dy: dy! }, params, special }, shape);
  },
  grad: (ddx, _, averaging) => [apply(avgPoolOp, [ddx], averaging)],
};

/** The mean of each window. */
export function meanOverWindows(x: Tensor, averaging: Averaging): Tensor {
  return apply(avgPoolOp, [x], averaging);
}
