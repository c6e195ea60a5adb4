/** How a device is opened, and which one tensors live on. */
import { env } from "../platform/mod.ts";
import { checkBackend, describe, findAdapter, fits, type InitOptions, isSoftware } from "./adapter.ts";
import { Device } from "./device.ts";
import type { LimitCaps } from "./limits.ts";
import { checkNames } from "./option_names.ts";
import { SUBGROUP_MATRIX, subgroupMatrices } from "./subgroup_matrices.ts";

const WANTED_FEATURES = ["shader-f16", "subgroups", "timestamp-query", SUBGROUP_MATRIX];
const WANTED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupsPerDimension",
  "minUniformBufferOffsetAlignment",
] as const;

/**
 * Opens a device of its own; {@link init} is what programs use.
 *
 * @param options Which backend and adapter; by default the best that answers
 * @param caps Limits to stay below, to see how a program does on a smaller adapter
 * @returns The device; {@link setDevice} puts tensors on it
 * @throws {NoAdapterError} If nothing answers; the message lists what was tried
 *
 * @example
 * ```ts
 * import { init, openDevice, OutOfMemoryError, setDevice, zeros } from "@fulgurite/core";
 *
 * const first = await init();
 * setDevice(await openDevice({}, { maxStorageBufferBindingSize: 2 ** 20 }));
 * try {
 *   await zeros([2 ** 19]).add(1).data(); // 2 MiB
 * } catch (error) {
 *   console.log(error instanceof OutOfMemoryError); // true
 * }
 * setDevice(first)!.destroy();
 * ```
 */
export async function openDevice(options: InitOptions = {}, caps: LimitCaps = {}): Promise<Device> {
  const { backend, adapter } = await findAdapter(options);
  const requiredLimits: Record<string, number> = {};
  for (const limit of WANTED_LIMITS) requiredLimits[limit] = adapter.limits[limit];
  const gpu = await adapter.requestDevice({
    label: "fulgurite",
    requiredFeatures: WANTED_FEATURES.filter((feature) =>
      adapter.features.has(feature as GPUFeatureName)
    ) as GPUFeatureName[],
    requiredLimits,
  });
  return new Device(gpu, {
    backend,
    adapter: describe(adapter),
    vendor: adapter.info.vendor,
    architecture: adapter.info.architecture,
    software: env("FULGURITE_SOFTWARE") !== undefined ? env("FULGURITE_SOFTWARE") === "1" : isSoftware(adapter),
    subgroupMatrices: await subgroupMatrices(adapter.info, gpu),
  }, caps);
}

let current: Device | null = null;
/** The adapter that {@link init} was asked for when it opened the device. */
let asked: string | undefined;
let opening: Promise<Device> | null = null;
/** Work that was asked for before there was a device, in its order. */
const waiting: (() => void)[] = [];

/**
 * Opens the device that all tensors live on. Call it once, before the first tensor; later calls return the same device.
 *
 * @param options Which backend and adapter; by default the best that answers
 * @returns The device
 * @throws {RangeError} If there is no such backend
 * @throws {Error} If the device that is open is of another backend, or its adapter does not fit
 * @throws {NoAdapterError} If nothing answers; the message lists what was tried
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 *
 * const device = await init();
 * console.log(device.info.adapter);
 * ```
 */
export async function init(options: InitOptions = {}): Promise<Device> {
  checkNames("open a device", options, { backend: true, adapter: true, dawnToggles: true });
  checkBackend(options.backend);
  if (current === null) {
    if (opening === null) asked = options.adapter;
    opening ??= openDevice(options);
    try {
      const opened = await opening;
      if (current === null) setDevice(opened);
    } finally {
      opening = null;
    }
  }
  const { info: { backend, adapter, vendor, architecture } } = device(), { backend: wanted = "auto" } = options;
  if (wanted !== "auto" && wanted !== backend) {
    throw new Error(`Cannot open a device of the backend ${wanted}: one of ${backend} is open already`);
  }
  const wish = options.adapter ?? "high-performance";
  if (wish !== asked && !fits(`${vendor} ${architecture} ${adapter}`, wish)) {
    throw new Error(`Cannot open the adapter ${wish}: ${adapter} is open already`);
  }
  return device();
}

/**
 * The open device.
 *
 * @returns The device that {@link init} opened
 * @throws {Error} If `init` has not been awaited
 */
export function device(): Device {
  if (current === null) throw new Error("Cannot use the device: it is not open, call `await init()` first");
  return current;
}

/** Replaces the open device, for programs that recover from a lost one and for tests. Returns the previous one. */
export function setDevice(next: Device | null): Device | null {
  const previous = current;
  current = next;
  if (next !== null) doWaiting();
  return previous;
}

/** Does what waited for a device; an error of one piece does not keep the others from being done. */
function doWaiting(): void {
  let failure: { error: unknown } | null = null;
  for (const work of waiting.splice(0)) {
    try {
      work();
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure !== null) throw failure.error;
}

/** Whether a device is open. */
export function isOpen(): boolean {
  return current !== null;
}

/** Runs work now if a device is open, otherwise in its turn when one is opened. */
export function whenOpen(work: () => void): void {
  if (current === null) waiting.push(work);
  else work();
}
