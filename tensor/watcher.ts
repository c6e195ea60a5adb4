import type { Generator } from "./generator.ts";
import type { Storage } from "./storage.ts";
import type { Tensor } from "./tensor.ts";

/** How a gradient is used: looked at, replaced, or freed whatever it is. */
export type GradientAccess = "get" | "set" | "clear";

/** Hears what a function does while it is captured, beyond the commands that the recorder takes down. */
export interface Watcher {
  /** Recorded work touches a storage. */
  uses(storage: Storage): void;
  /** A storage is changed in place. */
  changes(storage: Storage): void;
  /** The gradient of a tensor is about to be used. */
  gradient(of: Tensor, access: GradientAccess): void;
  /** What the function does depends on whether a leaf requires a gradient. */
  flag(of: Tensor): void;
  /** What the function does depends on something of the host, which `read` reads: a value, or a list of values. */
  depends(owner: object, name: string, read: () => unknown): void;
  /**
   * What the function does is right as long as `holds` is true of the whole numbers that a storage is known to hold.
   */
  checks(storage: Storage, holds: (bounds: Storage["bounds"]) => boolean): void;
  /** Random numbers are drawn: gives the u32 tensor of two words of the step and the stream to count from. */
  draws(generator: Generator): { place: Tensor; stream: number };
  /** Something has to be done before each replay, once an owner. */
  beforeReplay(owner: object, action: () => void): void;
  /** Runs `fn` as if nothing were recorded. */
  outside<T>(fn: () => T): T;
}

/** Who watches now. */
export const watching: { by: Watcher | null } = { by: null };

/** Counts the changes of what is called around every forward of modules: hooks that come and go. */
export const moduleHooks: { version: number } = { version: 0 };
