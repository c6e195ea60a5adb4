import { noGrad } from "../tensor/grad_mode.ts";
import { scope } from "../tensor/scope.ts";
import { Cursor, type NamedLoader } from "./loaders.ts";
import { MetricStore, readValues } from "./log.ts";
import type { Run } from "./run.ts";

/** The three loops without gradients differ in names alone. */
export type EvalPhase = "validate" | "test" | "predict";

const NAMES = {
  validate: { hook: "Validation", step: "validationStep", limit: "limitValBatches" },
  test: { hook: "Test", step: "testStep", limit: "limitTestBatches" },
  predict: { hook: "Predict", step: "predictStep", limit: "limitPredictBatches" },
} as const;

/** Option that limits a phase. */
export function limitOptionOf(phase: EvalPhase): "limitValBatches" | "limitTestBatches" | "limitPredictBatches" {
  return NAMES[phase].limit;
}

/** What a loop without gradients gave. */
export interface EvalResult {
  /** Metrics by loader, under the names that callbacks watch. */
  readonly metrics: Record<string, number>[];
  /** Predictions by loader and batch. */
  readonly predictions: unknown[][];
}

/**
 * Runs the module over loaders without gradients: validation, test or prediction.
 *
 * @param run The run
 * @param phase Which one
 * @param loaders The loaders
 * @param limits Batches by loader
 */
export async function evaluate(
  run: Run,
  phase: EvalPhase,
  loaders: readonly NamedLoader[],
  limits: readonly number[],
): Promise<EvalResult> {
  const { module, hooks, trainer } = run;
  const { hook, step } = NAMES[phase];
  const store = new MetricStore();
  const outer = trainer.useStore(store, phase);
  const outerStep = trainer.step;
  const modes = [...module.modules()].map((part) => ({ part, training: part.training }));
  const predictions: unknown[][] = [];
  try {
    return await noGrad(async () => {
      await hooks.module(`on${hook}ModelEval`);
      await hooks.call(`on${hook}Start`);
      await hooks.call(`on${hook}EpochStart`);
      for (const [dataloaderIdx, { loader, name }] of loaders.entries()) {
        const outputs: unknown[] = [];
        predictions.push(outputs);
        const suffix = loaders.length < 2 ? "" : name === null ? `/dataloader_idx_${dataloaderIdx}` : `/${name}`;
        const cursor = new Cursor(loader, limits[dataloaderIdx]);
        try {
          for (let next = await cursor.next(); next !== null; next = await cursor.next()) {
            const { batch: hostBatch, index } = next;
            const output = await scope(async () => {
              const batch = await run.transfer(hostBatch, dataloaderIdx);
              store.nextBatch();
              trainer.enterBatch(batch, suffix, next!);
              await hooks.call(`on${hook}BatchStart`, batch, index, dataloaderIdx);
              const result = await run.step(step, batch, index, dataloaderIdx);
              await hooks.call(`on${hook}BatchEnd`, result, batch, index, dataloaderIdx);
              if (!run.sanityChecking && phase !== "predict") {
                trainer.writeEvalRow(phase, dataloaderIdx, store.stepValues());
              }
              return phase === "predict" ? result : undefined;
            });
            if (phase === "predict") outputs.push(output);
            if (run.mustStop()) break;
          }
        } finally {
          await cursor.close();
          trainer.leaveBatch(outerStep);
        }
      }
      await hooks.call(`on${hook}EpochEnd`);
      const metrics = await readValues(() => store.epochValues());
      if (!run.sanityChecking && phase !== "predict") {
        trainer.publishMetrics(await readValues(() => store.callbackValues(false)));
        const rows = await readValues(() => store.epochValues().filter((value) => value.logger));
        const shown = await readValues(() => store.epochValues().filter((value) => value.progBar));
        await trainer.writeRow(rows, shown);
      }
      await hooks.call(`on${hook}End`);
      return { metrics: split(metrics, loaders), predictions };
    });
  } finally {
    for (const { part, training } of modes) part.training = training;
    trainer.useStore(outer.store, outer.phase);
    store.reset();
  }
}

/** Metrics by loader: those with its suffix, and for a single loader all. */
function split(metrics: Record<string, number>, loaders: readonly NamedLoader[]): Record<string, number>[] {
  if (loaders.length < 2) return loaders.map(() => metrics);
  return loaders.map(({ name }, index) => {
    const suffix = name === null ? `/dataloader_idx_${index}` : `/${name}`;
    return Object.fromEntries(Object.entries(metrics).filter(([key]) => key.endsWith(suffix)));
  });
}
