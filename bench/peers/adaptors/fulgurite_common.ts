// What Fulgurite's workloads share: the library as a value, since it may only be loaded by `init`, and uploads.

import type { Inputs, Workload } from "../workloads.ts";

/** The library's functions, and its optimizers. */
export type Fulgurite = typeof import("../../../mod.ts") & { optim: typeof import("../../../optim/mod.ts") };
export type Tensor = import("../../../mod.ts").Tensor;
export type Tensors = Record<string, Tensor>;

export function upload(
  fg: Fulgurite,
  data: Float32Array | Int32Array,
  shape: readonly number[],
  options: { requiresGrad?: boolean } = {},
): Tensor {
  return fg.tensor(data, { shape, ...options });
}

/** All inputs of a workload, on the device. */
export function load(fg: Fulgurite, w: Workload, inputs: Inputs): Tensors {
  return Object.fromEntries(w.inputs.map(({ name, shape }) => [name, upload(fg, inputs[name], shape)]));
}

/** The same values as a tensor whose gradient is wanted. */
export const leafOf = (t: Tensor): Tensor => t.detach().requiresGrad_();
