/** Random tensors and dropout. */
export {
  alphaDropout,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  type DropoutOptions,
  featureAlphaDropout,
} from "./dropout.ts";
export {
  bernoulli,
  type BernoulliOptions,
  normal,
  type NormalOptions,
  rand,
  randint,
  randintLike,
  randLike,
  randn,
  randnLike,
  type RandomLikeOptions,
  type RandomOptions,
  randperm,
  uniform,
  type UniformOptions,
} from "./random.ts";
