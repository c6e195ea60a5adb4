/**
 * The device: choosing an adapter, recording work, pooling buffers, reading results.
 *
 * @module
 */
export type { Backend, InitOptions } from "./adapter.ts";
export {
  Device,
  device,
  type DeviceInfo,
  init,
  isOpen,
  type LimitCaps,
  openDevice,
  setDevice,
  whenOpen,
} from "./device.ts";
export { DeviceLostError, KernelError, NoAdapterError, OutOfMemoryError } from "./errors.ts";
export type { Pipeline } from "./pipeline.ts";
export type { Access } from "./pipelines.ts";
export { profile } from "./profile.ts";
export { BufferPool, type MemoryReport, type PooledBuffer } from "./pool.ts";
export type { DispatchSize, RecorderCounts } from "./recorder.ts";
export type { MatrixShape, SubgroupMatrices } from "./subgroup_matrices.ts";
export type { DispatchTime, TimedDispatch } from "./timeline.ts";
