import { assert, assertEquals } from "@std/assert";
import type { Tensor } from "../mod.ts";

/** Throws unless two tensors have one shape and their elements differ by at most `tolerance` · (1 + |wanted|). */
export async function assertNear(got: Tensor, want: Tensor, tolerance = 1e-5): Promise<void> {
  assertEquals(got.shape, want.shape);
  const [a, b] = await Promise.all([got.data(), want.data()]);
  for (let i = 0; i < a.length; i++) {
    assert(Math.abs(a[i] - b[i]) <= tolerance * (1 + Math.abs(b[i])), `element ${i} is ${a[i]}, want ${b[i]}`);
  }
}
