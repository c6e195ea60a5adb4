/**
 * The device: choosing an adapter, recording work, pooling buffers, reading results.
 *
 * @module
 */
export type { Backend, InitOptions } from "./adapter.ts";
export { Device, type DeviceInfo } from "./device.ts";
export { DeviceLostError, KernelError, NoAdapterError, OutOfMemoryError } from "./errors.ts";
export type { LimitCaps } from "./limits.ts";
export { device, init, isOpen, openDevice, setDevice, whenOpen } from "./open.ts";
export type { Pipeline } from "./pipeline.ts";
export type { Access } from "./pipelines.ts";
export { profile } from "./profile.ts";
export { BufferPool, type MemoryReport, PART_ALIGNMENT, type PooledBuffer } from "./pool.ts";
export type { DispatchSize, RecorderCounts } from "./recorder.ts";
export type { MatrixShape, SubgroupMatrices } from "./subgroup_matrices.ts";
export type { DispatchTime, TimedDispatch } from "./timeline.ts";
