/** The short form of `deno task soak`: memory does not grow with the steps. */
import { assertEquals } from "@std/assert";
import { growth, soak, SOAKS } from "../testing/soak.ts";

for (const kind of SOAKS) {
  // Without a collector that can be called, nothing says when a forgetful loop is freed of what it left.
  const ignore = kind === "forgetful" && !("gc" in globalThis);
  Deno.test({
    name: `300 steps leave memory as it was after 150: ${kind}${ignore ? " (needs --v8-flags=--expose-gc)" : ""}`,
    ignore,
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const samples = await soak(kind, 300, 50, { inStep: kind.endsWith("trainer") });
      assertEquals(samples.length, 6);
      assertEquals(growth(kind, samples, 2), []);
    },
  });
}
