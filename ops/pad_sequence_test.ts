import { assertEquals, assertThrows } from "@std/assert";
import { grad, ones, padSequence, sum, tensor, unpadSequence, zeros } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";

gpuTest("sequences are filled up at either end, and taken apart again", async () => {
  const list = [tensor([[1, 2], [3, 4]]), tensor([[5, 6]]), zeros([0, 2], { dtype: "i32" })];
  const padded = padSequence(list, { paddingValue: 9 });
  assertEquals(await padded.array(), [[[1, 2], [5, 6], [9, 9]], [[3, 4], [9, 9], [9, 9]]]);
  const left = padSequence(list, { batchFirst: true, paddingSide: "left" });
  assertEquals(await left.array(), [[[1, 2], [3, 4]], [[0, 0], [5, 6]], [[0, 0], [0, 0]]]);
  const back = unpadSequence(padded, [2, 1, 0]);
  assertEquals(await Promise.all(back.map((t) => t.array())), [[[1, 2], [3, 4]], [[5, 6]], []]);
});

gpuTest("gradients of sequences come back without what was filled up", async () => {
  const a = ones([3, 2]), b = ones([1, 2]);
  a.requiresGrad_();
  b.requiresGrad_();
  const y = padSequence([a, b], { batchFirst: true }).mul(2);
  assertEquals(await Promise.all(grad(sum(y), [a, b]).map((g) => g!.array())), [[[2, 2], [2, 2], [2, 2]], [[2, 2]]]);
});

gpuTest("sequences that do not fit are refused", () => {
  assertThrows(() => padSequence([]), TypeError, "1 or more tensors, got 0");
  assertThrows(() => padSequence([zeros([2, 2]), zeros([2, 3])]), TypeError, "[2, 2] and [2, 3]");
  assertThrows(() => padSequence([zeros([2])], { paddingSide: "top" as "left" }), RangeError, "left or right, got top");
  assertThrows(() => unpadSequence(zeros([2, 3]), [1, 1]), TypeError, "got 2 for [2, 3]");
  assertThrows(() => unpadSequence(zeros([2, 1]), [3]), RangeError);
});
