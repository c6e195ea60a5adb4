import { type DType, isFloat } from "../tensor/dtype.ts";

/** The key of NaN, above those of all numbers. */
const NAN_KEY = "0xffffffffu";

/**
 * WGSL of the key of an element, given as the name of its word: keys are in the order of the elements, or for the
 * smallest in the opposite order. NaN is above all in both, and 0 and −0 are equal.
 */
export function keyText(dtype: DType, smallest: boolean, word: string): string {
  const flip = smallest ? "~" : "";
  if (!isFloat(dtype)) return `${flip}(${word} ^ ${dtype === "i32" ? "0x80000000u" : "0u"})`;
  const size = `(${word} & 0x7fffffffu)`;
  const number = `select(select(~${word}, ${word} | 0x80000000u, ${word} == ${size}), 0x80000000u, ${size} == 0u)`;
  return `select(${flip}${number}, ${NAN_KEY}, ${size} > 0x7f800000u)`;
}

/** WGSL of the word of the element that a key stands for. */
export function wordText(dtype: DType, smallest: boolean, key: string): string {
  const plain = smallest ? `(~${key})` : key;
  if (!isFloat(dtype)) return `(${plain} ^ ${dtype === "i32" ? "0x80000000u" : "0u"})`;
  const number = `select(~${plain}, ${plain} ^ 0x80000000u, ${plain} >= 0x80000000u)`;
  return `select(${number}, 0x7fc00000u, ${key} == ${NAN_KEY})`;
}
