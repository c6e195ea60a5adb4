/** Results that grow along an axis. */
export { cumsum, type CumsumOptions } from "./cumsum.ts";
