import type { Device } from "./device.ts";
import { type DispatchTime, Timeline } from "./timeline.ts";

/**
 * Runs `fn` and tells what each dispatch cost on the device, by timestamp queries. Every dispatch gets a compute pass
 * of its own, so the sum is a little more than the usual cost; at most 131,072 dispatches are timed.
 *
 * Browsers and Dawn round timestamps to 65.5 µs or 100 µs unless told otherwise (Dawn: the toggle
 * `timestamp_quantization` off), so short kernels need repetition.
 *
 * @param device The device
 * @param fn What to time; work recorded before it is submitted first
 * @returns The dispatches in order
 * @throws {TypeError} If the adapter has no timestamp queries
 *
 * @example
 * ```ts
 * import { init, ones, profile } from "@fulgurite/core";
 *
 * const device = await init();
 * if (device.features.has("timestamp-query")) {
 *   const times = await profile(device, () => ones([1000]).add(1).sum().item());
 *   console.log(times.map(({ label }) => label));
 * }
 * ```
 */
export async function profile(device: Device, fn: () => unknown): Promise<DispatchTime[]> {
  device.flush();
  await device.recorder.caughtUp();
  const timeline = new Timeline(device);
  try {
    await fn();
    return (await timeline.stop()).map(({ label, microseconds }) => ({ label, microseconds }));
  } finally {
    timeline.destroy();
  }
}
