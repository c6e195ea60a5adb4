import { env, runtime, systemInfo } from "../platform/mod.ts";
import { useSwiftShader } from "../platform/software_vulkan.ts";
import { dawnFailureReason, openDawn, ownWebGpu } from "../platform/webgpu.ts";
import { NoAdapterError } from "./errors.ts";

/** Which WebGPU implementation computes: Dawn through npm `webgpu`, Deno's own, or the browser's. */
export type Backend = "dawn" | "deno" | "browser";

/** How to choose the device. */
export interface InitOptions {
  /** Only this backend. Default: `FULGURITE_BACKEND`, else the first that answers of Dawn and the runtime's own. */
  backend?: Backend | "auto";
  /**
   * `"high-performance"`, `"low-power"`, or a part of an adapter's description. Default: `FULGURITE_ADAPTER`, else
   * `"high-performance"`.
   */
  adapter?: string;
  /**
   * Options for Dawn in its own notation, for example `["backend=vulkan"]`. Default: `FULGURITE_DAWN_TOGGLES`
   * (separated by semicolons), else what makes `shader-f16` visible on NVIDIA under Linux. Ignored by other backends.
   */
  dawnToggles?: string[];
}

/** An adapter and where it came from. */
export interface FoundAdapter {
  readonly backend: Backend;
  readonly adapter: GPUAdapter;
}

const DEFAULT_TOGGLES = ["enable-dawn-features=vulkan_enable_f16_on_nvidia"];
const BACKENDS: readonly Backend[] = ["dawn", "deno", "browser"];

/**
 * Chooses an adapter by the options, the environment and what answers.
 *
 * @param options What the caller wishes
 * @param keptDriver Whether the software driver that the set-up keeps in the cache folder is tried when nothing else
 *   answers (default: yes)
 */
export async function findAdapter(options: InitOptions, keptDriver: boolean = true): Promise<FoundAdapter> {
  const backend = options.backend ?? (env("FULGURITE_BACKEND") || "auto");
  checkBackend(backend);
  checkRuntime(backend);
  const wish = options.adapter ?? (env("FULGURITE_ADAPTER") || "high-performance");
  const toggles = options.dawnToggles ?? env("FULGURITE_DAWN_TOGGLES")?.split(";").filter(Boolean) ?? DEFAULT_TOGGLES;
  const order: Backend[] = backend !== "auto"
    ? [backend as Backend]
    : runtime === "browser"
    ? ["browser"]
    : runtime === "deno"
    ? ["dawn", "deno"]
    : ["dawn"];

  const tried: string[] = [];
  const candidates = [...order, ...(keptDriver && order.includes("dawn") ? ["dawn with SwiftShader"] as const : [])];
  for (const candidate of candidates) {
    if (candidate === "dawn with SwiftShader") {
      const kept = await useSwiftShader().catch((error: Error) => void tried.push(`${candidate}: ${error.message}`));
      if (!kept) continue;
    }
    const own = candidate === "deno" || candidate === "browser";
    const gpu = own ? ownWebGpu() : await openDawn(toggles);
    if (gpu === null) {
      tried.push(`${candidate}: ${own ? "this runtime has no navigator.gpu" : dawnFailureReason()}`);
      continue;
    }
    const adapter = await requestAdapter(gpu, wish);
    if (adapter === null) tried.push(`${candidate}: no adapter`);
    else if (isNull(adapter)) tried.push(`${candidate}: only Dawn's Null backend, which computes nothing`);
    else if (!matches(adapter, wish)) tried.push(`${candidate}: its adapter is ${describe(adapter)}, not ${wish}`);
    else {
      if (tried.length > 0) console.warn(`Using the WebGPU backend ${candidate} (${tried.join("; ")})`);
      return { backend: own ? candidate : "dawn", adapter };
    }
  }
  throw new NoAdapterError(
    `Cannot open a WebGPU device: no adapter answered (${tried.join("; ")}). ` +
      (runtime === "browser"
        ? "Use a browser with WebGPU, over https or on localhost"
        : "`deno task doctor` says what is missing and how to get it"),
  );
}

/** Throws a `RangeError` unless a backend exists. */
export function checkBackend(backend: string = "auto"): void {
  if (backend === "auto" || BACKENDS.includes(backend as Backend)) return;
  throw new RangeError(`Cannot choose a backend: it must be one of auto, ${BACKENDS.join(", ")}, got ${backend}`);
}

/** Throws a `RangeError` unless a backend can exist in this runtime. */
function checkRuntime(backend: string): void {
  const here = runtime === "browser" ? ["browser"] : runtime === "deno" ? ["dawn", "deno"] : ["dawn"];
  if (backend === "auto" || here.includes(backend)) return;
  throw new RangeError(
    `Cannot choose the backend ${backend} here: under ${runtime} it must be one of auto, ${here.join(", ")}`,
  );
}

/** A line for people: what the adapter calls itself. */
export function describe(adapter: GPUAdapter): string {
  const { vendor, architecture, device, description } = adapter.info;
  return description || [vendor, architecture, device].filter(Boolean).join(" ") || "an adapter without a name";
}

/** Whether the adapter computes on the processor's own cores. */
export function isSoftware(adapter: GPUAdapter): boolean {
  const info = adapter.info as GPUAdapterInfo & { isFallbackAdapter?: boolean };
  return info.isFallbackAdapter === true ||
    /llvmpipe|lavapipe|swiftshader|software|microsoft basic render/i.test(`${describe(adapter)} ${info.architecture}`);
}

async function requestAdapter(gpu: GPU, wish: string): Promise<GPUAdapter | null> {
  const powerPreference = wish === "low-power" ? "low-power" : "high-performance";
  // Browsers on Windows ignore the preference and warn of it, so it is only uttered there where it was asked for.
  const unheard = runtime === "browser" && /Windows/.test(systemInfo().release) && wish !== "low-power";
  return await gpu.requestAdapter(unheard ? {} : { powerPreference }) ??
    await gpu.requestAdapter({ forceFallbackAdapter: true });
}

function matches(adapter: GPUAdapter, wish: string): boolean {
  const { vendor, architecture, device, description } = adapter.info;
  return fits(`${vendor} ${architecture} ${device} ${description}`, wish);
}

/** Whether an adapter with this description is the one that was wished for. */
export function fits(description: string, wish: string): boolean {
  return wish === "high-performance" || wish === "low-power" || description.toLowerCase().includes(wish.toLowerCase());
}

function isNull(adapter: GPUAdapter): boolean {
  return /\bnull\b/i.test(`${adapter.info.description} ${adapter.info.device} ${adapter.info.architecture}`);
}
