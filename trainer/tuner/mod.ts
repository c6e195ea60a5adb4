/** What is tried before training. */
export { LrFinder, type LrFindOptions } from "./lr_finder.ts";
export { type ScaleBatchSizeOptions, Tuner } from "./tuner.ts";
