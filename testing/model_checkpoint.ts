/** What tests of ModelCheckpoint share. */
import { ModelCheckpoint, type ModelCheckpointOptions } from "../callbacks/mod.ts";
import { readCheckpoint, Trainer, type TrainerOptions } from "../lightning.ts";
import { mean, type Tensor } from "../mod.ts";
import { exists, joinPath, listDir } from "../platform/mod.ts";
import { constantBatches, inFolder, quiet, Slope, trainerTest } from "./trainer.ts";

/** A module whose validations give these values. */
export class Scripted extends Slope {
  readonly #values: readonly number[];
  #next = 0;

  constructor(values: readonly number[] = [0]) {
    super();
    this.#values = values;
  }

  override trainingStep(x: Tensor): Tensor {
    this.log("train_loss", mean(x), { onStep: true, onEpoch: true });
    return this.forward(x);
  }

  override validationStep(): void {}

  override onValidationEpochEnd(): void {
    this.log("loss", this.#values[Math.min(this.#next++, this.#values.length - 1)]);
  }
}

/** What a training has left. */
export interface Saved {
  readonly files: string[];
  readonly callback: ModelCheckpoint;
  readonly trainer: Trainer;
}

/** Trains three batches an epoch with a ModelCheckpoint that saves in a folder, and lists what is there. */
export async function saves(
  folder: string,
  options: ModelCheckpointOptions,
  trainerOptions: TrainerOptions = {},
  module: Slope = new Scripted(),
): Promise<Saved> {
  const callback = new ModelCheckpoint({ dirpath: folder, ...options });
  const callbacks = [trainerOptions.callbacks ?? []].flat();
  const trainer = new Trainer({
    ...quiet,
    enableCheckpointing: true,
    maxEpochs: 3,
    ...trainerOptions,
    callbacks: [...callbacks, callback],
  });
  await trainer.fit(module, { train: constantBatches([1, 1, 1]), val: constantBatches([1]) });
  return { files: await exists(folder) ? await listDir(folder) : [], callback, trainer };
}

/** How many optimizer steps each checkpoint has behind it. */
export async function stepsOf(folder: string, names: readonly string[]): Promise<number[]> {
  return await Promise.all(names.map(async (name) => {
    const { training } = await readCheckpoint(joinPath(folder, name));
    return (training!.progress as { globalStep: number }).globalStep;
  }));
}

/** A test with a folder of its own. */
export const inOwn = (name: string, fn: (folder: string) => Promise<void>) => trainerTest(name, () => inFolder(fn));
