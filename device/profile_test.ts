import { assert, assertEquals, assertRejects } from "@std/assert";
import { ones, profile, sum, tensor } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";

gpuTest(
  "a profile has the name and the time of each kernel, more of them than one set of queries holds",
  async (device) => {
    const x = tensor([1, 2, 3, 4], { dtype: "f32" });
    await sum(x).data();
    const times = await profile(device, () => {
      for (let i = 0; i < 2100; i++) void sum(x).storage.buffer;
    });
    assertEquals(times.length, 2100);
    assertEquals(Object.keys(times[0]), ["label", "microseconds"]);
    assertEquals([...new Set(times.map(({ label }) => label))], ["reduce"]);
    assert(times.every(({ microseconds }) => microseconds >= 0));
    assertEquals(await profile(device, () => {}), []);
  },
  { needs: "timestamp-query" },
);

gpuTest("a function that fails while it is timed leaves the device as it was", async (device) => {
  const failing = () => {
    void sum(ones([3])).storage.buffer;
    throw new Error("in the middle");
  };
  await assertRejects(() => profile(device, failing), Error, "in the middle");
  assertEquals(device.recorder.timer, null);
  assertEquals(await sum(ones([3])).item(), 3);
}, { needs: "timestamp-query" });
