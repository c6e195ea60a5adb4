/** Combinations that Lightning refuses. */
import { EarlyStopping, GradientAccumulationScheduler, ModelCheckpoint } from "../../../callbacks/mod.ts";
import type { TrainerOptions } from "../../../lightning.ts";
import { ReduceLROnPlateau, SGD } from "../../../optim/mod.ts";
import { Missing } from "../report.ts";
import { fit, inFolder, Probe } from "./probe.ts";

class TwoOptimizers extends Probe {
  override configureOptimizers() {
    return [new SGD([this.weight], { lr: 0.1 }), new SGD([this.weight], { lr: 0.1 })];
  }
}

class Manual extends Probe {
  override automaticOptimization = false;
}

class PlateauAlone extends Probe {
  override configureOptimizers() {
    const optimizer = new SGD([this.weight], { lr: 0.1 });
    return [[optimizer], [new ReduceLROnPlateau(optimizer)]] as const;
  }
}

const cases: Readonly<Record<string, () => { probe?: Probe; options?: TrainerOptions }>> = {
  "two optimizers in automatic mode": () => ({ probe: new TwoOptimizers() }),
  "manual optimization with gradient_clip_val": () => ({ probe: new Manual(), options: { gradientClipVal: 1 } }),
  "early stopping on a missing metric": () => ({ options: { callbacks: new EarlyStopping({ monitor: "nothing" }) } }),
  "plateau scheduler without monitor": () => ({ probe: new PlateauAlone() }),
  "top_k without monitor": () => ({ options: { callbacks: new ModelCheckpoint({ saveTopK: 2 }) } }),
  "two checkpoint triggers": () => ({
    options: { callbacks: new ModelCheckpoint({ everyNEpochs: 1, everyNTrainSteps: 2 }) },
  }),
  "checkpoint callback with enable_checkpointing false": () => ({ options: { callbacks: new ModelCheckpoint() } }),
  "two early stoppings on one metric": () => ({
    options: { callbacks: [new EarlyStopping({ monitor: "a" }), new EarlyStopping({ monitor: "a" })] },
  }),
  "accumulation twice": () => ({
    options: { accumulateGradBatches: 2, callbacks: new GradientAccumulationScheduler({ 1: 2 }) },
  }),
  "checkpoint on a missing metric": () => ({
    options: { enableCheckpointing: true, callbacks: new ModelCheckpoint({ monitor: "nothing" }) },
  }),
};

/** Tries a combination; it is expected to throw. */
export async function refusal(what: string): Promise<{ error: null }> {
  const make = cases[what];
  if (make === undefined) throw new Missing(`refusal of ${what}`);
  await inFolder(async (defaultRootDir) => {
    const { probe = new Probe({ batches: 2 }), options } = make();
    await fit(probe, { ...options, defaultRootDir });
  });
  return { error: null };
}
