import { assert, assertEquals } from "@std/assert";
import {
  bf16Bits,
  bf16ToF32,
  bf16Value,
  f16ArrayOf,
  f16Bits,
  f16BitsOf,
  f16BitsOfF32Bits,
  f16ToF32,
  f16Value,
  f32BitsOfF16Bits,
  f32ToBf16,
  f32ToF16,
  hasFloat16Array,
} from "./half.ts";
import { testIf } from "../testing/test_if.ts";

const ALL = Uint16Array.from({ length: 65536 }, (_, i) => i);
const isNaN16 = (bits: number, exponent: number) => (bits & exponent) === exponent && (bits & ~exponent & 0x7fff) !== 0;

/** f16 by its definition: sign, exponent and fraction multiplied out in f64. */
function f16Meaning(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** bf16 by its definition. */
function bf16Meaning(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 7) & 255;
  const fraction = bits & 127;
  if (exponent === 255) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -133 : sign * (128 + fraction) * 2 ** (exponent - 134);
}

function f32Bits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}

Deno.test("all 65,536 f16 patterns widen to what they stand for and come back", () => {
  const bulk = f16ToF32(ALL);
  const back = f32ToF16(bulk);
  for (let bits = 0; bits < 65536; bits++) {
    const want = f16Meaning(bits);
    assert(Object.is(f16Value(bits), want), `f16 ${bits}: got ${f16Value(bits)}, want ${want}`);
    assert(Object.is(bulk[bits], want), `f16 ${bits} in bulk: got ${bulk[bits]}, want ${want}`);
    assert(Number.isNaN(want) ? isNaN16(f16Bits(want), 0x7c00) : f16Bits(want) === bits, `f16 ${bits} came back`);
    assert(Number.isNaN(want) ? isNaN16(back[bits], 0x7c00) : back[bits] === bits, `f16 ${bits} came back in bulk`);
  }
});

Deno.test("all 65,536 bf16 patterns widen to what they stand for and come back", () => {
  const bulk = bf16ToF32(ALL);
  const back = f32ToBf16(bulk);
  for (let bits = 0; bits < 65536; bits++) {
    const want = bf16Meaning(bits);
    assert(Object.is(bf16Value(bits), want), `bf16 ${bits}: got ${bf16Value(bits)}, want ${want}`);
    assert(Object.is(bulk[bits], want), `bf16 ${bits} in bulk: got ${bulk[bits]}, want ${want}`);
    assert(Number.isNaN(want) ? isNaN16(bf16Bits(want), 0x7f80) : bf16Bits(want) === bits, `bf16 ${bits} came back`);
    assert(Number.isNaN(want) ? isNaN16(back[bits], 0x7f80) : back[bits] === bits, `bf16 ${bits} came back in bulk`);
  }
});

Deno.test("between every two neighbouring f16 the nearer one is taken and a tie goes to the even one", () => {
  for (let low = 0; low < 0x7c00; low++) {
    const below = f16Meaning(low);
    // The neighbour of the largest finite number is where 2^16 would stand, which is infinity's place.
    const above = low === 0x7bff ? 65536 : f16Meaning(low + 1);
    const middle = (below + above) / 2; // exact in f32: one more fraction bit than f16
    const middleBits = f32Bits(middle);
    assertEquals(new Float32Array(Uint32Array.of(middleBits).buffer)[0], middle);
    const even = low & 1 ? low + 1 : low;
    const cases: [number, number][] = [[middleBits - 1, low], [middleBits, even], [middleBits + 1, low + 1]];
    for (const [bits, want] of cases) {
      const value = new Float32Array(Uint32Array.of(bits).buffer)[0];
      assertEquals(f16BitsOfF32Bits(bits), want);
      assertEquals(f16BitsOfF32Bits((bits | 0x80000000) >>> 0), want | 0x8000);
      assertEquals(f32ToF16([value, -value]), Uint16Array.of(want, want | 0x8000));
    }
  }
});

Deno.test("between every two neighbouring bf16 the nearer one is taken and a tie goes to the even one", () => {
  for (let low = 0; low < 0x7f80; low++) {
    const middle = low * 65536 + 32768; // f32 bits
    const even = low & 1 ? low + 1 : low;
    const cases: [number, number][] = [[middle - 1, low], [middle, even], [middle + 1, low + 1]];
    for (const [bits, want] of cases) {
      const value = new Float32Array(Uint32Array.of(bits).buffer)[0];
      assertEquals(bf16Bits(value), want);
      assertEquals(f32ToBf16([-value])[0], want | 0x8000);
    }
  }
});

// Where there is nothing to hold it against, the exhaustive tests above cover the own code.
const sweep = "own f16 code agrees with the runtime's Float16Array on a sweep over all f32";
testIf(hasFloat16Array, "the runtime has no Float16Array", sweep, () => {
  const native = new Float16Array(1);
  const nativeBits = new Uint16Array(native.buffer);
  for (let bits = 0; bits < 2 ** 32; bits += 4099) {
    const value = new Float32Array(Uint32Array.of(bits).buffer)[0];
    if (Number.isNaN(value)) {
      assert(isNaN16(f16BitsOfF32Bits(bits), 0x7c00), `f32 bits ${bits}`);
      continue;
    }
    native[0] = value;
    if (nativeBits[0] !== f16BitsOfF32Bits(bits)) {
      assertEquals(f16BitsOfF32Bits(bits), nativeBits[0], `f32 bits ${bits}`);
    }
  }
  for (let bits = 0; bits < 65536; bits++) {
    nativeBits[0] = bits;
    if (!Number.isNaN(native[0])) assertEquals(f32BitsOfF16Bits(bits), f32Bits(native[0]));
  }
});

Deno.test("a NaN stays NaN whatever its payload, also where the payload is only in the lost bits", () => {
  for (const bits of [0x7f800001, 0x7f801fff, 0x7fffffff, 0xff800001, 0xffffffff]) {
    assert(isNaN16(f16BitsOfF32Bits(bits), 0x7c00), `f16 of ${bits.toString(16)}`);
    assert(
      isNaN16(f32ToBf16(new Float32Array(Uint32Array.of(bits).buffer))[0], 0x7f80),
      `bf16 of ${bits.toString(16)}`,
    );
  }
});

Deno.test("numbers round to f32 first, so a scalar and a tensor element give the same half", () => {
  const value = 1 + 2 ** -11 + 2 ** -40; // above the tie in f64, on it in f32
  assertEquals(f16Bits(value), 0x3c00);
  assertEquals(f32ToF16([value])[0], 0x3c00);
});

Deno.test("views keep offset and length and share memory", () => {
  const bits = Uint16Array.of(0, 0x3c00, 0x4000, 0);
  const part = f16ArrayOf(bits.subarray(1, 3));
  assertEquals(part.length, 2);
  assertEquals(f16BitsOf(part), Uint16Array.of(0x3c00, 0x4000));
  f16BitsOf(part)[0] = 0x4200;
  assertEquals(bits[1], 0x4200);
  assertEquals(f16ToF32(bits.subarray(2, 3))[0], 2);
  const f32 = Float32Array.of(9, 1, 2);
  assertEquals(f32ToF16(f32.subarray(1)), Uint16Array.of(0x3c00, 0x4000));
  assertEquals(f32ToBf16(f32.subarray(1)), Uint16Array.of(0x3f80, 0x4000));
});
