import { checkNames, show } from "../device/option_names.ts";
import { LBFGS, LRScheduler, Optimizer, ReduceLROnPlateau } from "../optim/mod.ts";
import { isEvery, SCHEDULER_INTERVAL, schedulerInterval } from "./interval.ts";
import { countManualSteps } from "./manual.ts";
import type { ConfiguredOptimizers, LRSchedulerConfig, OptimizerConfig } from "./optimizer_config.ts";
import type { Run } from "./run.ts";

/** A scheduler's configuration with every default filled in. */
export type ResolvedSchedulerConfig = Required<Omit<LRSchedulerConfig, "monitor" | "name">> & {
  monitor: string | null;
  name: string | null;
};

/** An optimizer, and the step that it owns where it does not share the module's. */
export interface OwnedStep {
  readonly optimizer: Optimizer | null;
  readonly own: NonNullable<OptimizerConfig["step"]> | null;
}

/** What `configureOptimizers` returned, in one form. */
export interface OptimizerSetup {
  readonly optimizers: readonly Optimizer[];
  /** For each the step that it owns, or `null`. */
  readonly steps: readonly OwnedStep["own"][];
  readonly schedulers: readonly ResolvedSchedulerConfig[];
}

/**
 * Brings every form that `configureOptimizers` may return into one.
 *
 * @throws {TypeError} For anything that is none of the forms, a scheduler on a metric without `monitor`, or of an
 *   optimizer that is not returned
 */
function resolveOptimizers(configured: ConfiguredOptimizers): OptimizerSetup {
  const setup = listOptimizers(configured);
  // An optimizer that wraps another one shares its groups, which are what a scheduler sets.
  const groups = new Set<unknown>(setup.optimizers.flatMap(({ paramGroups }) => paramGroups));
  for (const { scheduler } of setup.schedulers) {
    if (scheduler.optimizer.paramGroups.every((group) => groups.has(group))) continue;
    const { name } = scheduler.optimizer.constructor;
    throw new TypeError(
      `Cannot configure a scheduler: its optimizer must be returned, too, got a ${scheduler.constructor.name} of another ${name}`,
    );
  }
  return setup;
}

function listOptimizers(configured: ConfiguredOptimizers): OptimizerSetup {
  if (!configured) return { optimizers: [], steps: [], schedulers: [] };
  if (configured instanceof LRScheduler) {
    throw new TypeError(
      `Cannot configure optimizers: a scheduler needs its optimizer beside it, return { optimizer, lrScheduler }, got ` +
        configured.constructor.name,
    );
  }
  if (isPair(configured)) {
    return {
      optimizers: configured[0].map(checkedOptimizer),
      steps: configured[0].map(() => null),
      schedulers: configured[1].map((entry) => resolveScheduler(entry, null)),
    };
  }
  const list = Array.isArray(configured) ? configured : [configured as Optimizer | OptimizerConfig];
  const optimizers: Optimizer[] = [], steps: OwnedStep["own"][] = [], schedulers: ResolvedSchedulerConfig[] = [];
  for (const entry of list) {
    if (entry instanceof Optimizer) {
      optimizers.push(entry);
      steps.push(null);
    } else {
      if (typeof entry !== "object" || entry === null) checkedOptimizer(entry);
      checkNames<OptimizerConfig>("configure optimizers", entry, {
        optimizer: true,
        lrScheduler: true,
        monitor: true,
        step: true,
      });
      const { optimizer, lrScheduler, monitor, step } = entry as OptimizerConfig;
      if (optimizer === undefined) {
        throw new TypeError(
          `Cannot configure optimizers: { optimizer, lrScheduler } must name an optimizer, its keys are ${
            Object.keys(entry).join(", ") || "none"
          }`,
        );
      }
      optimizers.push(checkedOptimizer(optimizer));
      steps.push(step ?? null);
      if (lrScheduler) schedulers.push(resolveScheduler(lrScheduler, monitor ?? null));
    }
  }
  return { optimizers, steps, schedulers };
}

function isPair(
  configured: NonNullable<ConfiguredOptimizers>,
): configured is readonly [readonly Optimizer[], readonly (LRScheduler | LRSchedulerConfig)[]] {
  return Array.isArray(configured) && configured.length === 2 && Array.isArray(configured[0]) &&
    Array.isArray(configured[1]);
}

function checkedOptimizer(value: unknown): Optimizer {
  if (value instanceof Optimizer) return value;
  throw new TypeError(
    `Cannot configure optimizers: expected an Optimizer, { optimizer, lrScheduler }, a list of them, ` +
      `[optimizers, schedulers] or null, got ${value === null ? "null" : typeof value}`,
  );
}

