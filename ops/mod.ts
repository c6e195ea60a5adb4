/**
 * Compositions of primitive operations.
 *
 * @module
 */
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
