/** Operations that move elements and compute nothing. */
export { flip } from "./flip.ts";
export { reshape } from "./reshape.ts";
export { narrow, type NarrowOptions, select, type SelectOptions, slice, type SliceOptions } from "./slice.ts";
export { chunk, split, type SplitOptions, unbind } from "./split.ts";
export { type TriangleOptions, tril, triu } from "./triangle.ts";
export { clone, expand, permute, transpose } from "./views.ts";
