import { writeErr } from "../platform/mod.ts";
import { then } from "./_then.ts";
import type { ResolvedSchedulerConfig } from "./optimizers.ts";
import type { Run } from "./run.ts";

/** The moments at which schedulers are stepped. */
type Interval = "step" | "epoch";

/** Steps the schedulers that follow the count of steps or epochs. With manual optimization the module does it. */
export function stepSchedulers(run: Run, interval: Interval): void | Promise<void> {
  let stepped: void | Promise<void> = undefined;
  for (const config of due(run, interval, false)) stepped = then(stepped, () => stepOne(run, config, null));
  return stepped;
}

/** Steps the schedulers that react to a metric. */
export async function stepPlateauSchedulers(run: Run, interval: Interval): Promise<void> {
  const configs = due(run, interval, true);
  if (configs.length > 0 && interval === "step") await run.reporter.refresh();
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

function due(run: Run, interval: Interval, plateau: boolean): ResolvedSchedulerConfig[] {
  const { module, progress, schedulers } = run;
  if (!module.automaticOptimization || schedulers.length === 0) return NONE;
  const at = interval === "step" ? progress.batchInEpoch : progress.epoch + 1;
  return schedulers.filter((config) =>
    config.interval === interval && config.reduceOnPlateau === plateau && at % config.frequency === 0
  );
}

const NONE: ResolvedSchedulerConfig[] = [];

function stepOne(run: Run, config: ResolvedSchedulerConfig, metric: number | null): void | Promise<void> {
  return run.inHook("lrSchedulerStep", () => run.module.lrSchedulerStep(config.scheduler, metric));
}
