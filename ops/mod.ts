/**
 * Compositions of primitive operations.
 *
 * @module
 */
export { linear, type LinearOptions } from "./linear.ts";
export {
  diagonal,
  type DiagonalOptions,
  flatten,
  type FlattenOptions,
  movedim,
  mT,
  repeat,
  repeatInterleave,
  type RepeatInterleaveOptions,
  squeeze,
  type SqueezeOptions,
  t,
  unflatten,
  unsqueeze,
} from "./shape.ts";
