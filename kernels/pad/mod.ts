/** Operations that add places to axes, or shift along them. */
export { pad, type PadOptions } from "./pad.ts";
export { roll, type RollOptions } from "./roll.ts";
export type { WrapMode } from "./wrap.ts";
