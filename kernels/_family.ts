import { device } from "../device/mod.ts";

/**
 * Which of two kernels does the work. `"lanes"`: each invocation works alone, which suits software adapters (there a
 * barrier switches coroutines) and many short rows anywhere. `"groups"`: the invocations of a workgroup share rows
 * through workgroup memory, which suits GPUs.
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

/** The least workgroups of a long dispatch, so that every core gets some and none waits long for the last. */
const ENOUGH_GROUPS = 32;
/** The most items that an invocation makes: beyond, starting its workgroup no longer counts. */
const LONGEST_RUN = 16;

/**
 * Items that an invocation makes one after the other. A software adapter spends as much on starting a workgroup as on
 * some hundred elements, so there workgroups are few and long; a GPU starts them for nothing.
 *
 * @param items How many there are
 * @param group Invocations of a workgroup
 */
export function runOf(items: number, group: number): number {
  if (family() !== "lanes") return 1;
  return Math.max(1, Math.min(LONGEST_RUN, Math.floor(items / (group * ENOUGH_GROUPS))));
}
