/**
 * The primitive operations, and what kernels of one's own are made with: {@link kernelOf} reads WGSL, {@link launch}
 * records it, and an `Op` of `@fulgurite/core` makes a differentiable function of it.
 *
 * @module
 */
import "./autograd/methods.ts";
export { launch } from "./kernels/_run.ts";
export {
  kernelOf,
  type KernelSource,
  type ParamType,
  type ParamValue,
  type Specialisation,
} from "./kernels/_source.ts";
export { tune, type TuneOptions } from "./kernels/matmul/tune.ts";
export { currentTuning, readTuning, type Tuning, useTuning } from "./kernels/matmul/tuning.ts";
export * from "./kernels/mod.ts";
