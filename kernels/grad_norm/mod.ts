/** Norms over many tensors. */
export { gradNorm } from "./grad_norm.ts";
