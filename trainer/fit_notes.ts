/** What a fit says of itself: why it ends, does nothing, or learns nothing. */
import { writeErr } from "../platform/mod.ts";
import { DEFAULT_EPOCHS } from "./options.ts";
import type { Run } from "./run.ts";

/** Tells the user who pressed Ctrl-C where training stands, and what was saved of it. */
export async function tellInterrupted({ saves, progress }: Run, writtenBefore: number): Promise<void> {
  await saves.settle();
  const saved = saves.written > writtenBefore ? `saved ${saves.latest}` : "saved nothing";
  writeErr(`Interrupted: finished step ${progress.globalStep} in epoch ${progress.epoch}, ${saved}\n`);
}

/** Says why a fit trains nothing; a trainer that has trained nothing before was told to. */
export function tellNothingLeft(run: Run): void {
  const { maxEpochs, options: { maxSteps } } = run.trainer, { epoch, batchesSeen } = run.progress;
  if (batchesSeen === 0) return;
  run.warn(
    epoch >= maxEpochs
      ? `fit trains nothing: the ${maxEpochs} epochs of maxEpochs are done; raise trainer.maxEpochs to go on`
      : `fit trains nothing: the ${maxSteps} steps of maxSteps are done; go on with another trainer, from a checkpoint`,
  );
}

/** An end that nobody asked for is told before it takes days. */
export function tellDefaultEnd(run: Run): void {
  const { maxEpochs, options } = run.trainer;
  if (options.maxEpochs !== null || maxEpochs !== DEFAULT_EPOCHS) return;
  run.warn(`maxEpochs is not set: training ends after ${maxEpochs} epochs; say -1 for no end`);
}

/** Says that an epoch had no loss to learn from. */
export function tellLossless(run: Run): void {
  const { name } = run.module.constructor;
  run.warn(`trainingStep of ${name} gave no loss for any batch of an epoch: nothing was learned in it`);
}

/** Says that an end which was asked for does not come nearer, where there is no other. */
export function tellNoStep(run: Run, stepAtEpoch: number): void {
  const { maxEpochs, options: { maxSteps } } = run.trainer;
  if (maxSteps < 0 || maxEpochs !== Infinity || run.progress.globalStep !== stepAtEpoch) return;
  run.warn(
    `no optimizer stepped in an epoch: the ${maxSteps} steps of maxSteps are no nearer, and maxEpochs sets no end`,
  );
}

/** Endless empty epochs are no training: a generator, for one, can be walked only once. */
export function noBatch(epoch: number): Error {
  return new Error(
    `Cannot train epoch ${epoch}: the training loader gave no batch; one that can be walked once, as a generator, has to ` +
      "be made anew for every epoch",
  );
}
