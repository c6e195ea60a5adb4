import type { Callback } from "./callback.ts";
import type { Logger } from "./logger.ts";
import type { ResolvedOptions } from "./options.ts";

/** What a trainer adds by itself; chosen by the preset, since the trainer knows no callback and no logger. */
export interface Defaults {
  /** Callbacks to add to the user's, given the user's. */
  callbacks(options: ResolvedOptions, given: readonly Callback[]): Callback[];
  /** The logger for `logger: true`. */
  loggers(options: ResolvedOptions): Logger[];
}

/** Nothing is added before a preset is installed. */
let defaults: Defaults = { callbacks: () => [], loggers: () => [] };

/** Installs a preset. */
export function setDefaults(next: Defaults): void {
  defaults = next;
}

/** The installed preset. */
export function currentDefaults(): Defaults {
  return defaults;
}
