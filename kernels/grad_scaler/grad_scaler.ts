import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { runSweep, type Sweep } from "../grad_norm/_sweep.ts";
import { launch } from "../_run.ts";
import { gradScalerFound, gradScalerUpdate } from "../_wgsl.ts";

/** 1 / scale, improved by one step of Newton's: powers of two are exact however a driver divides. */
const INVERSE = `fn inverse(scale: f32) -> f32 {
  let guess = 1.0 / scale;
  return fma(guess, fma(-scale, guess, 1.0), guess);
}`;

/** Elements are checked by their bits: compilers may assume that all numbers are finite. */
const NOT_FINITE = `fn not_finite(v: vec4f) -> vec4f {
  return select(vec4f(), vec4f(1.0), (bitcast<vec4u>(v) & vec4u(0x7f800000u)) == vec4u(0x7f800000u));
}`;

const UNSCALE: Sweep = {
  name: "unscale",
  change: "v * inverse(numbers[0])",
  reads: true,
  helpers: [INVERSE, NOT_FINITE],
  kind: {
    acc: "mat2x4f",
    part: "vec2f",
    term: "mat2x4f(w * w, not_finite(v))",
    combine: "a + b",
    fold: "vec2f((v[0].x + v[0].y) + (v[0].z + v[0].w), (v[1].x + v[1].y) + (v[1].z + v[1].w))",
  },
};

/** What a loss scaler keeps on the device; each has one element but `control`, which has two. */
export interface ScalerState {
  /** The factor of the loss. */
  readonly scale: Tensor;
  /** Steps since it changed. */
  readonly tracker: Tensor;
  /** Whether a step was skipped since the last update. */
  readonly skipped: Tensor;
}

/**
 * Records the division of gradients by the scale, in place, together with the search for elements that are not finite.
 *
 * @param state The scaler's state
 * @param grads Gradients, whose memory nobody else uses
 * @param control Gets whether the optimizer skips its step, and the factor 1
 * @returns The 2-norm of the gradients afterwards, a tensor without axes
 */
export function unscaleGradients({ scale, skipped }: ScalerState, grads: readonly Tensor[], control: Tensor): Tensor {
  const norm = new Tensor({ shape: [], storage: new Storage(1, "f32", "unscale"), scoped: false });
  const partials = runSweep(UNSCALE, grads, 0, scale);
  for (const t of [control, skipped]) t.storage.willChange();
  // Without an element nothing is read: `scale` only stands for a binding.
  const count = partials === null ? 0 : partials.numel / 2;
  launch(gradScalerFound, { partials: partials ?? scale, control, skipped, norm }, { count }, [1, 1, 1]);
  partials?.dispose();
  return norm;
}

/**
 * Records the update of the scale.
 *
 * @param state The scaler's state
 * @param options Growth factor, backoff factor and growth interval
 */
export function updateScale({ scale, tracker, skipped }: ScalerState, options: Tensor): void {
  for (const t of [scale, tracker, skipped]) t.storage.willChange();
  launch(gradScalerUpdate, { scale, tracker, skipped, options }, {}, [1, 1, 1]);
}
