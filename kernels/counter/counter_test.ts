import { assertEquals, assertThrows } from "@std/assert";
import { add, increment, tensor, zeros } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";

gpuTest("a counter counts on the device, in one dispatch, and earlier readers keep their value", async (device) => {
  const count = zeros([], { dtype: "i32" });
  const before = add(count, 0);
  void count.storage.buffer;
  increment(count);
  const { dispatches } = device.recorder.counts;
  increment(count, 5);
  assertEquals(device.recorder.counts.dispatches - dispatches, 1);
  assertEquals([await before.item(), await count.item()], [0, 6]);
  increment(count, -7);
  assertEquals(await count.item(), -1);
});

gpuTest("only a single i32 counts", () => {
  assertThrows(() => increment(zeros([])), TypeError, "f32");
  assertThrows(() => increment(tensor([1, 2])), TypeError, "[2]");
});
