import { nearest, show, unknownOption } from "../device/option_names.ts";
import type { Every } from "../trainer/amounts.ts";
import { isEvery, SCHEDULER_INTERVAL, schedulerInterval } from "../trainer/interval.ts";
import { trainerRules } from "../trainer/options.ts";
import { classSpec } from "./_flags.ts";
import { isTree, type Tree, valueAt } from "./_tree.ts";
import { misfits } from "./_words.ts";
import type { Program } from "./program.ts";
import { isOpen, type Registered, type Registry, schemasOf } from "./registry.ts";

/** A class of a registry, with its options. */
export interface Chosen {
  readonly classPath: string;
  readonly initArgs: Tree;
}

/** A scheduler, and when it is stepped. */
export interface ChosenScheduler extends Chosen {
  readonly interval: "epoch" | "step" | Every;
  /** Left out where the interval has its unit. */
  readonly frequency: number | undefined;
  readonly monitor: string | null;
}

/** A configuration with every default filled in. */
export interface Config {
  readonly seedEverything: number | false;
  readonly trainer: Tree & { callbacks: Chosen[]; logger: boolean | Chosen[] };
  readonly model: Chosen;
  readonly data: Chosen | null;
  readonly optimizer: Chosen | null;
  readonly lrScheduler: ChosenScheduler | null;
  readonly ckptPath: string | null;
}

/** The names at the top of a configuration. */
const SECTIONS = ["seedEverything", "trainer", "model", "data", "optimizer", "lrScheduler", "ckptPath"];

type AnyRegistry = Registry<unknown, never[]>;

/** Checks a configuration against what a program offers, and collects all that is wrong with it. */
export class ConfigCheck {
  /** What is wrong, one line each. */
  readonly problems: string[] = [];
  readonly #program: Program;
  readonly #given: Tree;

  constructor(program: Program, given: Tree) {
    this.#program = program;
    this.#given = given;
  }

  /** The configuration, or `null` where {@link problems} says why there is none. */
  check(): Config | null {
    const { models, data, optimizers = {}, lrSchedulers = {} } = this.#program, given = this.#given;
    for (const name of Object.keys(given)) {
      if (!SECTIONS.includes(name)) this.problems.push(`--${name}: ${unknownOption(name, SECTIONS)}`);
    }
    const chosen = {
      model: this.#choose("model", models, given.model, true),
      data: this.#choose("data", data, given.data, Object.keys(data).length === 1),
      optimizer: this.#choose("optimizer", optimizers, given.optimizer, false),
      lrScheduler: this.#choose("lrScheduler", lrSchedulers, given.lrScheduler, false),
    };
    this.#link(chosen);
    const linked = this.#linkedLater();
    for (
      const [section, registry] of Object.entries({
        model: models,
        data,
        optimizer: optimizers,
        lrScheduler: lrSchedulers,
      })
    ) {
      const choice = chosen[section as keyof typeof chosen];
      if (choice === null) continue;
      this.#checkOptions(`--${section}`, (registry as AnyRegistry)[choice.classPath], choice.initArgs, linked);
    }
    if (chosen.lrScheduler !== null && (given.optimizer ?? null) === null) {
      this.problems.push("--lrScheduler needs an --optimizer beside it, there is none");
    }
    const { seedEverything = 0, ckptPath = null } = given;
    if (seedEverything !== false && !(Number.isSafeInteger(seedEverything) && (seedEverything as number) >= 0)) {
      this.#wrong("--seedEverything", "a whole number from 0 on, or false", seedEverything);
    }
    // The best is that of a trainer that has run, which that of a new process has not.
    if (ckptPath !== null && (typeof ckptPath !== "string" || ["", "best"].includes(ckptPath))) {
      this.#wrong("--ckptPath", "a checkpoint's folder", ckptPath);
    }
    const trainer = this.#trainer(), lrScheduler = this.#scheduling(chosen.lrScheduler);
    if (this.problems.length > 0 || chosen.model === null) return null;
    return { seedEverything, ckptPath, trainer, ...chosen, lrScheduler } as Config;
  }

