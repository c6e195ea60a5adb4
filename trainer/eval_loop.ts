import { writeErr } from "../platform/mod.ts";
import { inferenceMode, noGrad } from "../tensor/grad_mode.ts";
import { scope } from "../tensor/scope.ts";
import { drawTable } from "./_table.ts";
import { Cursor, type NamedLoader, type Step } from "./loaders.ts";
import { type LoaderPlace, MetricStore } from "./metric_store.ts";
import { type ReadValue, readValues } from "./named_values.ts";
import { type Run, stopped } from "./run.ts";

/** The three loops without gradients differ in names alone. */
export type EvalPhase = "validate" | "test" | "predict";

const NAMES = {
  validate: {
    name: "validation",
    hook: "Validation",
    step: "validationStep",
    limit: "limitValBatches",
    loaders: "val",
  },
  test: { name: "test", hook: "Test", step: "testStep", limit: "limitTestBatches", loaders: "test" },
  predict: {
    name: "prediction",
    hook: "Predict",
    step: "predictStep",
    limit: "limitPredictBatches",
    loaders: "predict",
  },
} as const;

/** The names that belong to a phase: of its hooks, its step, its limit and its loaders. */
export function namesOf(phase: EvalPhase): (typeof NAMES)[EvalPhase] {
  return NAMES[phase];
}

/** How a loop without gradients runs. */
export interface EvalOptions {
  /** Called when all is done but the hooks of the end. */
  readonly beforeEnd?: () => void;
  /** Whether predictions are kept, even if no callback reads them; default true. */
  readonly keepsPredictions?: boolean;
  /** Whether metrics are shown as a table at the end; default false. */
  readonly verbose?: boolean;
}

/** What a loop without gradients gave. */
export interface EvalResult {
  /** Metrics by loader, under the names of epoch rows; none where it did not come to its end. */
  readonly metrics: Record<string, number>[];
  /** Predictions by loader and batch; none where it did not come to its end. */
  readonly predictions: unknown[][];
  /** Whether it came to its end; metrics of a part are not made known. */
  readonly complete: boolean;
}

/**
 * Runs the module over loaders without gradients: validation, test or prediction.
 *
 * @param run The run
 * @param phase Which one
 * @param loaders The loaders
 * @param limits Batches by loader
 * @param options What is done before the end, and whether predictions are kept
 */
export async function evaluate(
  run: Run,
  phase: EvalPhase,
  loaders: readonly NamedLoader[],
  limits: readonly number[],
  { beforeEnd = () => {}, keepsPredictions = true, verbose = false }: EvalOptions = {},
): Promise<EvalResult> {
  const { module, hooks, reporter } = run;
  const { hook } = NAMES[phase];
  const store = new MetricStore();
  const restore = reporter.use(store, phase);
  const outerStep = run.step;
  const kept = phase === "predict" &&
    (keepsPredictions || run.trainer.callbacks.some((callback) => callback.keepsPredictions));
  const modes = [...module.modules()].map((part) => ({ part, training: part.training }));
  run.evalBatches = limits;
  run.evalLoaders = loaders.map(({ loader }) => loader);
  try {
    const withoutGradients = run.trainer.stage !== "fit" && run.trainer.options.inferenceMode ? inferenceMode : noGrad;
    return await withoutGradients(async () => {
      await hooks.module(`on${hook}ModelEval`);
      await hooks.call(`on${hook}Start`);
      await hooks.call(`on${hook}EpochStart`);
      const predictions: unknown[][] = [];
      run.predictions = predictions;
      for (const [index, { loader }] of loaders.entries()) {
        if (run.mustStop()) break;
        predictions.push([]);
        const keeps = kept ? predictions[index] : null;
        await evaluateOne(run, phase, loader, { index, limit: limits[index], logs: placeOf(loaders, index), keeps });
      }
      const complete = !run.mustStop();
      if (!complete) run.cutShort = true;
      await hooks.call(`on${hook}EpochEnd`);
      const known = complete && !run.sanityChecking && phase !== "predict";
      const values = await (known ? reporter.finishEvaluation() : readValues(() => store.epochValues()));
      if (complete) beforeEnd();
      await hooks.call(`on${hook}End`);
      if (!complete) {
        if (run.interrupted && run.trainer.stage !== "fit") {
          writeErr(`Interrupted: ${run.trainer.stage} did not come to its end, and returns nothing\n`);
        }
        return { metrics: [], predictions: [], complete };
      }
      if (verbose && values.length > 0) writeErr(`${showResults(phase, values, loaders)}\n`);
      return { metrics: byLoader(values, loaders), predictions, complete };
    });
  } finally {
    for (const { part, training } of modes) part.training = training;
    restore();
    store.reset();
    if (!keepsPredictions) run.predictions = run.predictions.map(() => []);
    run.step = outerStep;
  }
}

