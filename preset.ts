import { ModelCheckpoint, ModelSummary, ProgressBar, Timer } from "./callbacks/mod.ts";
import { CSVLogger } from "./loggers/mod.ts";
import { runtime } from "./platform/mod.ts";
import { setDefaults } from "./trainer/mod.ts";

/** A browser's page has no files, and no terminal: there a trainer adds nothing by itself, and says so once. */
const hasFiles = runtime !== "browser";
let told = false;

function tell(): void {
  if (told) return;
  told = true;
  console.info("This runtime has no files: trainers log and save nothing by themselves, give a logger to keep metrics");
}

/**
 * What a trainer adds by itself: a progress bar, a summary of the model, a checkpoint of the latest epoch, and a CSV
 * logger.
 */
setDefaults({
  callbacks: (options, given) => [
    ...hasFiles && options.enableProgressBar && !given.some((callback) => callback instanceof ProgressBar)
      ? [new ProgressBar()]
      : [],
    ...hasFiles && options.enableModelSummary && !given.some((callback) => callback instanceof ModelSummary)
      ? [new ModelSummary()]
      : [],
    ...options.maxTime === null ? [] : [new Timer({ duration: options.maxTime })],
    ...hasFiles && options.enableCheckpointing && !given.some((callback) => callback.checkpointing)
      ? [new ModelCheckpoint()]
      : [],
  ],
  loggers: () => {
    if (hasFiles) return [new CSVLogger()];
    tell();
    return [];
  },
});