  #wrong(option: string, allowed: string, value: unknown, names: readonly string[] = []): void {
    const meant = typeof value === "string" ? nearest(value, names) : null;
    const got = value === undefined ? "nothing" : show(value);
    this.problems.push(`${option} must be ${allowed}, got ${got}${meant === null ? "" : `, ${meant} is the nearest`}`);
  }

  /** A class of a registry; `needed` where one has to be given. */
  #choose(section: string, registry: AnyRegistry, value: unknown, needed: boolean): Chosen | null {
    const names = Object.keys(registry);
    if (value === undefined || value === null) {
      if (!needed) return null;
      value = {};
    }
    if (!isTree(value)) {
      this.#wrong(`--${section}`, "the name of a class, or its options", value);
      return null;
    }
    const foreign = Object.keys(isTree(value.initArgs) ? value.initArgs : {}).filter((name) => name in IN_LIGHTNING);
    for (const name of foreign) this.problems.push(`--${section}.${name}: it is called ${IN_LIGHTNING[name]} here`);
    if (foreign.length > 0) return null;
    const { classPath = names.length === 1 ? names[0] : undefined, initArgs = {} } = value;
    if (typeof classPath !== "string" || !Object.hasOwn(registry, classPath)) {
      this.#wrong(`--${section}`, names.map(show).join(" or ") || leftOut(section), classPath, names);
      return null;
    }
    if (!isTree(initArgs)) {
      this.#wrong(`--${section}.initArgs`, "options by name", initArgs);
      return null;
    }
    return { classPath, initArgs: { ...defaultsOf(registry[classPath]), ...initArgs } };
  }

  /** Copies values from option to option. */
  #link(chosen: Readonly<Record<string, Chosen | null>>): void {
    for (const { from, to, compute = (value: unknown) => value } of this.#program.links ?? []) {
      const [section, name] = to.split(".");
      if (valueAt(this.#given, [section, "initArgs", name]) !== undefined) {
        this.problems.push(
          `--${to} must be left out: it follows from ${typeof from === "string" ? `--${from}` : "the data"}`,
        );
      }
      const target = chosen[section];
      if (typeof from !== "string" || target === null || target === undefined) continue;
      const [source, option] = from.split(".");
      const value = source === "trainer" ? valueAt(this.#given, [source, option]) : chosen[source]?.initArgs[option];
      if (value !== undefined) target.initArgs[name] = compute(value);
    }
  }

  /** Options whose values are known only when the data module exists. */
  #linkedLater(): ReadonlySet<string> {
    const later = (this.#program.links ?? []).filter(({ from }) => typeof from !== "string");
    return new Set(later.map(({ to }) => `--${to}`));
  }

  #checkOptions(
    option: string,
    entry: Registered<unknown, never[]>,
    given: Tree,
    skip: ReadonlySet<string> = new Set(),
  ): void {
    const schemas = schemasOf(entry), names = Object.keys(schemas);
    for (const [name, schema] of Object.entries(schemas)) {
      if (skip.has(`${option}.${name}`)) continue;
      for (const { path, allowed, known } of misfits(schema, given[name])) {
        const place = [`${option}.${name}`, ...path].join(".");
        if (allowed === null) this.problems.push(`${place}: ${unknownOption(path.at(-1)!, known)}`);
        else this.#wrong(place, allowed, path.reduce<unknown>((value, key) => (value as Tree)?.[key], given[name]));
      }
    }
    if (isOpen(entry)) return;
    for (const name of Object.keys(given)) {
      if (!names.includes(name)) this.problems.push(`${option}.${name}: ${unknownOption(name, names)}`);
    }
  }

  #trainer(): Config["trainer"] {
    const { trainer = {} } = this.#given;
    if (!isTree(trainer)) {
      this.#wrong("--trainer", "options by name", trainer);
      return { callbacks: [], logger: true };
    }
    const { callbacks, loggers } = this.#program, names = Object.keys(trainerRules);
    for (const [name, value] of Object.entries(trainer)) {
      const rule = trainerRules[name];
      if (rule === undefined) this.problems.push(`--trainer.${name}: ${unknownOption(name, names)}`);
      else if (!SPECIAL.has(name) && !rule[0].safeParse(value).success) {
        this.#wrong(`--trainer.${name}`, rule[1], value);
      }
    }
    const logger = trainer.logger ?? true;
    return {
      ...trainer,
      callbacks: this.#list("trainer.callbacks", callbacks ?? {}, trainer.callbacks ?? []),
      logger: typeof logger === "boolean" ? logger : this.#list("trainer.logger", loggers ?? {}, logger),
    };
  }

  #list(section: string, registry: AnyRegistry, value: unknown): Chosen[] {
    return [value].flat().flatMap((item, i) => {
      const chosen = this.#choose(`${section}.${i}`, registry, classSpec(item, section), true);
      if (chosen === null) return [];
      this.#checkOptions(`--${section}.${i}`, registry[chosen.classPath], chosen.initArgs);
      return [chosen];
    });
  }

  #scheduling(chosen: Chosen | null): ChosenScheduler | null {
    if (chosen === null) return null;
    const { interval = "epoch", monitor = null, ...given } = this.#given.lrScheduler as Tree;
    const frequency = given.frequency ?? (isEvery(interval) ? undefined : 1);
    if (!schedulerInterval.safeParse(interval).success) {
      this.#wrong("--lrScheduler.interval", SCHEDULER_INTERVAL, interval);
    }
    if (isEvery(interval) && frequency !== undefined) {
      this.#wrong("--lrScheduler.frequency", "left out where interval has its unit", frequency);
    } else if (frequency !== undefined && (!Number.isSafeInteger(frequency) || (frequency as number) < 1)) {
      this.#wrong("--lrScheduler.frequency", "a whole number from 1 on", frequency);
    }
    if (monitor !== null && typeof monitor !== "string") {
      this.#wrong("--lrScheduler.monitor", "the name of a metric", monitor);
    }
    return { ...chosen, interval, frequency, monitor } as ChosenScheduler;
  }
}

/** The parts of a program that classes come from, and what they are given when the usual ones will do. */
const SOURCES: readonly (readonly [section: string, part: keyof Program, standard?: string])[] = [
  ["model", "models"],
  ["data", "data"],
  ["optimizer", "optimizers", "standardOptimizers"],
  ["lrScheduler", "lrSchedulers", "standardSchedulers"],
  ["trainer.callbacks", "callbacks", "standardCallbacks"],
  ["trainer.logger", "loggers", "standardLoggers"],
];

/** What is said of a class where the program offers none. */
function leftOut(section: string): string {
  const [, part, standard] = SOURCES.find(([start]) => section.startsWith(start))!;
  const hint = standard === undefined ? "" : ` (${part}: ${standard} gives the usual ones)`;
  return `left out: this program gives LightningCLI no ${part}${hint}`;
}

/** Lightning's names of what makes a class, and ours. */
const IN_LIGHTNING: Readonly<Record<string, string>> = { class_path: "classPath", init_args: "initArgs" };

/** Options of the trainer that are classes. */
const SPECIAL = new Set(["callbacks", "logger"]);

/** The defaults that schemas have for options that are not given. */
export function defaultsOf(entry: Registered<unknown, never[]>): Tree {
  const entries = Object.entries(schemasOf(entry)).map(([name, schema]) => {
    const { success, data } = schema.safeParse(undefined);
    return [name, success ? data : undefined] as const;
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
