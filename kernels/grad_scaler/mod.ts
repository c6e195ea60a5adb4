/** Loss scaling on the device. */
export { type ScalerState, unscaleGradients, updateScale } from "./grad_scaler.ts";
