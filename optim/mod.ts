/**
 * Optimizers, learning-rate schedules, and clipping of gradients.
 *
 * @module
 */
import "../autograd/methods.ts";
export { Adafactor, type AdafactorOptions } from "./adafactor.ts";
export { Adadelta, type AdadeltaOptions } from "./adadelta.ts";
export { Adagrad, type AdagradOptions } from "./adagrad.ts";
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export { Adamax, type AdamaxOptions } from "./adamax.ts";
export { ASGD, type ASGDOptions } from "./asgd.ts";
export { AveragedModel, type AveragedModelOptions } from "./averaged_model.ts";
export { clipGradNorm, type ClipGradNormOptions, clipGradValue } from "./clip.ts";
export { GradScaler, type GradScalerOptions, type GradScalerState } from "./grad_scaler.ts";
export { type ComposedChange, ComposedOptimizer, type NamedTensors } from "./composed_optimizer.ts";
export { Lamb, type LambOptions } from "./lamb.ts";
export { LBFGS, type LBFGSOptions } from "./lbfgs.ts";
export { Lion, type LionOptions } from "./lion.ts";
export { Muon, type MuonOptions } from "./muon.ts";
export { NAdam, type NAdamOptions } from "./nadam.ts";
export {
  Optimizer,
  type OptimizerOptions,
  type OptimizerState,
  type ParamGroup,
  type ParamGroupInput,
  type StateValue,
  type StepHook,
} from "./optimizer.ts";
export { RAdam, type RAdamOptions } from "./radam.ts";
export { RMSprop, type RMSpropOptions } from "./rmsprop.ts";
export { Rprop, type RpropOptions } from "./rprop.ts";
export { RuleOptimizer } from "./rule_optimizer.ts";
export * from "./schedulers/mod.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
export { updateBn } from "./update_bn.ts";
