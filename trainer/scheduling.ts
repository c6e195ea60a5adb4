import { writeErr } from "../platform/mod.ts";
import { then } from "./_then.ts";
import { Interval, isEvery } from "./interval.ts";
import type { ResolvedSchedulerConfig } from "./optimizers.ts";
import type { FitProgress } from "./progress.ts";
import type { Run } from "./run.ts";

/** The moments at which schedulers are stepped: after batches, and at the end of whole epochs. */
type Moment = "batch" | "epoch";

/** The intervals of schedulers that have a unit of their own, with their clocks. */
const intervals = new WeakMap<ResolvedSchedulerConfig, Interval>();

/**
 * After a batch: steps the schedulers that follow the count of steps, of batches or seconds, and with the last batch
 * those of epochs. With manual optimization the module does it.
 */
export function stepSchedulers(run: Run): void | Promise<void> {
  const configs = [...due(run, "batch", false), ...run.progress.lastBatch ? due(run, "epoch", false) : []];
  let stepped: void | Promise<void> = undefined;
  for (const config of configs) stepped = then(stepped, () => stepOne(run, config, null));
  return stepped;
}

/** Steps the schedulers that react to a metric. */
export async function stepPlateauSchedulers(run: Run, moment: Moment): Promise<void> {
  const configs = due(run, moment, true);
  if (configs.length > 0 && moment === "batch") await run.reporter.refresh();
  for (const config of configs) {
    const { callbackMetrics } = run.reporter;
    const metric = callbackMetrics[config.monitor!];
    if (metric !== undefined) {
      await stepOne(run, config, metric);
      continue;
    }
    const message =
      `Cannot step the scheduler ${config.name ?? config.scheduler.constructor.name}: there must be a metric ` +
      `${config.monitor}, known are ${Object.keys(callbackMetrics).join(", ") || "none"}`;
    if (config.strict) throw new Error(message);
    writeErr(`${message}\n`);
  }
}

function due(run: Run, moment: Moment, plateau: boolean): ResolvedSchedulerConfig[] {
  const { module, progress, schedulers } = run;
  if (!module.automaticOptimization || schedulers.length === 0) return NONE;
  return schedulers.filter((config) =>
    config.reduceOnPlateau === plateau && momentOf(config) === moment && isDue(config, progress)
  );
}

function momentOf({ interval }: ResolvedSchedulerConfig): Moment {
  return interval === "epoch" || (isEvery(interval) && interval.unit === "epoch") ? "epoch" : "batch";
}

function isDue(config: ResolvedSchedulerConfig, progress: FitProgress): boolean {
  const { interval, frequency } = config;
  if (interval === "epoch") return (progress.epoch + 1) % frequency === 0;
  if (interval === "step") return progress.windowBatches === 0 && progress.batchInEpoch % frequency === 0;
  let own = intervals.get(config);
  if (own === undefined) intervals.set(config, own = new Interval(interval));
  const over = own.isOver(progress);
  if (over) own.restart();
  return over;
}

const NONE: ResolvedSchedulerConfig[] = [];

function stepOne(run: Run, config: ResolvedSchedulerConfig, metric: number | null): void | Promise<void> {
  return run.inHook("lrSchedulerStep", () => run.module.lrSchedulerStep(config.scheduler, metric));
}
