/** Recorded Trainer runs: every hook call, rows, counters, files. */
import {
  EarlyStopping,
  type EarlyStoppingOptions,
  EMAWeightAveraging,
  GradientAccumulationScheduler,
  ModelCheckpoint,
} from "../../../callbacks/mod.ts";
import { type Callback, type Logger, type LogPoint, Trainer, type TrainerOptions } from "../../../lightning.ts";
import { exists, joinPath, listDir, makeTempDir, remove, stat } from "../../../platform/mod.ts";
import { scope } from "../../../mod.ts";
import { close, type Tolerance } from "../compare.ts";
import type { Json, Row } from "../format.ts";
import { rules } from "../lightning/behaviours.ts";
import { freeProbes } from "../lightning/probe.ts";
import { type Call, GoldenCallback, GoldenData, GoldenModel, record, type Spec, TRANSFER } from "../lightning/model.ts";
import { Missing, type Result, resultOf } from "../report.ts";
import type { Section } from "../section.ts";

/** f32 arithmetic against f32 arithmetic in another order. */
const NUMBERS: Tolerance = { rtol: 2e-6, atol: 2e-6 };

/** Options of the recorded Trainers that exist here. */
const OPTIONS = new Set([
  "maxEpochs",
  "maxSteps",
  "minEpochs",
  "minSteps",
  "limitTrainBatches",
  "limitValBatches",
  "limitTestBatches",
  "limitPredictBatches",
  "fastDevRun",
  "valCheckInterval",
  "checkValEveryNEpoch",
  "numSanityValSteps",
  "accumulateGradBatches",
  "gradientClipVal",
  "gradientClipAlgorithm",
  "logEveryNSteps",
  "enableCheckpointing",
  "overfitBatches",
  "reloadDataloadersEveryNEpochs",
]);
const CALLBACKS: Record<string, (options: Row) => Callback> = {
  ModelCheckpoint: (options) => new ModelCheckpoint(options),
  EarlyStopping: (options) => new EarlyStopping(options as unknown as EarlyStoppingOptions),
  GradientAccumulationScheduler: ({ scheduling }) => new GradientAccumulationScheduler(scheduling as never),
  EMAWeightAveraging: (options) => new EMAWeightAveraging(options),
};

/** Hooks of Lightning that do not exist here: where they stand in a record, they are passed over. */
const UNKNOWN_HOOKS = new Set([
  "M configureCallbacks",
  "C stateDict",
  "C loadStateDict",
  "D stateDict",
  "D loadStateDict",
]);

const LOOP_HOOKS = ["Start", "End", "EpochStart", "EpochEnd", "BatchStart", "BatchEnd"];
const COMMON = [
  "setup",
  "teardown",
  "onFitStart",
  "onFitEnd",
  ...["Train", "Validation", "Test", "Predict"].flatMap((loop) => LOOP_HOOKS.map((hook) => `on${loop}${hook}`)),
  "onBeforeZeroGrad",
  "onBeforeBackward",
  "onAfterBackward",
  "onBeforeOptimizerStep",
  "onSaveCheckpoint",
  "onLoadCheckpoint",
];
const CALLBACK_HOOKS = [...COMMON, "onSanityCheckStart", "onSanityCheckEnd", "onException"];
const DATA = ["prepareData", "trainDataloader", "valDataloader", "testDataloader", "predictDataloader"];
const MODULE_HOOKS = [
  ...COMMON,
  "configureModel",
  "configureOptimizers",
  "trainingStep",
  "validationStep",
  "testStep",
  "predictStep",
  "onValidationModelEval",
  "onTestModelEval",
  "onPredictModelEval",
  "onValidationModelZeroGrad",
  "optimizerStep",
  "optimizerZeroGrad",
  "backward",
  "configureGradientClipping",
  "lrSchedulerStep",
];

/** Trainer runs, and the behaviour of single rules. */
export const lightning: Section = {
  name: "lightning",
  accepts: (row) => Array.isArray(row.phases) || typeof row.behaviour === "string",
  run: async (rows) => {
    const results: Result[] = [];
    for (const row of rows) {
      const id = String(row.id ?? row.behaviour);
      try {
        const wrong = typeof row.behaviour === "string" ? await behave(row) : await play(row);
        results.push({
          section: "lightning",
          id,
          ...wrong === null ? { outcome: "passed" } : { outcome: "failed", detail: wrong },
        });
      } catch (error) {
        results.push(resultOf("lightning", id, error));
      }
    }
    return results;
  },
};

