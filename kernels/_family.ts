import { device } from "../device/mod.ts";

/**
 * Which of two kernels does the work. `"lanes"`: each invocation works alone, which suits software adapters (there a
 * barrier switches coroutines) and many short rows anywhere. `"groups"`: the invocations of a workgroup share rows through
 * workgroup memory, which suits GPUs.
 */
export type Family = "lanes" | "groups";

let forced: Family | null = null;

/** The family for the open device. */
export function family(): Family {
  return forced ?? (device().info.software ? "lanes" : "groups");
}

/** Runs `fn` with one family on any adapter, so that tests can compare the two. `fn` may be asynchronous. */
export async function withFamily<T>(wanted: Family, fn: () => T | Promise<T>): Promise<T> {
  const before = forced;
  forced = wanted;
  try {
    return await fn();
  } finally {
    forced = before;
  }
}
