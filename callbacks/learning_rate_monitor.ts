import * as z from "zod";
import { checkOptions } from "../trainer/check_options.ts";
import { Callback, type Trainer } from "../trainer/mod.ts";

/** What a {@link LearningRateMonitor} logs, and when. */
export interface LearningRateMonitorOptions {
  /** With step rows, at the start of epochs, or both (`null`, default). */
  loggingInterval?: "step" | "epoch" | null;
  /** Momentum, or the first of the decay rates, too; default false. */
  logMomentum?: boolean;
  /** Weight decay, too; default false. */
  logWeightDecay?: boolean;
}

const rules = {
  loggingInterval: [z.enum(["step", "epoch"]).nullable().default(null), '"step", "epoch" or null'],
  logMomentum: [z.boolean().default(false), "true or false"],
  logWeightDecay: [z.boolean().default(false), "true or false"],
} as const;

/**
 * Logs learning rates: `lr-Adam`, `lr-Adam-1` for a second optimizer of the class, `lr-Adam/pg1`, `lr-Adam/pg2` for
 * groups. The `name` of a scheduler's configuration takes the place of `lr-Adam`, the `name` of a group that of `pg1`.
 *
 * @example
 * ```ts
 * import { LearningRateMonitor } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * new Trainer({ callbacks: new LearningRateMonitor({ loggingInterval: "step" }) });
 * ```
 */
export class LearningRateMonitor extends Callback {
  readonly #options: ReturnType<typeof checkOptions<typeof rules>>;

  /**
   * Makes the callback.
   *
   * @param options What it logs, and when
   * @throws {TypeError} Naming each option that is wrong
   */
  constructor(options: LearningRateMonitorOptions = {}) {
    super();
    this.#options = checkOptions("a LearningRateMonitor", rules, options);
  }

  /** Looks whether there is a logger. */
  override onTrainStart(trainer: Trainer): void {
    if (trainer.loggers.length === 0) {
      throw new TypeError("Cannot monitor learning rates: the trainer must have a logger, it has none");
    }
  }

  /** Logs at the start of an epoch. */
  override onTrainEpochStart(trainer: Trainer): void {
    if (this.#options.loggingInterval !== "step") this.#log(trainer);
  }

  /** Logs with the rows of steps. */
  override onTrainBatchStart(trainer: Trainer): void {
    if (this.#options.loggingInterval !== "epoch" && trainer.logsThisBatch) this.#log(trainer);
  }

  #log(trainer: Trainer): void {
    const { logMomentum, logWeightDecay } = this.#options;
    const rates: Record<string, number> = {}, taken = new Set<string>();
    for (const optimizer of trainer.optimizers) {
      const config = trainer.lrSchedulerConfigs.find(({ scheduler }) => scheduler.optimizer === optimizer);
      const name = freeName(config?.name ?? `lr-${optimizer.constructor.name}`, taken);
      // Groups have the options of their own optimizer.
      const groups = optimizer.paramGroups as unknown as readonly ({ lr: number } & Record<string, unknown>)[];
      groups.forEach((group, i) => {
        const own = groups.length === 1 && group.name === undefined ? name : `${name}/${group.name ?? `pg${i + 1}`}`;
        const momentum = (group.betas as readonly number[] | undefined)?.[0] ?? group.momentum;
        rates[own] = group.lr;
        if (logMomentum && typeof momentum === "number") rates[`${own}-momentum`] = momentum;
        if (logWeightDecay && typeof group.weightDecay === "number") rates[`${own}-weight_decay`] = group.weightDecay;
      });
    }
    if (Object.keys(rates).length > 0) trainer.logMetrics(rates);
  }
}

/** A name that no optimizer before has: the second gets `-1`. */
function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let n = 1; taken.has(name); n++) name = `${wanted}-${n}`;
  taken.add(name);
  return name;
}
