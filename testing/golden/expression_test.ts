import { assertEquals, assertThrows } from "@std/assert";
import { evaluateExpression } from "./expression.ts";

Deno.test("evaluateExpression: the formulas of the fixtures", () => {
  const at = (text: string, epoch: number) => evaluateExpression(text)(epoch);
  assertEquals(at("0.95 ** epoch", 3), 0.95 ** 3);
  assertEquals(at("1 / Math.sqrt(epoch + 1)", 3), 0.5);
  assertEquals([at("epoch % 7 == 0 ? 0.5 : 1", 14), at("epoch % 7 == 0 ? 0.5 : 1", 15)], [0.5, 1]);
  const warm = "epoch < 10 ? epoch / 10 : 0.5 * (1 + Math.cos(Math.PI * (epoch - 10) / 50))";
  assertEquals([at(warm, 4), at(warm, 60)], [0.4, 0]);
  assertEquals(at("Math.min(1e-3, .5 * epoch) ", 1), 1e-3);
});

Deno.test("evaluateExpression: nothing but arithmetic gets through", () => {
  for (
    const text of [
      "Deno.exit(3)",
      "globalThis",
      "epoch.constructor",
      "Math.constructor",
      "(() => 1)()",
      "`${epoch}`",
      "'a'",
      "epoch; 1",
      "this",
      "[]",
    ]
  ) assertThrows(() => evaluateExpression(text), SyntaxError, "Cannot use the formula");
});
