/** Operations on the bits of integers, on booleans, and on divisors of whole numbers. */
import { type Expressions, pointwise } from "./define.ts";
import type { Binary } from "./compare.ts";
import { type Unary, unary } from "./unary.ts";

const bitwise = (name: string, f: Expressions): Binary => {
  const op = pointwise({ name, f, grads: null });
  return (a, b) => op([a, b]);
};

/**
 * The bits that both have.
 *
 * @example
 * ```ts
 * import { bitwiseAnd, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await bitwiseAnd(tensor([6]), 3).array()); // [2]
 * ```
 */
export const bitwiseAnd: Binary = bitwise("bitwiseAnd", { int: "(x & y)", bool: "(x && y)" });

/**
 * The bits that one of them has, or both.
 *
 * @example
 * ```ts
 * import { bitwiseOr, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await bitwiseOr(tensor([6]), 3).array()); // [7]
 * ```
 */
export const bitwiseOr: Binary = bitwise("bitwiseOr", { int: "(x | y)", bool: "(x || y)" });

/**
 * The bits that exactly one of them has.
 *
 * @example
 * ```ts
 * import { bitwiseXor, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await bitwiseXor(tensor([6]), 3).array()); // [5]
 * ```
 */
export const bitwiseXor: Binary = bitwise("bitwiseXor", { int: "(x ^ y)", bool: "(x != y)" });

/**
 * x with all bits reversed; “not” of booleans.
 *
 * @example
 * ```ts
 * import { bitwiseNot, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await bitwiseNot(tensor([5])).array()); // [-6]
 * ```
 */
export const bitwiseNot: Unary = unary({ name: "bitwiseNot", f: { int: "(~x)", bool: "(!x)" } });

/**
 * a · 2^b for integers, by moving bits to the left; 0 from 32 places on.
 *
 * @example
 * ```ts
 * import { bitwiseLeftShift, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await bitwiseLeftShift(tensor([1, 3]), 2).array()); // [4, 12]
 * ```
 */
export const bitwiseLeftShift: Binary = bitwise("bitwiseLeftShift", {
  i32: "select(x << (u32(y) & 31u), 0, u32(y) > 31u)",
  u32: "select(x << (y & 31u), 0u, y > 31u)",
});

/**
 * a / 2^b for integers, by moving bits to the right; the sign stays.
 *
 * @example
 * ```ts
 * import { bitwiseRightShift, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await bitwiseRightShift(tensor([8, -8]), 2).array()); // [2, -2]
 * ```
 */
export const bitwiseRightShift: Binary = bitwise("bitwiseRightShift", {
  i32: "(x >> min(u32(y), 31u))",
  u32: "select(x >> (y & 31u), 0u, y > 31u)",
});

/**
 * The greatest common divisor of whole numbers, from 0 on.
 *
 * @example
 * ```ts
 * import { gcd, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await gcd(tensor([12, -18]), tensor([8, 27])).array()); // [4, 9]
 * ```
 */
export const gcd: Binary = bitwise("gcd", { i32: "gcd_i32(x, y)", u32: "gcd_u32(x, y)" });

/**
 * The least common multiple of whole numbers, from 0 on.
 *
 * @example
 * ```ts
 * import { init, lcm, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await lcm(tensor([4, -6]), tensor([6, 9])).array()); // [12, 18]
 * ```
 */
export const lcm: Binary = bitwise("lcm", {
  i32: "abs(x / max(gcd_i32(x, y), 1) * y)",
  u32: "(x / max(gcd_u32(x, y), 1u) * y)",
});
