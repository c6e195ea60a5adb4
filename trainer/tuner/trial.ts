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
 * Trains for some steps as a trainer would, without files, validation or reports. Returns the trainer that did; if it
 * was interrupted, so is the one that the trial is for.
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
    callbacks: [...trial.callbacks ?? [], new InTrial()],
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    barebones: false,
  });
  workOf(trainer).isTrial = true;
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

/**
 * Keeps a trial to itself: it ends after so many optimizer steps, and no scheduler waits for a metric that it has not.
 */
class InTrial extends Callback {
  #before = 0;

  override onTrainStart(trainer: Trainer, module: LightningModule): void {
    // With manual optimization the module steps them, and would miss them.
    if (module.automaticOptimization) trainer.lrSchedulerConfigs = [];
  }

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

/**
 * Everybody who has a number under one of some names, the first that anybody has: owners, and their hyperparameters.
 */
export function holdersOf(names: readonly string[], owners: readonly unknown[]): { owner: Holder; name: string }[] {
  const all = (owners as readonly (Holder | null | undefined)[]).flatMap((owner) => [owner, owner?.hparams as Holder]);
  const has = (owner: Holder | null | undefined, name: string) => typeof owner?.[name] === "number";
  const name = names.find((name) => all.some((owner) => has(owner, name)));
  return name === undefined ? [] : all.flatMap((owner) => has(owner, name) ? { owner: owner!, name } : []);
}
