/**
 * Modules: layers and models that know their parameters, as PyTorch's `torch.nn`.
 *
 * @module
 */
import "../autograd/methods.ts";
export { type AdaptiveLogSoftmaxOptions, AdaptiveLogSoftmaxWithLoss } from "./adaptive_softmax.ts";
export type { ForwardHook, ForwardPreHook } from "./_hooks.ts";
export type { LoadResult, NamedValues } from "./_load.ts";
export * from "./activation.ts";
export * from "./activation_options.ts";
export { type AttentionCallOptions, MultiheadAttention, type MultiheadAttentionOptions } from "./attention.ts";
export {
  BatchNorm,
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  type BatchNormModuleOptions,
  StatisticsNorm,
} from "./batch_norm.ts";
export { ModuleDict, ModuleList, Sequential } from "./containers.ts";
export * from "./conv.ts";
export * from "./conv_transpose.ts";
export { Convolution, type ConvolutionOptions, type ImageSize, type VolumeSize } from "./convolution.ts";
export {
  AlphaDropout,
  Dropout,
  Dropout1d,
  Dropout2d,
  DropoutLayer,
  type DropoutModuleOptions,
  FeatureAlphaDropout,
} from "./dropout.ts";
export { Embedding, type EmbeddingModuleOptions, type PretrainedEmbeddingOptions } from "./embedding.ts";
export {
  GroupNorm,
  type GroupNormModuleOptions,
  InstanceNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  type InstanceNormModuleOptions,
} from "./group_norm.ts";
export * as init from "./init.ts";
export { KeyValueCache } from "./key_value_cache.ts";
export { Flatten, type FlattenModuleOptions, Identity, Linear, type LinearModuleOptions, Unflatten } from "./linear.ts";
export * from "./loss.ts";
export { Module, type Slot } from "./module.ts";
export { LayerNorm, type LayerNormModuleOptions, RMSNorm, type RMSNormModuleOptions } from "./normalization.ts";
export { Buffer, Parameter } from "./parameter.ts";
export { ParameterDict, ParameterList } from "./parameter_containers.ts";
export { parametersToVector, vectorToParameters } from "./parameter_vector.ts";
export { isParametrized, Parametrization, registerParametrization, removeParametrizations } from "./parametrize.ts";
export * from "./patches.ts";
export * from "./pooling.ts";
export * from "./lp_pooling.ts";
export * from "./pooling3d.ts";
export * from "./unpooling.ts";
export {
  type PositionCallOptions,
  RotaryEmbedding,
  type RotaryEmbeddingOptions,
  SinusoidalPositions,
  type SinusoidalPositionsOptions,
} from "./positions.ts";
export {
  GRU,
  LSTM,
  type LSTMModuleOptions,
  OneStateLayer,
  type RecurrentCallOptions,
  RecurrentLayer,
  type RecurrentModuleOptions,
  RNN,
  type RNNModuleOptions,
} from "./recurrent.ts";
export {
  GRUCell,
  LSTMCell,
  OneStateCell,
  RecurrentCell,
  type RecurrentCellOptions,
  RNNCell,
  type RNNCellOptions,
} from "./recurrent_cell.ts";
export { AxisActivation, type AxisOptions, GLU, LogSoftmax, Softmax, Softmin } from "./softmax.ts";
export * from "./margin_loss.ts";
export * from "./padding.ts";
export * from "./simple_layers.ts";
export {
  Transformer,
  type TransformerCallOptions,
  TransformerDecoder,
  TransformerEncoder,
  type TransformerOptions,
  type TransformerStackOptions,
} from "./transformer.ts";
export {
  type DecoderCallOptions,
  type EncoderCallOptions,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  TransformerLayer,
  type TransformerLayerOptions,
} from "./transformer_layer.ts";
export { spectralNorm, type SpectralNormOptions, weightNorm, type WeightNormOptions } from "./weight_norm.ts";
