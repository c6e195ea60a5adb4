/** Changing the size of axes. */
export { resample, type ResampleMode, type Resampling } from "./resample.ts";
