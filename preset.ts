import { ModelCheckpoint, ProgressBar, Timer } from "./callbacks/mod.ts";
import { CSVLogger } from "./loggers/mod.ts";
import { setDefaults } from "./trainer/mod.ts";

/** What a trainer adds by itself: a progress bar, a checkpoint of the latest epoch, and a CSV logger. */
setDefaults({
  callbacks: (options, given) => [
    ...options.enableProgressBar && !given.some((callback) => callback instanceof ProgressBar)
      ? [new ProgressBar()]
      : [],
    ...options.maxTime === null ? [] : [new Timer({ duration: options.maxTime })],
    ...options.enableCheckpointing && !given.some((callback) => callback.checkpointing) ? [new ModelCheckpoint()] : [],
  ],
  loggers: (options) => [new CSVLogger({ saveDir: options.defaultRootDir })],
});
