/** Operations that move elements and compute nothing. */
export { reshape } from "./reshape.ts";
export { expand, permute, transpose } from "./views.ts";
