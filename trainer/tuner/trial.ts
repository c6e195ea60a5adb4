import type { LightningDataModule } from "../../data/mod.ts";
import { Callback } from "../callback.ts";
import type { LightningModule } from "../lightning_module.ts";
import type { TrainerData } from "../entry_call.ts";
import { Trainer } from "../trainer.ts";
import { workOf } from "../trainer_status.ts";
import { Snapshot } from "./snapshot.ts";

/** One trial: a short training beside the real one. */
export interface Trial<Batch> {
  /** The trainer whose options hold. */
  readonly trainer: Trainer;
  readonly module: LightningModule<Batch>;
  readonly data: TrainerData<Batch> | undefined;
  /** Optimizer steps. */
  readonly steps: number;
  readonly callbacks?: Callback[];
}

/**
 * Trains for some steps as a trainer would, without files, validation or reports. Returns the trainer that did; if it was
 * interrupted, so is the one that the trial is for.
 */
export async function tryTraining<Batch>(trial: Trial<Batch>): Promise<Trainer> {
  const trainer = new Trainer({
    ...trial.trainer.options,
    maxEpochs: -1,
    minEpochs: null,
    minSteps: null,
    maxSteps: trial.steps,
    maxTime: null,
    limitValBatches: 0,
    numSanityValSteps: 0,
    validateAtStart: false,
    logger: false,
    profiler: null,
    callbacks: [...trial.callbacks ?? [], new MustStep()],
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    barebones: false,
  });
  try {
    await trainer.fit(trial.module, trial.data);
  } finally {
    for (const optimizer of trainer.optimizers) optimizer.dispose();
    trial.module.zeroGrad();
  }
  const work = workOf(trial.trainer);
  // Not where the trial is part of a fit, which asks by itself.
  if (trainer.state === "interrupted" && work.stage === null) work.state = "interrupted";
  return trainer;
}

/** A trial ends after so many optimizer steps: where none is made, it would not end. */
class MustStep extends Callback {
  #before = 0;

  override onTrainEpochEnd(trainer: Trainer, module: LightningModule): void {
    if (trainer.globalStep === this.#before) {
      throw new Error(
        `Cannot try ${module.constructor.name}: an optimizer must step in every epoch, none did in epoch ` +
          `${trainer.currentEpoch} of ${trainer.batchInEpoch} batches`,
      );
    }
    this.#before = trainer.globalStep;
  }
}

/** Runs trials, and puts back what they have changed. */
export async function undoing<T>(
  module: LightningModule,
  data: unknown,
  trials: () => Promise<T>,
): Promise<T> {
  const trainerOfData = (data as LightningDataModule | null | undefined)?.trainer;
  using snapshot = new Snapshot(module);
  try {
    return await trials();
  } finally {
    snapshot.restore();
    if (trainerOfData !== undefined) (data as LightningDataModule).trainer = trainerOfData;
  }
}

/** Something that has an attribute of the user's. */
export type Holder = Record<string, unknown>;

/** Who has a number under one of some names: the module, its hyperparameters, or the data module. */
export function holderOf(names: readonly string[], owners: readonly unknown[]): { owner: Holder; name: string } | null {
  for (const owner of owners) {
    const whole = owner as Holder | null | undefined;
    for (const holder of [whole, whole?.hparams as Holder | undefined]) {
      const name = names.find((name) => typeof holder?.[name] === "number");
      if (name !== undefined) return { owner: holder!, name };
    }
  }
  return null;
}
