/**
 * Conversions between f32 and the two half-width formats on the host.
 *
 * f16 is IEEE 754 binary16 (5 exponent bits, 10 fraction bits); bf16 is the upper half of an f32. Both are converted
 * with round to nearest, ties to even. Infinities, subnormals and signed zeros are kept, NaN stays NaN.
 *
 * @module
 */

const scratch = new ArrayBuffer(4);
const scratchF32 = new Float32Array(scratch);
const scratchU32 = new Uint32Array(scratch);

/** The runtime's own `Float16Array`, or undefined where it has none (Node 20, older browsers). */
const NativeF16: typeof globalThis.Float16Array | undefined = globalThis.Float16Array;

/** True where the runtime has `Float16Array`. */
export const hasFloat16Array: boolean = NativeF16 !== undefined;

/** Host storage of f16 elements: `Float16Array` where the runtime has it, else the bits in a `Uint16Array`. */
export type F16Array<B extends ArrayBufferLike = ArrayBufferLike> = Float16Array<B> | Uint16Array<B>;

/**
 * Bits of the f16 nearest to a number, which is first rounded to f32 as every f32 tensor element is.
 *
 * Magnitudes of 65520 and more become infinity, those of 2⁻²⁵ and less become zero.
 *
 * @example
 * ```ts
 * import { f16Bits } from "./half.ts";
 * console.assert(f16Bits(1.5) === 0x3e00);
 * ```
 */
export function f16Bits(value: number): number {
  scratchF32[0] = value;
  return f16BitsOfF32Bits(scratchU32[0]);
}

/**
 * The number that 16 bits of f16 stand for; exact, since every f16 is an f32.
 *
 * @example
 * ```ts
 * import { f16Value } from "./half.ts";
 * console.assert(f16Value(0x3e00) === 1.5);
 * ```
 */
export function f16Value(bits: number): number {
  scratchU32[0] = f32BitsOfF16Bits(bits);
  return scratchF32[0];
}

/**
 * Bits of the bf16 nearest to a number, which is first rounded to f32.
 *
 * @example
 * ```ts
 * import { bf16Bits } from "./half.ts";
 * console.assert(bf16Bits(1) === 0x3f80);
 * ```
 */
export function bf16Bits(value: number): number {
  scratchF32[0] = value;
  return bf16BitsOfF32Bits(scratchU32[0]);
}

/**
 * The number that 16 bits of bf16 stand for; exact, since a bf16 is the upper half of an f32.
 *
 * @example
 * ```ts
 * import { bf16Value } from "./half.ts";
 * console.assert(bf16Value(0xc000) === -2);
 * ```
 */
export function bf16Value(bits: number): number {
  scratchU32[0] = (bits & 0xffff) << 16;
  return scratchF32[0];
}

/**
 * Rounds numbers to f16 and returns their bits, one `Uint16Array` element for each.
 *
 * @example
 * ```ts
 * import { f32ToF16 } from "@fulgurite/core";
 * console.assert(f32ToF16([0, 1, -2]).join() === "0,15360,49152");
 * ```
 */
export function f32ToF16(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const f32 = asF32(values);
  const bits = new Uint16Array(f32.length);
  if (NativeF16) {
    new NativeF16(bits.buffer).set(f32);
    return bits;
  }
  const source = new Uint32Array(f32.buffer, f32.byteOffset, f32.length);
  for (let i = 0; i < bits.length; i++) bits[i] = f16BitsOfF32Bits(source[i]);
  return bits;
}

/**
 * Widens f16 bits to f32.
 *
 * @example
 * ```ts
 * import { f16ToF32 } from "@fulgurite/core";
 * console.assert(f16ToF32(Uint16Array.of(0x3c00))[0] === 1);
 * ```
 */
export function f16ToF32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  if (NativeF16) return new Float32Array(new NativeF16(bits.buffer, bits.byteOffset, bits.length));
  const values = new Float32Array(bits.length);
  const target = new Uint32Array(values.buffer);
  for (let i = 0; i < bits.length; i++) target[i] = f32BitsOfF16Bits(bits[i]);
  return values;
}

/**
 * Rounds numbers to bf16 and returns their bits, one `Uint16Array` element for each.
 *
 * @example
 * ```ts
 * import { f32ToBf16 } from "@fulgurite/core";
 * console.assert(f32ToBf16([1, -2]).join() === "16256,49152");
 * ```
 */
export function f32ToBf16(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const f32 = asF32(values);
  const source = new Uint32Array(f32.buffer, f32.byteOffset, f32.length);
  const bits = new Uint16Array(f32.length);
  for (let i = 0; i < bits.length; i++) bits[i] = bf16BitsOfF32Bits(source[i]);
  return bits;
}

/**
 * Widens bf16 bits to f32.
 *
 * @example
 * ```ts
 * import { bf16ToF32 } from "@fulgurite/core";
 * console.assert(bf16ToF32(Uint16Array.of(0x3f80))[0] === 1);
 * ```
 */
export function bf16ToF32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(bits.length);
  const target = new Uint32Array(values.buffer);
  for (let i = 0; i < bits.length; i++) target[i] = bits[i] << 16;
  return values;
}

/**
 * Shows f16 bits as the runtime's `Float16Array` over the same memory, or unchanged where there is none.
 *
 * @example
 * ```ts
 * import { f16ArrayOf, f16BitsOf } from "./half.ts";
 * const bits = Uint16Array.of(0x3c00);
 * console.assert(f16BitsOf(f16ArrayOf(bits))[0] === 0x3c00);
 * ```
 */
export function f16ArrayOf<B extends ArrayBufferLike>(bits: Uint16Array<B>): F16Array<B> {
  return NativeF16 ? new NativeF16(bits.buffer, bits.byteOffset, bits.length) : bits;
}

/**
 * The bits of host f16 elements, over the same memory; the reverse of {@link f16ArrayOf}.
 *
 * @example
 * ```ts
 * import { f16BitsOf, f32ToF16 } from "./half.ts";
 * console.assert(f16BitsOf(f32ToF16([1]))[0] === 0x3c00);
 * ```
 */
export function f16BitsOf<B extends ArrayBufferLike>(data: F16Array<B>): Uint16Array<B> {
  return data instanceof Uint16Array ? data : new Uint16Array(data.buffer, data.byteOffset, data.length);
}

function asF32(values: ArrayLike<number>): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

/** Works on every runtime; the tests hold it against the native `Float16Array` on every f16 and every tie. */
export function f16BitsOfF32Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 2^16 and above
  if (magnitude >= 0x38800000) { // 2^-14 and above: normal; a carry out of the fraction raises the exponent
    return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13);
  }
  const exponent = magnitude >>> 23;
  if (exponent < 102) return sign; // below 2^-25
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - exponent; // to units of 2^-24, the smallest subnormal
  const kept = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return sign | (rest > tie || (rest === tie && (kept & 1) === 1) ? kept + 1 : kept);
}

/** Widens f16 bits to f32 bits without the native type. */
export function f32BitsOfF16Bits(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  const shift = Math.clz32(fraction) - 21; // brings the leading one to bit 10
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0;
}

function bf16BitsOfF32Bits(bits: number): number {
  // A NaN must not round up into infinity: its upper half is kept with the quiet bit set.
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
