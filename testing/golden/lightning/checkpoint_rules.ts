/** What stops training and what is saved: EarlyStopping, ModelCheckpoint, and the order of callbacks. */
import {
  EarlyStopping,
  LambdaCallback,
  ModelCheckpoint,
  type ModelCheckpointOptions,
  Timer,
} from "../../../callbacks/mod.ts";
import { type Callback, readCheckpoint } from "../../../lightning.ts";
import type { Tensor } from "../../../mod.ts";
import { basename, exists, joinPath, listDir } from "../../../platform/mod.ts";
import { number } from "../format.ts";
import { Missing } from "../report.ts";
import type { Rule } from "./behaviours.ts";
import { fit, inFolder, plain, Probe, type ProbeSpec, Rows, trainerOf } from "./probe.ts";

const REASONS: Readonly<Record<string, string>> = {
  "not stopped": "NOT_STOPPED",
  "not finite": "NON_FINITE_METRIC",
  "threshold": "STOPPING_THRESHOLD",
  "divergence": "DIVERGENCE_THRESHOLD",
  "patience": "PATIENCE_EXHAUSTED",
};

function scripted(values: readonly unknown[], where: "onValidationEpochEnd" | "onTrainEpochEnd"): ProbeSpec {
  return { script: { name: "v", in: where, values: values.map((value) => number(value as never)) } };
}

/** Fits with a ModelCheckpoint and lists what it left. */
async function checkpointing(
  spec: ProbeSpec,
  options: ModelCheckpointOptions,
  { batches = 2, epochs = 3 } = {},
): Promise<unknown> {
  return await inFolder(async (root) => {
    const dirpath = joinPath(root, "ck"), callback = new ModelCheckpoint({ dirpath, ...options });
    const probe = new Probe({ batches, val: 1, ...spec });
    await fit(probe, { maxEpochs: epochs, enableCheckpointing: true, callbacks: callback, defaultRootDir: root });
    const { bestModelPath, lastModelPath } = callback;
    const last = lastModelPath === "" ? null : (await readCheckpoint(lastModelPath)).training!.progress;
    return {
      files: await exists(dirpath) ? await listDir(dirpath) : [],
      best: basename(bestModelPath),
      last: basename(lastModelPath),
      lastGlobalStep: (last as { globalStep: number } | null)?.globalStep ?? null,
    };
  });
}

/** Rules 28 to 33, 36, 43 and 45. */
export const checkpointRules: Readonly<Record<string, Rule>> = {
  b28: async ({ values, patience, mode, maxEpochs }) => {
    const stopping = new EarlyStopping({ monitor: "v", patience, mode });
    const probe = new Probe({ batches: 2, val: 1, ...scripted(values, "onValidationEpochEnd") });
    const { currentEpoch } = await fit(probe, { maxEpochs, callbacks: stopping });
    return {
      epochs: currentEpoch,
      // Lightning begins with 0, and keeps it for training that was not stopped.
      stoppedEpoch: Math.max(0, stopping.stoppedEpoch),
      waitCount: stopping.waitCount,
      reason: REASONS[stopping.stoppingReason],
    };
  },

  b29: async ({ values, minDelta, patience }) => {
    const stopping = new EarlyStopping({ monitor: "v", patience, minDelta });
    const probe = new Probe({ batches: 2, val: 1, ...scripted(values, "onValidationEpochEnd") });
    const { currentEpoch } = await fit(probe, { maxEpochs: 20, callbacks: stopping });
    return { epochs: currentEpoch, best: stopping.bestScore };
  },

  b30: ({ batches, epochs }) => checkpointing({}, {}, { batches, epochs }),

  b31: ({ values, k, mode, saveLast }) =>
    checkpointing(
      scripted(values, "onTrainEpochEnd"),
      { monitor: "v", saveTopK: k, mode, saveLast, filename: "{epoch}-{v:.2f}" },
      { epochs: values.length },
    ),

  b32: ({ filename, epochs }) => {
    const values = Array.from({ length: epochs }, (_, i) => 1 - 0.1 * i);
    return checkpointing(scripted(values, "onTrainEpochEnd"), { monitor: "v", saveTopK: -1, filename }, { epochs });
  },

  b33: ({ every, batches, epochs }) =>
    checkpointing({}, { everyNTrainSteps: every, saveTopK: -1 }, { batches, epochs }),

  b36: ({ saveEvery, batches, epochs }) =>
    inFolder(async (root) => {
      const callback = new ModelCheckpoint({
        dirpath: joinPath(root, "ck"),
        everyNTrainSteps: saveEvery,
        saveTopK: -1,
      });
      const options = { defaultRootDir: root, enableCheckpointing: true };
      await fit(new Probe({ batches }), { ...options, callbacks: callback });
      const file = `epoch=0-step=${saveEvery}.ckpt`, firstItems: [number, number, number][] = [];
      const body = async (probe: Probe, x: Tensor, i: number) => {
        firstItems.push([probe.currentEpoch, i, (await x.data())[0]]);
        return plain(probe, x);
      };
      const probe = new Probe({ batches, body });
      const { globalStep } = await fit(probe, { maxEpochs: epochs }, undefined, joinPath(root, "ck", file));
      return {
        file,
        firstItems: firstItems.slice(0, batches),
        globalStep,
        validations: probe.checks.map((check) => check.globalStep),
        valBatches: probe.valCount,
      };
    }),

  b43: ({ values }) =>
    checkpointing(scripted(values, "onTrainEpochEnd"), { monitor: "v", saveLast: true }, { epochs: values.length }),

  b45: ({ classes }) => {
    const known: Record<string, () => Callback> = {
      ModelCheckpoint: () => new ModelCheckpoint(),
      Timer: () => new Timer(),
      EarlyStopping: () => new EarlyStopping({ monitor: "v" }),
      LambdaCallback: () => new LambdaCallback(),
    };
    const callbacks = (classes as string[]).map((name) => {
      if (known[name] === undefined) throw new Missing(`callback ${name}`);
      return known[name]();
    });
    const trainer = trainerOf({ enableCheckpointing: true, logger: new Rows(), callbacks });
    return Promise.resolve(trainer.callbacks.map((callback) => callback.constructor.name));
  },
};
