/** Operations that make one element out of many. */
export { argmax, argmin, type ArgOptions } from "./arg.ts";
export { type AlongOptions, amax, amin, max, min } from "./extremum.ts";
export { all, any } from "./logic.ts";
export { logsumexp } from "./logsumexp.ts";
export { norm, type NormOptions } from "./norm.ts";
export { prod } from "./prod.ts";
export { mean, type ReduceOptions, sum } from "./sum.ts";
export { std, variance, variance as var, type VarOptions } from "./var.ts";
