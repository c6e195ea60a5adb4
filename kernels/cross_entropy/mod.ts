/** Losses of classification. */
export {
  crossEntropy,
  type CrossEntropyOptions,
  type LossReduction,
  nllLoss,
  type NllLossOptions,
} from "./cross_entropy.ts";
