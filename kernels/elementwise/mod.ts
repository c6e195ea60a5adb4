/** Pointwise operations, creation and casts. */
export * from "./activations.ts";
export {
  abs,
  add,
  type AlphaOptions,
  div,
  type DivOptions,
  maximum,
  minimum,
  mul,
  neg,
  reciprocal,
  sign,
  square,
  sub,
} from "./arithmetic.ts";
export * from "./bitwise.ts";
export { to } from "./cast.ts";
export { clamp, type ClampOptions, maskedFill, nanToNum, type NanToNumOptions, threshold, where } from "./choice.ts";
export * from "./compare.ts";
export {
  arange,
  type CreationOptions,
  eye,
  full,
  fullLike,
  type LikeOptions,
  linspace,
  ones,
  onesLike,
  zeros,
  zerosLike,
} from "./constants.ts";
export { copyInto } from "./copy_into.ts";
export type { TensorLike } from "./define.ts";
export * from "./math.ts";
export * from "./rounding.ts";
export * from "./signs.ts";
export * from "./special.ts";
export * from "./trigonometry.ts";
export type { Unary } from "./unary.ts";
export { addcdiv, addcmul, lerp, type ValueOptions } from "./ternary.ts";
