/** Counters on the device. */
export { increment } from "./counter.ts";
