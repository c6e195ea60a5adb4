/** Joining tensors. */
export { cat, type CatOptions, stack } from "./cat.ts";
