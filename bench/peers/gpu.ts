// One WebGPU for every library: Dawn through npm `webgpu`, put where libraries look for it (`navigator.gpu`).
// It must run before a library is imported, so adaptors import their library inside `init()`.
//
// The file also watches what a library does with the API, without touching its behaviour: which devices it asked for,
// and, while `countCalls` is on, how many dispatches, submits, buffers and pipelines an iteration costs.

// deno-lint-ignore-file no-explicit-any -- it wraps methods of any signature on objects that Dawn makes
import timers from "node:timers";
import { create, globals } from "webgpu";

/** What a library asked for when it requested a device, and what it got. */
export interface DeviceRecord {
  requiredFeatures: string[];
  requiredLimits: Record<string, number>;
  device: GPUDevice;
}

/** The adapter that all libraries in a run must share. */
export interface AdapterRecord {
  vendor: string;
  architecture: string;
  description: string;
  features: string[];
}

export interface CallCounts {
  dispatches: number;
  passes: number;
  submits: number;
  buffers: number;
  bindGroups: number;
  pipelines: number;
  writes: number;
}

export interface Gpu {
  toggles: string[];
  devices: DeviceRecord[];
  adapter: AdapterRecord | null;
  /** Messages of validation and out-of-memory errors that no library caught. */
  errors: string[];
  /** Resolves when every queue that was handed out is idle. */
  idle(): Promise<void>;
}

/**
 * Dawn toggles, equal for every library. `vulkan_enable_f16_on_nvidia` only shows a feature (f16 on NVIDIA under Linux)
 * that one of the peers would otherwise switch on for itself alone.
 */
export const defaultToggles = ["enable-dawn-features=vulkan_enable_f16_on_nvidia"];

/**
 * How the process waits for the device. Dawn's binding has no events: while a promise is pending it asks again and
 * again through the global `setImmediate`, which keeps one core busy.
 *
 * - "polite" (the default) sleeps between the questions, a sixteenth of the time waited so far and a quarter of a
 *   millisecond at most, and not at all in the first fifth of a millisecond.
 * - "native" leaves it as it is. On a machine whose adapter needs the cores itself this slows every library by 2 to 12
 *   times and makes times jump from one sample to the next.
 */
export type Polling = "polite" | "native";

function pollPolitely(): void {
  const immediate: (...args: any[]) => unknown = (globalThis as any).setImmediate ?? timers.setImmediate;
  const never = new Int32Array(new SharedArrayBuffer(4));
  let submitted = performance.now();
  (globalThis as any).setImmediate = (...args: any[]) => {
    const waited = performance.now() - submitted;
    if (waited > 0.2) Atomics.wait(never, 0, 0, Math.min(0.25, waited / 16));
    return immediate(...args);
  };
  const queue = (globalThis as any).GPUQueue.prototype, submit = queue.submit;
  queue.submit = function (buffers: unknown) {
    submitted = performance.now();
    return submit.call(this, buffers);
  };
}

/** Installs `navigator.gpu`. Call once per process. */
export function installGpu(toggles: string[] = defaultToggles, polling: Polling = "polite"): Gpu {
  Object.assign(globalThis, globals);
  if (polling === "polite") pollPolitely();
  const dawn = create(toggles);
  // Dawn's object must stay referenced for the life of the process.
  (globalThis as any).__dawn = dawn;

  const record: Gpu = {
    toggles,
    devices: [],
    adapter: null,
    errors: [],
    idle: async () => {
      for (const { device } of record.devices) await device.queue.onSubmittedWorkDone();
    },
  };

  const requestAdapter = dawn.requestAdapter.bind(dawn);
  (dawn as any).requestAdapter = async (options?: GPURequestAdapterOptions) => {
    const adapter = await requestAdapter(options);
    if (!adapter) return adapter;
    record.adapter = {
      vendor: adapter.info.vendor,
      architecture: adapter.info.architecture,
      description: adapter.info.description,
      features: [...adapter.features].sort(),
    };
    const requestDevice = adapter.requestDevice.bind(adapter);
    (adapter as any).requestDevice = async (descriptor?: GPUDeviceDescriptor) => {
      const device = await requestDevice(descriptor);
      record.devices.push({
        // tfjs nests a list in the list.
        requiredFeatures: ([...(descriptor?.requiredFeatures ?? [])] as any[]).flat().sort(),
        requiredLimits: { ...(descriptor?.requiredLimits ?? {}) } as Record<string, number>,
        device,
      });
      device.addEventListener?.("uncapturederror", (event: any) => {
        if (record.errors.length < 5) record.errors.push(String(event?.error?.message ?? event).slice(0, 400));
      });
      return device;
    };
    return adapter;
  };

  Object.defineProperty(globalThis, "navigator", {
    configurable: true,
    writable: true,
    value: { gpu: dawn, userAgent: "Deno", hardwareConcurrency: navigator.hardwareConcurrency ?? 2, language: "en" },
  });
  return record;
}

/** Runs `body` while the WebGPU calls it makes are counted. Slower than normal: never time inside. */
export async function countCalls(body: () => Promise<void>): Promise<CallCounts> {
  const counts: CallCounts = {
    dispatches: 0,
    passes: 0,
    submits: 0,
    buffers: 0,
    bindGroups: 0,
    pipelines: 0,
    writes: 0,
  };
  const watched: [string, string, keyof CallCounts][] = [
    ["GPUComputePassEncoder", "dispatchWorkgroups", "dispatches"],
    ["GPUComputePassEncoder", "dispatchWorkgroupsIndirect", "dispatches"],
    ["GPUCommandEncoder", "beginComputePass", "passes"],
    ["GPUQueue", "submit", "submits"],
    ["GPUQueue", "writeBuffer", "writes"],
    ["GPUDevice", "createBuffer", "buffers"],
    ["GPUDevice", "createBindGroup", "bindGroups"],
    ["GPUDevice", "createComputePipeline", "pipelines"],
    ["GPUDevice", "createComputePipelineAsync", "pipelines"],
  ];
  const restore: (() => void)[] = [];
  for (const [type, method, key] of watched) {
    const prototype = (globalThis as any)[type]?.prototype;
    const original = prototype?.[method];
    if (!original) continue;
    prototype[method] = function (this: unknown, ...args: unknown[]) {
      counts[key]++;
      return original.apply(this, args);
    };
    restore.push(() => prototype[method] = original);
  }
  try {
    await body();
  } finally {
    for (const undo of restore) undo();
  }
  return counts;
}
