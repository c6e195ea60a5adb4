/** Results that grow along an axis. */
export type { ScanOptions } from "./_scan.ts";
export { cummax, cummin } from "./cummax.ts";
export { cumprod } from "./cumprod.ts";
export { cumsum } from "./cumsum.ts";
export { logcumsumexp } from "./logcumsumexp.ts";
