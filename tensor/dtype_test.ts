import { assertEquals } from "@std/assert";
import { type DType, dtypes, numberDType, type Operand, promote } from "./dtype.ts";

const tensorOf = (dtype: DType): Operand => ({ dtype, rank: 2 });
const scalarOf = (dtype: DType): Operand => ({ dtype, rank: 0 });
const numberOf = (value: number): Operand => ({ dtype: numberDType(value), rank: "number" });

Deno.test("tensors with axes promote to the wider type", () => {
  const table: Record<string, DType> = {
    "bool bool": "bool",
    "bool u32": "u32",
    "bool i32": "i32",
    "u32 i32": "i32",
    "i32 f16": "f16",
    "u32 bf16": "bf16",
    "f16 bf16": "f32",
    "f16 f32": "f32",
    "bf16 f32": "f32",
    "i32 f32": "f32",
  };
  for (const [pair, want] of Object.entries(table)) {
    const [a, b] = pair.split(" ") as DType[];
    assertEquals(promote([tensorOf(a), tensorOf(b)]), want, pair);
    assertEquals(promote([tensorOf(b), tensorOf(a)]), want, pair);
  }
});

Deno.test("promotion does not depend on the order of operands, and a type with itself is that type", () => {
  for (const a of dtypes) {
    assertEquals(promote([tensorOf(a), tensorOf(a)]), a);
    for (const b of dtypes) {
      assertEquals(promote([tensorOf(a), tensorOf(b)]), promote([tensorOf(b), tensorOf(a)]));
      assertEquals(promote([tensorOf(a), scalarOf(b)]), promote([scalarOf(b), tensorOf(a)]));
    }
  }
});

Deno.test("a tensor without axes, or a number, counts only if its category is higher", () => {
  assertEquals(promote([tensorOf("f16"), scalarOf("f32")]), "f16");
  assertEquals(promote([tensorOf("i32"), scalarOf("f16")]), "f16");
  assertEquals(promote([tensorOf("bool"), scalarOf("i32")]), "i32");
  assertEquals(promote([tensorOf("i32"), scalarOf("bool")]), "i32");
  assertEquals(promote([scalarOf("f16"), scalarOf("f32")]), "f32");
  assertEquals(promote([tensorOf("bf16"), numberOf(2.5)]), "bf16");
  assertEquals(promote([tensorOf("i32"), numberOf(2)]), "i32");
  assertEquals(promote([tensorOf("i32"), numberOf(2.5)]), "f32");
  assertEquals(promote([tensorOf("bool"), numberOf(2)]), "i32");
  assertEquals(promote([scalarOf("f16"), numberOf(2.5)]), "f16");
  assertEquals(promote([scalarOf("i32"), numberOf(2.5)]), "f32");
});

Deno.test("whole numbers are integers as long as they fit 32 bits", () => {
  assertEquals([0, -1, 2 ** 31 - 1, -(2 ** 31)].map(numberDType), ["i32", "i32", "i32", "i32"]);
  assertEquals([2 ** 31, 2 ** 32 - 1].map(numberDType), ["u32", "u32"]);
  assertEquals([2 ** 32, -(2 ** 31) - 1, 0.5, NaN, Infinity].map(numberDType), ["f32", "f32", "f32", "f32", "f32"]);
});
