import { assertEquals } from "@std/assert";
import { tensor } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { random } from "../../testing/reference.ts";
import { orderOf } from "./_order.ts";

gpuTest("order: rows of keys come out sorted and stable, by rank and by radix", async () => {
  const draws = random(4);
  for (
    const [rows, length, bits] of [
      [1, 1, 1],
      [5, 9, 3],
      [70, 32, 5],
      [3, 63, 8],
      [2, 65, 1],
      [1, 257, 9],
      [2, 1025, 17],
      [1, 5000, 7],
      [3, 700, 32],
    ]
  ) {
    const host = Uint32Array.from({ length: rows * length }, () => Math.floor(draws.uniform() * 2 ** bits));
    const keys = tensor(host, { shape: [rows, length] });
    const want = Array.from({ length: rows }, (_, row) => {
      const part = Array.from(host.subarray(row * length, (row + 1) * length), (key, i) => ({ key, i }));
      return part.sort((a, b) => a.key - b.key || a.i - b.i);
    }).flat();
    for (const method of ["rank", "radix"] as const) {
      const { order, sorted } = orderOf(keys, bits, "test", { method });
      const [places, found] = await Promise.all([order.data(), sorted.data()]);
      assertEquals(Array.from(found), want.map(({ key }) => key), `${method} of ${[rows, length, bits]}`);
      assertEquals(Array.from(places), want.map(({ i }) => i), `${method} of ${[rows, length, bits]}`);
      order.dispose();
      sorted.dispose();
    }
  }
});
