/**
 * Reverse-mode differentiation: it walks from a result to its leaves, over what each operation kept.
 *
 * @module
 */
import "./methods.ts";
export { enableGrad, inferenceMode, noGrad } from "../tensor/grad_mode.ts";
export { type CustomContext, type CustomOp, customOp } from "./custom_op.ts";
export { backward, type BackwardOptions, grad, type GradOptions } from "./backward.ts";
export { type Differentiable, gradcheck, GradcheckError, type GradcheckOptions } from "./gradcheck.ts";