function resolveScheduler(entry: LRScheduler | LRSchedulerConfig, monitor: string | null): ResolvedSchedulerConfig {
  const config: LRSchedulerConfig = entry instanceof LRScheduler ? { scheduler: entry } : entry;
  const reduceOnPlateau = config.reduceOnPlateau ?? config.scheduler instanceof ReduceLROnPlateau;
  checkNames("configure a scheduler", config, {
    scheduler: true,
    interval: true,
    frequency: true,
    monitor: true,
    strict: true,
    name: true,
    reduceOnPlateau: true,
  });
  const { scheduler, interval = "epoch", frequency = 1, strict = true, name = null } = config;
  if (!(scheduler instanceof LRScheduler)) {
    throw new TypeError(`Cannot configure a scheduler: scheduler must be an LRScheduler, got ${show(scheduler)}`);
  }
  if (!schedulerInterval.safeParse(interval).success) {
    throw new TypeError(
      `Cannot configure a scheduler: interval must be ${SCHEDULER_INTERVAL}, got ${JSON.stringify(interval)}`,
    );
  }
  if (isEvery(interval) && config.frequency !== undefined) {
    throw new TypeError(
      `Cannot configure a scheduler: frequency must be left out where interval has a unit, got ${config.frequency}`,
    );
  }
  const metric = config.monitor ?? monitor;
  if (reduceOnPlateau && metric === null) {
    throw new TypeError("Cannot configure a scheduler: one that reacts to a metric needs `monitor`, got none");
  }
  return { scheduler, interval, frequency, monitor: metric, strict, name, reduceOnPlateau };
}

/**
 * Asks the module for its optimizers and takes them over into the run.
 *
 * @throws {TypeError} If the module does not define what training needs
 * @throws {RangeError} If several optimizers, or clipping, do not go with the kind of optimization
 */
export async function configureOptimizers(run: Run): Promise<void> {
  const { module, trainer } = run, name = module.constructor.name;
  const required = (method: "trainingStep" | "configureOptimizers") => {
    if (module[method] === undefined) throw new TypeError(`Cannot fit ${name}: it must define ${method}, it does not`);
  };
  required("configureOptimizers");
  const { optimizers, steps, schedulers } = resolveOptimizers(
    await run.inHook("configureOptimizers", () => module.configureOptimizers!()),
  );
  const declared = steps.filter((step) => step !== null).length;
  if (declared === 0) required("trainingStep");
  else if (declared < steps.length || !module.automaticOptimization || trainer.options.lightningCompat) {
    throw new TypeError(
      `Cannot fit ${name}: where optimizers own steps, all of them must, in automatic optimization and without ` +
        `lightningCompat; ${declared} of ${steps.length} do`,
    );
  }
  if (module.automaticOptimization && optimizers.length > 1 && declared === 0) {
    throw new RangeError(
      `Cannot fit ${name}: automatic optimization takes one optimizer, got ${optimizers.length}; set ` +
        "automaticOptimization to false and step them in trainingStep, or declare the step that each owns: " +
        "{ optimizer, step }",
    );
  }
  if (!module.automaticOptimization && trainer.options.gradientClipVal !== null) {
    throw new RangeError(
      "Cannot use gradientClipVal with manual optimization: trainingStep must call clipGradients itself, gradientClipVal " +
        `is ${trainer.options.gradientClipVal}`,
    );
  }
  const { accumulateGradBatches } = trainer;
  if (!module.automaticOptimization && accumulateGradBatches !== 1) {
    throw new RangeError(
      "Cannot use accumulateGradBatches with manual optimization: trainingStep decides itself when an optimizer steps, " +
        `accumulateGradBatches is ${accumulateGradBatches}`,
    );
  }
  if (accumulateGradBatches !== 1 && optimizers.some((optimizer) => optimizer instanceof LBFGS)) {
    throw new RangeError(
      "Cannot use accumulateGradBatches with LBFGS: it measures the loss of one batch several times, " +
        `accumulateGradBatches is ${accumulateGradBatches}`,
    );
  }
  if (optimizers.length === 0) {
    run.warn(`${name} has no optimizer, configureOptimizers gave none: no weight will change`);
  }
  const own = new Set<unknown>(module.parameters());
  for (const { constructor, paramGroups } of own.size === 0 ? [] : optimizers) {
    if (paramGroups.some(({ params }) => params.some((param) => own.has(param)))) continue;
    run.warn(
      `${name} trains nothing with its ${constructor.name}: none of the parameters that it updates are the module's`,
    );
  }
  run.optimizers = optimizers;
  run.ownedSteps = optimizers.length === 0
    ? [{ optimizer: null, own: null }]
    : optimizers.map((optimizer, i) => ({ optimizer, own: steps[i] }));
  run.schedulers = schedulers;
  // First the scaler's hooks: who looks at gradients before a step sees them in their own size.
  run.undo.push(run.precision.attach(optimizers));
  if (!module.automaticOptimization) countManualSteps(run);
}
