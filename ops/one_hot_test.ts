import { assertEquals, assertThrows } from "@std/assert";
import { neg, oneHot, tensor } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";

gpuTest("oneHot: a 1 at the place of each class", async () => {
  const classes = tensor([[1, 0], [2, 2]]);
  const wanted = [[[0, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 0, 1]]];
  assertEquals(await oneHot(classes).array(), wanted);
  assertEquals(oneHot(classes, { numClasses: 5 }).shape, [2, 2, 5]);
  assertEquals(oneHot(classes).dtype, "i32");
  assertEquals(await oneHot(neg(tensor([0, 1])), { numClasses: 2 }).array(), [[1, 0], [0, 0]]);
  assertThrows(() => oneHot(classes, { numClasses: 2 }), RangeError, "from 0 to 1");
  assertThrows(() => oneHot(neg(classes)), TypeError, "numClasses must be given");
  assertThrows(() => oneHot(classes, { numClasses: 0 }), RangeError, "from 1 on, got 0");
});
