import { stringify } from "yaml";
import type { LightningDataModule } from "../data/mod.ts";
import { init } from "../device/mod.ts";
import { args, dirname, joinPath, makeDir, writeErr, writeFileAtomic, writeOut } from "../platform/mod.ts";
import {
  Callback,
  CheckpointError,
  type LightningModule,
  seedEverything,
  type Stage,
  Trainer,
  type TrainerOptions,
} from "../trainer/mod.ts";
import { type Chosen, type Config, ConfigCheck } from "./_config.ts";
import { readFlags } from "./_flags.ts";
import { overview, type Subcommand, SUBCOMMANDS, usage } from "./_help.ts";
import { UsageError } from "./_tree.ts";
import type { Program } from "./program.ts";
import type { Registry } from "./registry.ts";

/** What shells say of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** What a command line was made into. */
export interface Instantiated {
  /** The trainer. */
  readonly trainer: Trainer;
  /** The model. */
  readonly model: LightningModule;
  /** The data module, where there is one. */
  readonly data: LightningDataModule | null;
}

/**
 * The command line of a training program: subcommands `fit`, `validate`, `test` and `predict`, options as flags and in
 * YAML files, and classes chosen by name from the registries that the program gives. Nothing that a file names is ever
 * resolved but through these.
 *
 * A run of `fit` saves its whole configuration as `config.yaml` beside its logs.
 *
 * @example
 * ```ts
 * import * as z from "zod";
 * import { LightningCLI, registered, standardOptimizers } from "@fulgurite/core/cli";
 * import { LightningModule } from "@fulgurite/core/trainer";
 *
 * class Model extends LightningModule {}
 * const cli = new LightningCLI({
 *   models: { Model: registered(z.object({ width: z.number().int().min(1).default(8) }), () => new Model()) },
 *   data: {},
 *   optimizers: standardOptimizers,
 * });
 * console.log(await cli.run(["fit", "--model.width=16", "--print-config"])); // the configuration, and 0
 * ```
 */
export class LightningCLI {
  readonly #program: Program;
  #made: Instantiated | null = null;

  /**
   * Makes a command line; nothing runs yet.
   *
   * @param program The classes to choose from
   */
  constructor(program: Program) {
    this.#program = program;
  }

  /** What the latest run was made of, or `null` before one. */
  get made(): Instantiated | null {
    return this.#made;
  }

  /**
   * Does what a command line says.
   *
   * @param words The words after the program's name; default: this process'
   * @returns The exit code: 0, 2 for a mistake in the words, 130 after Ctrl-C
   * @throws Whatever training throws
   */
  async run(words: readonly string[] = args()): Promise<number> {
    try {
      return await this.#run(words);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      writeErr(`${error.message}\n`);
      return 2;
    }
  }

