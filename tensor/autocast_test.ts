import { assertEquals, assertThrows } from "@std/assert";
import { autocast, autocastDType } from "./autocast.ts";

Deno.test("autocast knows two types and null, and runs nothing with another", () => {
  for (const wrong of ["float16", "f32", "half", undefined]) {
    let ran = false;
    assertThrows(
      () => autocast(wrong as "f16", () => void (ran = true)),
      TypeError,
      `Cannot run in autocast: the type must be "f16", "bf16" or null (off), got ${JSON.stringify(wrong)}`,
    );
    assertEquals([ran, autocastDType()], [false, null]);
  }
  for (const right of ["f16", "bf16", null] as const) assertEquals(autocast(right, autocastDType), right);
});
