/** Normalisation over a batch. */
export { batchNorm, type BatchNormOptions } from "./batch_norm.ts";
