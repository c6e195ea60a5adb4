import * as z from "zod";
import type { Hyperparameters, HyperparameterStore, StateDict } from "../data/mod.ts";
import { defaultGenerator, type RandomState } from "../tensor/mod.ts";
import { Metric } from "../metrics/mod.ts";
import type { OptimizerState, SchedulerState } from "../optim/mod.ts";
import { tensor } from "../tensor/create.ts";
import type { DType } from "../tensor/dtype.ts";
import { type HostTensor, isHostTensor } from "../tensor/host.ts";
import { keep } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Callback } from "./callback.ts";
import { checkState } from "./check_state.ts";
import { CHECKPOINT_VERSION, type CheckpointData, CheckpointError } from "./checkpoint.ts";
import type { FitLoop } from "./fit_loop.ts";
import type { LightningModule } from "./lightning_module.ts";
import type { Run } from "./run.ts";

const count = z.number().int().min(0);
const hostTensor = z.custom<HostTensor<DType>>(isHostTensor);
const record = z.record(z.string(), z.unknown());
const numbers = z.record(z.string(), z.number().or(z.nan()).or(z.literal([Infinity, -Infinity])));

/** What a checkpoint says of training, checked when it is read: files come from strangers. */
const trainingState = z.object({
  progress: z.strictObject({
    epoch: count,
    globalStep: count,
    batchesSeen: count,
    batchInEpoch: count,
    lastBatch: z.boolean(),
    steppedBatches: count,
    windowBatches: count,
    midEpoch: z.boolean(),
    place: z.enum(["batch", "batchEnd", "validated", "epochEnd"]),
    evalBatches: z.record(z.string(), count),
    seconds: z.number().min(0),
  }),
  optimizers: z.array(record),
  lrSchedulers: z.array(record),
  gradients: z.record(z.string(), hostTensor),
  /** Items in the open accumulation window, by the optimizer's number. */
  counts: z.record(z.string(), hostTensor).default({}),
  loader: record.nullable(),
  callbackMetrics: numbers,
  metricSteps: z.record(z.string(), count),
  logged: z.record(z.string(), record),
  /** What the module's metrics remember within an epoch, by name. */
  metrics: z.record(z.string(), record),
  /** Of the loss scaler; `null` in other modes. */
  precision: record.nullable(),
  random: z.strictObject({ seed: count, step: count, stream: count }),
  callbacks: z.record(z.string(), record),
  dataModule: record.nullable(),
});

/** The part of a checkpoint that training goes on from. */
export type TrainingState = z.output<typeof trainingState>;

/** What a checkpoint of a run holds at this moment; its tensors are the module's own, to be read before they change. */
export function captureState(
  run: Run,
  loop: FitLoop | null,
  callbacks: readonly Callback[],
  weightsOnly: boolean,
): CheckpointData {
  const { module, data, progress, reporter } = run;
  const stateDict = new Map(module.stateDict());
  const hyperparameters = { module: takenBy(module), dataModule: data === null ? null : takenBy(data) };
  if (weightsOnly) return { version: CHECKPOINT_VERSION, stateDict, training: null, hyperparameters, extra: {} };
  const states: Record<string, StateDict> = {};
  for (const callback of callbacks) {
    const state = callback.stateDict?.();
    if (state !== undefined) states[callback.stateKey] = state;
  }
  const metrics = metricsOf(module), before = loop?.beforeValidation ?? null, restart = loop?.restart ?? null;
  const { windowBatches } = restart?.progress ?? progress;
  const anew = before?.freshMetrics ?? partsOf(reporter.evaluatedMetrics);
  const training: { [K in keyof TrainingState]: unknown } = {
    progress: {
      ...progress,
      ...restart?.progress,
      evalBatches: { ...before?.evalBatches ?? progress.evalBatches },
      seconds: reporter.seconds,
    },
    optimizers: run.optimizers.map((optimizer) => optimizer.stateDict()),
    lrSchedulers: run.schedulers.map(({ scheduler }) => scheduler.stateDict()),
    gradients: windowBatches > 0 ? gradientsOf(run) : {},
    counts: windowBatches > 0 ? run.counts.stateDict() : {},
    loader: progress.midEpoch ? loop?.loaderState ?? null : null,
    callbackMetrics: { ...reporter.callbackMetrics },
    metricSteps: { ...reporter.metricSteps },
    logged: reporter.fitStore.stateDict(metrics, restart?.marked ?? false),
    metrics: progress.midEpoch ? metricStates(metrics, anew) : {},
    precision: run.precision.stateDict() as Record<string, unknown> | null,
    random: restart?.random ?? before?.random ?? defaultGenerator.state,
    callbacks: states,
    dataModule: data?.stateDict?.() ?? null,
  };
  return { version: CHECKPOINT_VERSION, stateDict, training, hyperparameters, extra: {} };
}

