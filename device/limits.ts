/** What a device may hold: its adapter's limits as kernels ask for them, and lower ones to try a program with. */
import { PARAMS_BINDING } from "./pipelines.ts";

/** Limits to stay below, by WebGPU's names: a device with them does what it would on a smaller adapter. */
export interface LimitCaps {
  /** Bytes of a buffer. */
  readonly maxBufferSize?: number;
  /** Bytes that a kernel sees of one. */
  readonly maxStorageBufferBindingSize?: number;
  /** Buffers that a kernel sees. */
  readonly maxStorageBuffersPerShaderStage?: number;
  /** Workgroups along each axis of a dispatch. */
  readonly maxComputeWorkgroupsPerDimension?: number;
}

/**
 * Limits as plain numbers: asking the binding for one takes a third of a microsecond, and every dispatch asks. Storage
 * has the bindings below that of the parameters.
 *
 * @param limits What the device was opened with
 * @param caps Lower limits
 */
export function plainLimits(limits: GPUSupportedLimits, caps: LimitCaps): GPUSupportedLimits {
  const numbers: Record<string, number> = {};
  for (const name in limits) numbers[name] = (limits as unknown as Record<string, number>)[name];
  numbers.maxStorageBuffersPerShaderStage = Math.min(numbers.maxStorageBuffersPerShaderStage, PARAMS_BINDING);
  for (const [name, cap] of Object.entries(caps)) numbers[name] = Math.min(cap, numbers[name]);
  return numbers as unknown as GPUSupportedLimits;
}
