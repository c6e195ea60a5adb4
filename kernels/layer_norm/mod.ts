/** Normalisation over the last axes. */
export { layerNorm, type LayerNormOptions, rmsNorm, type RmsNormOptions } from "./layer_norm.ts";
