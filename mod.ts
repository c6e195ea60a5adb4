/**
 * Fulgurite: tensors on WebGPU, gradients, and a trainer.
 *
 * @module
 */
export * from "./device/mod.ts";
export * from "./tensor/mod.ts";
export * from "./kernels/mod.ts";
export * from "./ops/mod.ts";
export * from "./autograd/mod.ts";
