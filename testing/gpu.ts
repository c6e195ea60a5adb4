/** Tests on the device. */
import { type Device, device, init, scope } from "../mod.ts";

/** Options of {@link gpuTest}. */
export interface GpuTestOptions {
  /** Bytes that the test may leave behind, for things cached on purpose; default 0. */
  mayKeepBytes?: number;
  /** Skips the test, as in `Deno.test`; the reason belongs in its name. */
  ignore?: boolean;
  /** A feature of WebGPU; on an adapter without it the test has an ignored step that says so, and nothing else. */
  needs?: GPUFeatureName;
}

/**
 * A test that needs the device. It opens it once for all tests (no adapter: the test fails), frees what the test made,
 * and fails when the device reports an error or when buffers stay behind.
 *
 * @param name The test's name
 * @param fn The test; it gets the device and the context for steps
 */
export function gpuTest(
  name: string,
  fn: (device: Device, context: Deno.TestContext) => void | Promise<void>,
  options: GpuTestOptions = {},
): void {
  Deno.test({
    name,
    ignore: options.ignore ?? false,
    // The device stays open between tests, and with it what its binding holds.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn(context) {
      const device = await init();
      const { needs } = options;
      if (needs !== undefined && !device.features.has(needs)) {
        await context.step({ name: `the adapter ${device.info.adapter} has no ${needs}`, ignore: true, fn: () => {} });
        return;
      }
      await leavesNothing(device, name, () => fn(device, context), options.mayKeepBytes);
    },
  });
}

/**
 * Runs `fn` in a scope and throws when the device reports an error, or when bytes stay on it that were not there
 * before.
 *
 * @param device The device to watch
 * @param name What the error calls it
 * @param fn What to run
 * @param mayKeepBytes Bytes that may stay
 */
export async function leavesNothing(
  device: Device,
  name: string,
  fn: () => void | Promise<void>,
  mayKeepBytes = 0,
): Promise<void> {
  await device.sync();
  const before = device.memory();
  try {
    await scope(async () => await fn());
  } catch (error) {
    // Dawn ends the process, and with it the message, when the runtime exits while answers of the device are pending.
    await device.sync().catch((second) => console.error("The device reports too:", second));
    throw error;
  }
  await device.sync();
  const after = device.memory();
  const left = after.liveBytes - before.liveBytes;
  if (left <= mayKeepBytes) return;
  const grown = Object.entries(after.byOp).filter(([op, bytes]) => bytes > (before.byOp[op] ?? 0));
  const names = grown.map(([op, bytes]) => `${op} ${bytes - (before.byOp[op] ?? 0)}`).join(", ");
  throw new Error(`Cannot pass ${name}: ${left} bytes stay on the device (by op: ${names})`);
}

/** How many kernels something records. */
export function countDispatches(work: () => unknown): number {
  const { counts } = device().recorder, before = counts.dispatches;
  work();
  return counts.dispatches - before;
}
