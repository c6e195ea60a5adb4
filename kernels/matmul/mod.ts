/** Matrix products. */
export { matmul } from "./matmul.ts";