/** Plays a behaviour. Returns what is wrong, or `null`. */
async function behave(row: Row): Promise<string | null> {
  const rule = rules[String(row.behaviour).slice(0, 3)];
  if (rule === undefined) throw new Missing(`behaviour ${row.behaviour}`);
  try {
    return differentResult("result", await scope(() => rule(row.params)), row.result);
  } finally {
    freeProbes();
  }
}

/** As {@link different}; of an error it only matters that there is one, and the epoch of a row is an axis here. */
function differentResult(path: string, got: unknown, want: unknown): string | null {
  if (isObject(want) && "error" in want) {
    return isObject(got) && "error" in got && got.error !== null ? null : `${path}: got no error, want ${want.error}`;
  }
  if (!isObject(want) || !isObject(got)) return different(path, got, want);
  for (const key of new Set([...Object.keys(got), ...Object.keys(want)])) {
    if (key === "epoch" && /metrics$/i.test(path)) continue;
    const wrong = differentResult(`${path}.${key}`, got[key], want[key]);
    if (wrong !== null) return wrong;
  }
  return null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object";
}

/** Keeps the rows that the trainer hands to a logger. */
class Memory implements Logger {
  readonly name = "memory";
  readonly version = "0";
  readonly logDir = null;
  readonly rows: { step: number; metrics: Record<string, number> }[] = [];
  readonly events: string[] = [];

  logMetrics(metrics: Readonly<Record<string, number>>, { step }: LogPoint): void {
    this.rows.push({ step, metrics: { ...metrics } });
  }

  finalize(status: string): void {
    this.events.push(`finalize(${status})`);
  }
}

/** Runs the phases of a row. Returns what is wrong, or `null`. */
async function play(row: Row): Promise<string | null> {
  const root = await makeTempDir({ prefix: "golden" });
  try {
    const phases = row.phases as Row[], results = row.results as Row[];
    for (const [i, phase] of phases.entries()) {
      const wrong = await playPhase(row, phase, results[i], root);
      if (wrong !== null) return phases.length > 1 ? `phase ${i}: ${wrong}` : wrong;
    }
    return null;
  } finally {
    await remove(root, { recursive: true });
  }
}

async function playPhase(row: Row, phase: Row, want: Row, root: string): Promise<string | null> {
  const model = new GoldenModel((row.model ?? {}) as Spec);
  try {
    return await compareRun(model, row, phase, want, root);
  } finally {
    model.dispose();
  }
}

