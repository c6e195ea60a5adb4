/** Operations that make one element out of many. */
export { type ReduceOptions, sum } from "./sum.ts";
