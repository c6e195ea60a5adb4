/** How often numbers occur. */
export { bincount, type BincountOptions, countInto } from "./count.ts";
