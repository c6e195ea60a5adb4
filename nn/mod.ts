/**
 * Modules: layers and models that know their parameters, as PyTorch's `torch.nn`.
 *
 * @module
 */
export type { ForwardHook, ForwardPreHook } from "./_hooks.ts";
export type { LoadResult, NamedValues } from "./_load.ts";
export { ModuleDict, ModuleList, Sequential } from "./containers.ts";
export { Module, type Slot } from "./module.ts";
export { Buffer, Parameter } from "./parameter.ts";
