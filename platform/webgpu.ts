/**
 * Where a WebGPU implementation comes from in each runtime, and how to wait for it without burning the processor.
 *
 * @module
 */
import { denoNamespace, env, setEnv } from "./runtime.ts";

/** Dawn's entry object must stay referenced for the life of the process: once collected, pending work is lost. */
const opened: GPU[] = [];

/**
 * Opens Dawn through the npm package `webgpu`.
 *
 * @param toggles Options in Dawn's own notation, for example `["backend=vulkan"]`
 * @returns Dawn's `GPU` object, or `null` where the package has no binary for this system
 */
export async function openDawn(toggles: readonly string[]): Promise<GPU | null> {
  try {
    const dawn = await import("webgpu");
    const gpu = dawn.create([...toggles]);
    opened.push(gpu);
    return gpu;
  } catch (error) {
    dawnFailure = error instanceof Error ? error.message : String(error);
    return null;
  }
}

let dawnFailure = "";

/**
 * Why the last {@link openDawn} returned `null`.
 *
 * @returns The loader's message, empty when nothing failed
 */
export function dawnFailureReason(): string {
  return dawnFailure;
}

/**
 * The runtime's own WebGPU: `navigator.gpu` in browsers and in Deno.
 *
 * Deno's would also answer through OpenGL, whose compute shaders lack what kernels here rely on; it is asked not to,
 * unless the user's `DENO_WEBGPU_BACKEND` says what it shall use.
 *
 * @returns The `GPU` object, or `null` when the runtime has none
 */
export function ownWebGpu(): GPU | null {
  const name = "DENO_WEBGPU_BACKEND";
  const mayName = denoNamespace?.permissions.querySync({ name: "env", variable: name }).state === "granted";
  if (mayName && env(name) === undefined) setEnv(name, "vulkan,metal,dx12");
  return (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu ?? null;
}

const neverNotified = typeof SharedArrayBuffer === "undefined" ? null : new Int32Array(new SharedArrayBuffer(4));

/** One turn of the event loop, so that other work and the WebGPU binding's own polling get their share. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Waits for a promise of a binding that polls without a pause, on an adapter that needs the same processor cores.
 *
 * Each turn of the event loop sleeps a sixteenth of the time waited so far, at most 0.25 ms, and not at all in the
 * first 0.2 ms: short waits stay short, long waits leave the cores to the adapter.
 *
 * @param promise What to wait for
 * @returns Its value
 */
export async function waitPolitely<T>(promise: Promise<T>): Promise<T> {
  if (neverNotified === null || typeof setImmediate === "undefined") return await promise;
  let settled = false;
  const settle = () => void (settled = true);
  promise.then(settle, settle);
  const start = performance.now();
  while (!settled) {
    await turn();
    if (settled) break;
    const waited = performance.now() - start;
    if (waited > 0.2) Atomics.wait(neverNotified, 0, 0, Math.min(0.25, waited / 16));
  }
  return await promise;
}
