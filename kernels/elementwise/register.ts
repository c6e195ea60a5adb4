import type { DType } from "../../tensor/dtype.ts";

/** The type an element has while it is computed with. */
export type Register = "f32" | "i32" | "u32" | "bool";

/** The register type of a stored type: 16-bit floats are widened. */
export function registerOf(dtype: DType): Register {
  return dtype === "f16" || dtype === "bf16" ? "f32" : dtype;
}