async function compareRun(model: GoldenModel, row: Row, phase: Row, want: Row, root: string): Promise<string | null> {
  const options = { ...row.trainer as Row ?? {}, ...phase.trainer as Row ?? {} };
  delete options.logging;
  for (const name of Object.keys(options)) if (!OPTIONS.has(name)) throw new Missing(`trainer option ${name}`);
  const spec = (row.model ?? {}) as Spec;
  const calls: Call[] = [];
  const memory = new Memory();
  const noted = new GoldenCallback();
  const real = ((row.callbacks ?? []) as Row[]).map(({ class: name, options }) => {
    const make = CALLBACKS[String(name)];
    if (make === undefined) throw new Missing(`callback ${name}`);
    const given = { ...options as Row };
    if (typeof given.dirpath === "string") given.dirpath = joinPath(root, given.dirpath);
    return make(given);
  });
  const trainer = new Trainer({
    enableCheckpointing: false,
    logEveryNSteps: 1,
    ...options as TrainerOptions,
    defaultRootDir: root,
    enableProgressBar: false,
    enableModelSummary: false,
    logger: memory,
    callbacks: [noted, ...real],
    lightningCompat: true,
  });
  const data = row.datamodule ? new GoldenData(spec) : undefined;
  const now = () => trainer;
  const ownTransfer = row.datamoduleTransfer ? [] : TRANSFER;
  record("M", model, [...MODULE_HOOKS, ...ownTransfer, ...data ? [] : DATA], now, calls);
  record("C", noted, CALLBACK_HOOKS, now, calls);
  if (data) {
    const hooks = ["setup", "teardown", "onException", ...DATA, ...row.datamoduleTransfer ? TRANSFER : []];
    record("D", data, hooks, now, calls);
    if (!row.datamoduleTransfer) {
      for (const hook of TRANSFER) Object.defineProperty(data, hook, { value: undefined });
    }
  }

  let result: unknown = null, error: unknown = null;
  const ckptPath = typeof phase.ckpt === "string" ? joinPath(root, phase.ckpt) : undefined;
  const entry = phase.entry as "fit" | "validate" | "test" | "predict";
  try {
    result = await trainer[entry](model, data, { ckptPath });
  } catch (thrown) {
    error = thrown;
  }
  if ((error !== null) !== (want.error !== undefined)) {
    if (error !== null) throw error;
    return `it did not fail; Lightning says ${want.error}`;
  }
  const got: Record<string, unknown> = {
    globalStep: trainer.globalStep,
    currentEpoch: trainer.currentEpoch,
    shouldStop: trainer.shouldStop,
    callbackMetrics: trainer.callbackMetrics,
    loggedMetrics: trainer.loggedMetrics,
    progressBarMetrics: trainer.progressBarMetrics,
    rows: memory.rows,
    loggerEvents: memory.events,
    weight: [...await model.weight.data()],
    trained: await Promise.all(model.seen.map(async ([epoch, batch, value]) => [epoch, batch, await value])),
    ratesAtBatchEnd: model.rates,
    files: await checkpointsIn(root, root),
  };
  if (entry !== "fit" && want.result !== undefined) got.result = result;
  const checkpoint = real.find((callback) => callback instanceof ModelCheckpoint);
  if (checkpoint !== undefined && want.checkpoints !== undefined) {
    const relative = (path: string) => path.startsWith(root) ? path.slice(root.length + 1) : path;
    const { bestModelPath, bestModelScore, lastModelPath, bestKModels } = checkpoint as ModelCheckpoint;
    got.checkpoints = [{
      best: relative(bestModelPath),
      bestScore: bestModelScore,
      last: relative(lastModelPath),
      kept: Object.fromEntries([...bestKModels].map(([path, score]) => [relative(path), score])),
    }];
  }
  for (const optimizer of trainer.optimizers) optimizer.dispose();
  return differentCalls(calls, want.calls as Json[]) ??
    Object.entries(got).map(([key, value]) => different(key, value, want[key])).find((wrong) => wrong !== null) ?? null;
}

/** The first call that differs, with its neighbours. */
function differentCalls(got: readonly Call[], all: readonly Json[]): string | null {
  const want = (all as unknown as Call[]).filter(([who, hook]) => !UNKNOWN_HOOKS.has(`${who} ${hook}`));
  for (let i = 0; i < Math.max(got.length, want.length); i++) {
    if (JSON.stringify(got[i]) === JSON.stringify(want[i])) continue;
    const around = (list: readonly Call[]) =>
      list.slice(Math.max(0, i - 2), i + 3).map((call) => call.join(" ")).join(" | ");
    return `call ${i} differs: got ${around(got)}; want ${around(want)}`;
  }
  return null;
}

/** Where two values differ, or `null`. A row's epoch column is checked by its own key. */
function different(path: string, got: unknown, want: unknown): string | null {
  if (typeof want === "number" || (typeof want === "string" && ["NaN", "Infinity", "-Infinity"].includes(want))) {
    return typeof got === "number" && close(got, Number(want), NUMBERS) ? null : `${path}: got ${got}, want ${want}`;
  }
  if (want === null || typeof want !== "object") return got === want ? null : `${path}: got ${got}, want ${want}`;
  if (got === null || typeof got !== "object") return `${path}: got ${got}, want ${JSON.stringify(want)}`;
  const left = got as Record<string, unknown>, right = want as Record<string, unknown>;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  for (const key of keys) {
    // Lightning writes the epoch into the metrics; here it is an axis of the row.
    if (key === "epoch" && /metrics$/i.test(path)) continue;
    if (!(key in left)) return `${path}.${key} is missing, want ${JSON.stringify(right[key])}`;
    if (!(key in right)) return `${path}.${key} is too much: ${JSON.stringify(left[key])}`;
    const wrong = different(`${path}.${key}`, left[key], right[key]);
    if (wrong !== null) return wrong;
  }
  return null;
}

/** Checkpoints below a folder, as relative paths. */
async function checkpointsIn(folder: string, root: string): Promise<string[]> {
  if (!await exists(folder)) return [];
  const found: string[] = [];
  for (const name of await listDir(folder)) {
    const path = joinPath(folder, name);
    if (name.endsWith(".ckpt")) found.push(path.slice(root.length + 1));
    else if ((await stat(path)).isDirectory) found.push(...await checkpointsIn(path, root));
  }
  return found.sort();
}
