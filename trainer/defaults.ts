import { show } from "../device/option_names.ts";
import { Callback } from "./callback.ts";
import type { Logger } from "./logger.ts";
import type { ResolvedOptions } from "./options.ts";

/** What a trainer adds by itself; chosen by the preset, since the trainer knows no callback and no logger. */
export interface Defaults {
  /** Callbacks to add to the user's, given the user's. */
  callbacks(options: ResolvedOptions, given: readonly Callback[]): Callback[];
  /** The logger for `logger: true`. */
  loggers(): Logger[];
}

/** Nothing is added before a preset is installed. */
let defaults: Defaults = { callbacks: () => [], loggers: () => [] };

/** Installs a preset. */
export function setDefaults(next: Defaults): void {
  defaults = next;
}

/**
 * The callbacks of a trainer: the user's and the preset's, those that write checkpoints last.
 *
 * @throws {TypeError} If two stateful ones cannot be told apart, or one writes checkpoints against the options
 */
export function callbacksOf(options: ResolvedOptions): readonly Callback[] {
  const given = [options.callbacks].flat();
  if (!options.enableCheckpointing && options.fastDevRun === false && given.some((c) => c.checkpointing)) {
    throw new TypeError(
      "Cannot make a Trainer: enableCheckpointing must be true with a ModelCheckpoint among the callbacks, got false",
    );
  }
  const active = activeOf(options, given);
  const all = [...active, ...defaults.callbacks(options, active)];
  return ordered(all);
}

/**
 * A trainer's callbacks with those that a module configures, which take the place of the trainer's of the same class.
 *
 * @throws {TypeError} If what the module gave are no callbacks, or two stateful ones cannot be told apart
 */
export function withModules(
  options: ResolvedOptions,
  callbacks: readonly Callback[],
  configured: readonly Callback[],
): readonly Callback[] {
  for (const callback of configured) {
    if (callback instanceof Callback) continue;
    throw new TypeError(
      `Cannot configure callbacks: configureCallbacks must give callbacks, it gave ${show(callback)}`,
    );
  }
  const active = activeOf(options, configured);
  const classes = new Set(active.map(({ constructor }) => constructor));
  return ordered([...callbacks.filter(({ constructor }) => !classes.has(constructor)), ...active]);
}

/** Under `fastDevRun` nothing is saved and nothing is looked for. */
function activeOf({ fastDevRun }: ResolvedOptions, given: readonly Callback[]): readonly Callback[] {
  return fastDevRun === false ? given : given.filter((callback) => !callback.checkpointing && !callback.tuning);
}

/** Those that write checkpoints last; stateful ones must have keys of their own. */
function ordered(all: readonly Callback[]): readonly Callback[] {
  const stateful = all.filter((callback) => callback.stateDict !== undefined).map((callback) => callback.stateKey);
  const twice = stateful.find((key, i) => stateful.indexOf(key) !== i);
  if (twice !== undefined) {
    throw new TypeError(
      `Cannot make a Trainer: stateful callbacks must have different keys, two have ${twice}; their options tell them apart`,
    );
  }
  const rank = ({ tuning, checkpointing }: Callback) => tuning ? 0 : checkpointing ? 2 : 1;
  return all.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * Opens the loggers of a run.
 *
 * @throws {Error} If two of a class have chosen one place: each would take the other's files for its own
 */
export async function openLoggers(loggers: readonly Logger[]): Promise<void> {
  const places = new Set<string>();
  for (const logger of loggers) {
    await logger.open?.();
    const { constructor: { name }, logDir } = logger;
    if (logDir === null) continue;
    const place = JSON.stringify([name, logDir]);
    if (places.has(place)) {
      throw new Error(`Cannot log to ${logDir}: two loggers must not write to one place, two ${name} do`);
    }
    places.add(place);
  }
}

/**
 * The loggers of a trainer.
 *
 * @throws {TypeError} If one is there twice: it would get each row twice
 */
export function loggersOf(options: ResolvedOptions): readonly Logger[] {
  const { logger: given, defaultRootDir } = options;
  const loggers = given === true ? defaults.loggers() : given === false ? [] : [given].flat();
  const twice = loggers.find((logger, i) => loggers.indexOf(logger) !== i);
  if (twice !== undefined) {
    throw new TypeError(
      `Cannot make a Trainer: each logger must be given once, a ${twice.constructor.name} is there twice`,
    );
  }
  for (const logger of loggers) logger.setRootDir?.(defaultRootDir);
  return loggers;
}
