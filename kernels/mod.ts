/**
 * Primitive operations, one folder each.
 *
 * @module
 */
export * from "./attention/mod.ts";
export * from "./batch_norm/mod.ts";
export * from "./cat/mod.ts";
export * from "./conv/mod.ts";
export * from "./count/mod.ts";
export * from "./counter/mod.ts";
export * from "./cross_entropy/mod.ts";
export * from "./elementwise/mod.ts";
export * from "./factor/mod.ts";
export * from "./gather/mod.ts";
export * from "./grad_norm/mod.ts";
export * from "./layer_norm/mod.ts";
export * from "./layout/mod.ts";
export * from "./matmul/mod.ts";
export * from "./optimizer/mod.ts";
export * from "./pad/mod.ts";
export * from "./pool/mod.ts";
export * from "./random/mod.ts";
export * from "./reduce/mod.ts";
export * from "./resample/mod.ts";
export * from "./scan/mod.ts";
export * from "./scatter_reduce/mod.ts";
export * from "./softmax/mod.ts";
export * from "./sort/mod.ts";
