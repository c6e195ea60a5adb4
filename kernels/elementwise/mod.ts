/** Pointwise operations, creation and casts. */
export { add, div, mul, neg, sub } from "./arithmetic.ts";
export { to } from "./cast.ts";
export { copyInto } from "./copy_into.ts";
export { type CreationOptions, full, ones, zeros } from "./constants.ts";
export type { TensorLike } from "./define.ts";