function takenBy(
  { hyperparameters: { taken, values } }: { hyperparameters: HyperparameterStore },
): Hyperparameters | null {
  return taken ? values : null;
}

/** The metrics of a module, by name. */
export function metricsOf(module: LightningModule): ReadonlyMap<string, Metric> {
  return new Map([...module.namedModules()].filter((named): named is [string, Metric] => named[1] instanceof Metric));
}

/** Metrics with those that are parts of them: a metric may be made of others. */
function partsOf(metrics: readonly Metric[]): Metric[] {
  return metrics.flatMap((metric) => [...metric.modules()]).filter((part): part is Metric => part instanceof Metric);
}

/** What metrics remember that took in a batch, without those that a resumed run begins anew. */
function metricStates(
  metrics: ReadonlyMap<string, Metric>,
  anew: readonly Metric[],
): Record<string, Record<string, Tensor>> {
  const taken = [...metrics].filter(([, metric]) =>
    metric.updateCount > 0 && !anew.some((other) => other.sharesStates(metric))
  );
  return Object.fromEntries(taken.map(([name, metric]) => [name, Object.fromEntries(metric.stateDict())]));
}

/** Gradients of an open accumulation window. */
function gradientsOf({ module }: Run): Record<string, Tensor> {
  const gradients: Record<string, Tensor> = {};
  for (const [name, { grad }] of module.namedParameters()) if (grad !== null) gradients[name] = grad;
  return gradients;
}

/** The first half of a restoration, before optimizers exist: weights, data module, callbacks. */
export async function restoreModule(
  run: Run,
  callbacks: readonly Callback[],
  checkpoint: CheckpointData,
): Promise<TrainingState | null> {
  const state = checkpoint.training === null
    ? null
    : checkState("from the checkpoint", trainingState, checkpoint.training);
  await run.hooks.module("onLoadCheckpoint", checkpoint);
  run.module.loadStateDict(checkpoint.stateDict, { strict: run.module.strictLoading });
  if (state === null) return null;
  if (state.dataModule !== null) await run.data?.loadStateDict?.(state.dataModule);
  await run.hooks.callbacks("onLoadCheckpoint", checkpoint);
  for (const callback of callbacks) {
    const saved = state.callbacks[callback.stateKey];
    if (saved !== undefined) await callback.loadStateDict?.(saved);
  }
  return state;
}

/** The second half: optimizers, schedulers, counters, metrics, random numbers. */
export function restoreTraining(run: Run, state: TrainingState): void {
  const { module, optimizers, schedulers, progress, reporter } = run;
  if (state.optimizers.length !== optimizers.length || state.lrSchedulers.length !== schedulers.length) {
    throw new CheckpointError(
      `Cannot resume ${module.constructor.name}: optimizers and schedulers must be as many as were saved, it has ` +
        `${optimizers.length} and ${schedulers.length}, the checkpoint ${state.optimizers.length} and ${state.lrSchedulers.length}`,
    );
  }
  // Optimizers and schedulers check their own states.
  for (const [i, optimizer] of optimizers.entries()) {
    optimizer.loadStateDict(state.optimizers[i] as unknown as OptimizerState);
  }
  for (const [i, { scheduler }] of schedulers.entries()) {
    scheduler.loadStateDict(state.lrSchedulers[i] as SchedulerState);
  }
  if (state.precision !== null) run.precision.loadStateDict(state.precision);
  const parameters = new Map(module.namedParameters());
  for (const [name, gradient] of Object.entries(state.gradients)) {
    const parameter = parameters.get(name);
    if (parameter === undefined) {
      throw new CheckpointError(`Cannot resume ${module.constructor.name}: it has no parameter ${name}`);
    }
    parameter.grad = keep(tensor(gradient));
  }
  run.counts.loadStateDict(state.counts);
  Object.assign(progress, state.progress);
  const metrics = metricsOf(module);
  for (const metric of metrics.values()) if (metric.updateCount > 0) metric.reset();
  reporter.restore(state, metrics);
  for (const [name, saved] of Object.entries(state.metrics)) {
    metrics.get(name)?.loadStateDict(saved as Record<string, HostTensor<DType>>);
  }
  defaultGenerator.state = state.random satisfies RandomState;
}
