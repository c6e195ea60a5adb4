/** How elements lie in memory: f32 and integers as words, 16-bit floats two to a word, truths as 0 and 1. */
import { type DType, isHalf } from "../../tensor/dtype.ts";
import { registerOf } from "./register.ts";

/** How many neighbours are stored at once. */
export type Width = 1 | 2 | 4;

/** The WGSL type of `width` neighbours in memory; one 16-bit element alone has none. */
export function storedType(dtype: DType, width: Width): string {
  if (isHalf(dtype)) return width === 4 ? "vec2u" : "u32";
  const word = dtype === "bool" ? "u32" : registerOf(dtype);
  return width === 1 ? word : `vec${width}<${word}>`;
}

/** WGSL of a function's body that returns item `at` (of `width` neighbours) of 16-bit elements, as f32. */
export function readHalf(dtype: DType, width: Width, name: string, at: string): string {
  if (width === 1) return `  return unpack_${dtype}(${name}[${at} >> 1u] >> ((${at} & 1u) * 16u)).x;`;
  if (width === 2) return `  return unpack_${dtype}(${name}[${at}]);`;
  return `  let words = ${name}[${at}];\n  return vec4f(unpack_${dtype}(words.x), unpack_${dtype}(words.y));`;
}

/** WGSL of `width` neighbours as they lie in memory. */
export function stored(dtype: DType, width: Width, y: string): string {
  if (isHalf(dtype)) {
    return width === 4 ? `vec2u(pack_${dtype}(${y}.xy), pack_${dtype}(${y}.zw))` : `pack_${dtype}(${y})`;
  }
  if (dtype !== "bool") return y;
  return width === 1 ? `select(0u, 1u, ${y})` : `select(vec${width}u(0u), vec${width}u(1u), ${y})`;
}
