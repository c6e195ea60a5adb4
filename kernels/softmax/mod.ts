/** Shares of 1 along an axis, and their logarithms. */
export { logSoftmax, softmax, type SoftmaxOptions } from "./softmax.ts";