  async #run([subcommand, ...rest]: readonly string[]): Promise<number> {
    if (subcommand === "--help") {
      writeOut(overview(this.#program));
      return 0;
    }
    if (subcommand === undefined || !isSubcommand(subcommand)) {
      const known = Object.keys(SUBCOMMANDS).join(", ");
      throw new UsageError(
        `The subcommand must be one of ${known}, got ${subcommand ?? "none"}\n\n${overview(this.#program)}`.trimEnd(),
      );
    }
    const { tree, help, printConfig } = await readFlags(rest);
    if (help) {
      writeOut(usage(this.#program, subcommand));
      return 0;
    }
    const check = new ConfigCheck(this.#program, tree), config = check.check();
    if (config === null) throw new UsageError(check.problems.join("\n"));
    if (printConfig) {
      writeOut(this.#textOf(config));
      return 0;
    }
    return await this.#go(subcommand, config);
  }

  /** A configuration as YAML that can be given again: without the options that follow from others. */
  #textOf(config: Config): string {
    const linked = new Set((this.#program.links ?? []).map(({ to }) => to));
    const own = (section: "model" | "data" | "optimizer" | "lrScheduler") => {
      const chosen = config[section];
      if (chosen === null) return null;
      const args = Object.entries(chosen.initArgs).filter(([name]) => !linked.has(`${section}.${name}`));
      return { ...chosen, initArgs: Object.fromEntries(args) };
    };
    const [model, data, optimizer, lrScheduler] = [own("model"), own("data"), own("optimizer"), own("lrScheduler")];
    return stringify({ ...config, model, data, optimizer, lrScheduler });
  }

  async #go(subcommand: Subcommand, config: Config): Promise<number> {
    await init();
    if (config.seedEverything !== false) seedEverything(config.seedEverything);
    const made = this.#made = asUsage(() => this.#make(config));
    try {
      await this.#enter(subcommand, made, config);
    } catch (error) {
      if (config.ckptPath === null || !(error instanceof CheckpointError)) throw error;
      throw new UsageError(`--ckptPath: ${error.message}`, { cause: error });
    }
    return made.trainer.state === "interrupted" ? INTERRUPTED : 0;
  }

  async #enter(subcommand: Subcommand, { trainer, model, data }: Instantiated, { ckptPath }: Config): Promise<void> {
    const options = { ckptPath };
    if (subcommand === "fit") await trainer.fit(model, data, options);
    else if (subcommand === "predict") await trainer.predict(model, data, options);
    else {
      const metrics = await trainer[subcommand](model, data, { ...options, verbose: false });
      for (const record of metrics) writeOut(stringify(record));
    }
  }

  #make(config: Config): Instantiated {
    const { models, data: modules, callbacks = {}, loggers = {}, links = [] } = this.#program;
    const data = config.data === null ? null : make(modules, config.data);
    const followed: Record<string, unknown> = {};
    for (const { from, to, compute = (value: unknown) => value } of links) {
      const [section, name] = to.split(".");
      if (typeof from !== "string" && section === "model") followed[name] = compute(from(data));
    }
    const model = make(models, { ...config.model, initArgs: { ...config.model.initArgs, ...followed } });
    this.#optimize(model, config);
    const { callbacks: chosen, logger, ...rest } = config.trainer;
    const trainer = new Trainer({
      ...rest as TrainerOptions,
      callbacks: [...chosen.map((each) => make(callbacks, each)), new SaveConfig(this.#textOf(config))],
      logger: typeof logger === "boolean" ? logger : logger.map((each) => make(loggers, each)),
    });
    return { trainer, model, data };
  }

  /** An optimizer of the command line takes the place of the model's own. */
  #optimize(model: LightningModule, { optimizer, lrScheduler }: Config): void {
    const { optimizers = {}, lrSchedulers = {} } = this.#program;
    if (optimizer === null) return;
    model.configureOptimizers = () => {
      const made = make(optimizers, optimizer, model.parameters());
      if (lrScheduler === null) return made;
      const { interval, frequency, monitor } = lrScheduler;
      const scheduler = make(lrSchedulers, lrScheduler, made);
      return { optimizer: made, lrScheduler: { scheduler, interval, frequency, monitor: monitor ?? undefined } };
    };
  }
}

function isSubcommand(word: string): word is Subcommand {
  return Object.hasOwn(SUBCOMMANDS, word);
}

function make<Made, Rest extends readonly unknown[]>(
  registry: Registry<Made, Rest>,
  { classPath, initArgs }: Chosen,
  ...rest: Rest
): Made {
  const { options, make } = registry[classPath];
  return make(options.parse(initArgs), ...rest);
}

/** What a class says of its options is a mistake on the command line. */
function asUsage<T>(fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new UsageError(error.message, { cause: error });
    }
    throw error;
  }
}

/** Writes the configuration beside the logs of a run. */
class SaveConfig extends Callback {
  readonly #text: string;

  constructor(text: string) {
    super();
    this.#text = text;
  }

  override async setup(trainer: Trainer, _module: LightningModule, stage: Stage): Promise<void> {
    if (stage !== "fit" || trainer.options.fastDevRun !== false) return;
    const path = joinPath(trainer.logDir, "config.yaml");
    await makeDir(dirname(path));
    await writeFileAtomic(path, this.#text);
  }
}