interface LoaderTurn {
  readonly index: number;
  readonly limit: number;
  /** How its values are told from those of others. */
  readonly logs: LoaderPlace;
  /** Takes predictions. */
  readonly keeps: unknown[] | null;
}

/** Runs the module over one loader. */
async function evaluateOne(
  run: Run,
  phase: EvalPhase,
  loader: NamedLoader["loader"],
  turn: LoaderTurn,
): Promise<void> {
  const { hooks, reporter } = run, { hook, step: stepName } = NAMES[phase];
  const { index: dataloaderIdx, limit, logs, keeps } = turn;
  const evaluateBatch = async (step: Step): Promise<unknown> => {
    const batch = await run.transfer(step.batch, dataloaderIdx, loader);
    run.step = step;
    reporter.enterBatch(batch, logs);
    await hooks.call(`on${hook}BatchStart`, batch, step.index, dataloaderIdx);
    const output = await run.runStep(stepName, batch, step.index, dataloaderIdx);
    await hooks.call(`on${hook}BatchEnd`, output, batch, step.index, dataloaderIdx);
    if (!run.sanityChecking && phase !== "predict") reporter.writeEvalRow(phase, dataloaderIdx);
    return keeps === null ? undefined : output;
  };
  const cursor = new Cursor(loader, { limit });
  let busy = false;
  try {
    const next = () => run.untilStopped(run.timed(`[EvalLoop].${NAMES[phase].loaders}Next`, () => cursor.next()));
    for (let step = await next(); step !== null; step = await next()) {
      busy = step === stopped;
      if (step === stopped) break;
      const given = step;
      const output = await run.timed("runEvaluationBatch", () => scope(() => evaluateBatch(given)));
      keeps?.push(output);
      await run.keepPace();
      if (run.mustStop()) break;
    }
  } finally {
    reporter.leaveBatch();
    await cursor.close(busy);
  }
}

/** What a loader adds to the names of metrics: nothing where it is the only one. */
function placeOf(loaders: readonly NamedLoader[], loader: number): LoaderPlace {
  if (loaders.length < 2) return { suffix: "" };
  return { suffix: `/${loaders[loader].name ?? `dataloader_idx_${loader}`}`, loader };
}

/** What was read for one of the loaders: values of its batches, and those that belong to none. */
function valuesOf(values: readonly ReadValue[], index: number): readonly ReadValue[] {
  return values.filter(({ loader = index }) => loader === index);
}

/** Metrics by loader. */
function byLoader(values: readonly ReadValue[], loaders: readonly NamedLoader[]): Record<string, number>[] {
  return loaders.map((_, index) => Object.fromEntries(valuesOf(values, index).map(({ name, value }) => [name, value])));
}

/** Metrics as a table: a row for each name, a column for each loader. */
function showResults(phase: EvalPhase, values: readonly ReadValue[], loaders: readonly NamedLoader[]): string {
  const columns = loaders.map((_, index) => {
    const { suffix } = placeOf(loaders, index);
    const bare = (name: string) => name.endsWith(suffix) ? name.slice(0, name.length - suffix.length) : name;
    return new Map(valuesOf(values, index).map(({ name, value }) => [bare(name), shortest(value)]));
  });
  const names = [...new Set(columns.flatMap((column) => [...column.keys()]))].sort();
  const { name } = NAMES[phase];
  return drawTable(
    [`${name[0].toUpperCase()}${name.slice(1)} metric`, ...loaders.map(({ name }, index) => name ?? `Loader ${index}`)],
    names.map((name) => [name, ...columns.map((column) => column.get(name) ?? "")]),
  ).join("\n");
}

/** A number in as many digits as 32 bits hold. */
function shortest(value: number): string {
  return String(Number(value.toPrecision(7)));
}
