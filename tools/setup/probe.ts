/**
 * Asks which WebGPU adapters answer, in a process of its own: a driver may crash, and Vulkan's drivers are looked for
 * once per process. `probe` starts it; run as the main module it prints one line of JSON.
 *
 * @module
 */
import { describe, findAdapter, isSoftware } from "../../device/adapter.ts";
import { NoAdapterError } from "../../device/mod.ts";
import { runCommand } from "../../platform/mod.ts";
import { waitPolitely } from "../../platform/webgpu.ts";

/** The limits that decide which tensors and kernels an adapter can take. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** What a backend answered. */
export interface BackendReport {
  /** The backend's name, as `--backend` takes it. */
  backend: "dawn" | "deno";
  /** Why it cannot be used; absent where it can. */
  reason?: string;
  /** The adapter's name; absent without one, as is what follows. */
  adapter?: string;
  /** Vendor, architecture and device, as far as the adapter tells them. */
  driver?: string;
  /** Whether it computes on the processor's cores. */
  software?: boolean;
  /** The adapter's features. */
  features?: string[];
  /** The values of {@link LIMITS}. */
  limits?: Record<string, number>;
}

/** What the machine offers. */
export interface ProbeReport {
  /** One report per backend, in the order in which the library tries them. */
  backends: BackendReport[];
  /** What native libraries printed meanwhile. */
  messages: string;
}

/** The first backend that can be used. */
export function usable(report: ProbeReport): BackendReport | undefined {
  return report.backends.find((backend) => backend.reason === undefined);
}

/**
 * Asks each backend for an adapter and has it compute something.
 *
 * @param options `env`: variables set for the process that asks, for example to show it another driver; `all`: asks the
 *   other backends too when one can be used (default: stops there)
 * @returns What answered
 */
export async function probe(
  options: { env?: Record<string, string>; all?: boolean } = {},
): Promise<ProbeReport> {
  const backends: BackendReport[] = [];
  const messages: string[] = [];
  for (const backend of ["dawn", "deno"] as const) {
    const { report, printed } = await askInProcess(backend, options.env ?? {});
    backends.push(report);
    if (printed) messages.push(printed);
    if (!options.all && backends.at(-1)!.reason === undefined) break;
  }
  return { backends, messages: messages.join("\n") };
}

/** The longest that a driver may take to answer, in milliseconds. */
const PATIENCE = 60_000;

async function askInProcess(
  backend: "dawn" | "deno",
  environment: Record<string, string>,
): Promise<{ report: BackendReport; printed: string }> {
  try {
    const { code, stdout, stderr } = await runCommand(
      Deno.execPath(),
      ["run", "-A", "--quiet", import.meta.filename!, backend],
      {
        // Which adapter a user wishes for is no matter here: whether the machine has one is.
        env: { FULGURITE_BACKEND: undefined, FULGURITE_ADAPTER: undefined, NO_COLOR: "1", ...environment },
        signal: AbortSignal.timeout(PATIENCE),
      },
    );
    const line = stdout.trim().split("\n").at(-1) ?? "";
    const printed = stderr.trim();
    if (code === 0 && line.startsWith("{")) return { report: JSON.parse(line), printed };
    return { report: { backend, reason: `asking it ended with code ${code}: ${printed.split("\n").at(-1)}` }, printed };
  } catch (error) {
    return { report: { backend, reason: error instanceof Error ? error.message : String(error) }, printed: "" };
  }
}

const SHADER = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { values[id.x] = id.x * id.x + 7u; }`;

/** Fills a buffer with a known pattern on the device and reads it back. */
async function computes(adapter: GPUAdapter): Promise<boolean> {
  const count = 256;
  const device = await adapter.requestDevice();
  const values = device.createBuffer({ size: 4 * count, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const read = device.createBuffer({ size: 4 * count, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const pipeline = device.createComputePipeline({
    layout: "auto",
    compute: { module: device.createShaderModule({ code: SHADER }), entryPoint: "main" },
  });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: values } }],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(count / 64);
  pass.end();
  encoder.copyBufferToBuffer(values, 0, read, 0, 4 * count);
  device.queue.submit([encoder.finish()]);
  await waitPolitely(read.mapAsync(GPUMapMode.READ));
  const right = new Uint32Array(read.getMappedRange()).every((value, i) => value === i * i + 7);
  device.destroy();
  return right;
}

async function ask(backend: "dawn" | "deno"): Promise<BackendReport> {
  try {
    const { adapter } = await findAdapter({ backend }, false);
    const { vendor, architecture, device } = adapter.info;
    const report: BackendReport = {
      backend,
      adapter: describe(adapter),
      driver: [vendor, architecture, device].filter(Boolean).join(" "),
      software: isSoftware(adapter),
      features: [...adapter.features].map(String).sort(),
      limits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
    };
    if (!await computes(adapter)) report.reason = "its adapter computes wrong values";
    return report;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // The library's message says what to do about it; here only the reason is wanted.
    const reason = error instanceof NoAdapterError ? /\((.*?)\)\. /.exec(error.message)?.[1] : undefined;
    return { backend, reason: (reason ?? error.message).replace(`${backend}: `, "") };
  }
}

if (import.meta.main) {
  const backend = Deno.args[0] === "deno" ? "deno" : "dawn";
  console.log(JSON.stringify(await ask(backend)));
  Deno.exit(0); // some drivers keep threads that outlive the last reference
}
