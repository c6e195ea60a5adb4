import { assertEquals, assertThrows } from "@std/assert";
import { mul, tensor, zeros } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { accumulate } from "./accumulate.ts";

gpuTest("accumulate adds in place, in every type and size, and leaves what waits for the old value right", async () => {
  for (const dtype of ["f32", "f16", "bf16"] as const) {
    for (const size of [0, 1, 3, 4, 63, 257, 5000]) {
      const of = (factor: number) =>
        tensor(Float32Array.from({ length: size }, (_, i) => factor * (i % 32)), { dtype, shape: [size] });
      const target = of(1), before = mul(target, 2);
      const address = target.storage;
      accumulate(target, of(3));
      assertEquals(await target.data(), await of(4).data());
      assertEquals(await before.data(), await of(2).data());
      assertEquals(target.storage, address);
    }
  }
});

gpuTest("accumulate refuses other shapes and types, and itself", () => {
  const x = zeros([2, 3]);
  assertThrows(
    () => accumulate(x, zeros([3, 2])),
    TypeError,
    "shapes must be equal, current shapes are [2, 3] and [3, 2]",
  );
  assertThrows(() => accumulate(x, zeros([2, 3], { dtype: "bf16" })), TypeError, "of one type");
  assertThrows(
    () => accumulate(zeros([1], { dtype: "i32" }), zeros([1], { dtype: "i32" })),
    TypeError,
    "floating-point",
  );
  assertThrows(() => accumulate(x, x), TypeError, "memory of their own");
});
