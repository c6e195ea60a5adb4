/**
 * Tensors: shape, type, storage, lifetimes, and the record of an operation.
 *
 * @module
 */
export { autocast, autocastDType } from "./autocast.ts";
export { capture, type Captured, type CaptureStatistics } from "./capture.ts";
export { tensor, type TensorData, type TensorOptions } from "./create.ts";
export { type DType, dtypes } from "./dtype.ts";
export { ShapeError } from "./errors.ts";
export {
  defaultGenerator,
  Generator,
  hostRandom,
  manualSeed,
  type RandomKey,
  type RandomState,
  randomState,
  restoreRandomState,
} from "./generator.ts";
export { bf16ToF32, type F16Array, f16ToF32, f32ToBf16, f32ToF16 } from "./half.ts";
export { type HostArrays, type HostDType, type HostTensor, hostTensor, isHostTensor } from "./host.ts";
export { uploadInto } from "./in_place.ts";
export type { TensorMethods } from "./methods.ts";
export type { GradContext, Inputs, Op, Precision, Saves, Spec } from "./op.ts";
export { apply, applyAll } from "./op.ts";
export type { PhiloxStream } from "./philox.ts";
export {
  encodeSafetensors,
  type NamedTensors as SafetensorsTensors,
  parseSafetensors,
  readSafetensors,
  readSafetensorsHeader,
  type SafetensorsContent,
  type SafetensorsDType,
  type SafetensorsEntry,
  SafetensorsError,
  type SafetensorsHeader,
  type SafetensorsMetadata,
  type SafetensorsRule,
  writeSafetensors,
} from "./safetensors.ts";
export { keep, scope } from "./scope.ts";
export type { Shape } from "./shape.ts";
export { type GradHook, type HostArray, type NestedArray, Tensor } from "./tensor.ts";
export { toHost, toHostAll } from "./to_host.ts";
