import type { DType } from "../../tensor/dtype.ts";

/** How elements become u32 keys that compare like them, and back. NaN is the greatest key in either direction. */
export interface Order {
  /** WGSL expression for the key of the bits `v`, which are of the type `T`. */
  key(T: string): string;
  /** WGSL expression for the bits of the key `v`. */
  bits(T: string): string;
}

/**
 * The order of a type, upwards or downwards. Keys replace floating-point comparisons, in which NaN would get lost (and
 * compilers may assume that it does not occur). 0 and −0 have the same key when `signless`, as equality wants it.
 */
export function orderOf(dtype: DType, down: boolean, signless = false): Order {
  const turn = (e: string) => down ? `~(${e})` : e;
  if (dtype === "i32") {
    return {
      key: (T) => turn(`v ^ ${T}(0x80000000u)`),
      bits: (T) => `${turn("v")} ^ ${T}(0x80000000u)`,
    };
  }
  if (dtype === "u32" || dtype === "bool") return { key: () => turn("v"), bits: () => turn("v") };
  return {
    key: (T) => {
      const zero = (e: string) => signless ? `select(${e}, ${T}(0x80000000u), v == ${T}(0x80000000u))` : e;
      const ordered = zero(`select(v | ${T}(0x80000000u), ~v, v > ${T}(0x7fffffffu))`);
      return `select(${turn(ordered)}, ${T}(0xffffffffu), (v & ${T}(0x7fffffffu)) > ${T}(0x7f800000u))`;
    },
    // The keys of NaN, 0xffffffff upwards and 0 after turning, become NaNs again.
    bits: (T) => `select(~${turn("v")}, ${turn("v")} & ${T}(0x7fffffffu), ${turn("v")} > ${T}(0x7fffffffu))`,
  };
}
