/** Changing the size of axes. */
export { interpolate, type InterpolateMode, type InterpolateOptions } from "./interpolate.ts";
