import { assertEquals } from "@std/assert";
import { cat, stack, tensor } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { at, build, type NDArray } from "../../testing/reference.ts";
import { testOp } from "../../testing/test_op.ts";

function joined(parts: NDArray[], dim: number): NDArray {
  const size = parts.reduce((sum, { shape }) => sum + shape[dim], 0);
  return build(parts[0].shape.map((n, i) => i === dim ? size : n), (index) => {
    let k = 0, place = index[dim];
    while (place >= parts[k].shape[dim]) place -= parts[k++].shape[dim];
    return at(parts[k], index.map((i, d) => d === dim ? place : i));
  });
}

testOp<{ dim: number }>({
  name: "cat",
  dtypes: ["f32", "f16", "bf16"],
  run: (x, { dim }) => cat(x, { dim }),
  reference: (x, { dim }) => joined(x, dim),
  cases: [
    { inputs: [[3], [5]], attrs: { dim: 0 } },
    { inputs: [[2, 4], [2, 8], [2, 12]], attrs: { dim: 1 } },
    { inputs: [[2, 3, 2], [2, 0, 2], [2, 1, 2]], attrs: { dim: 1 } },
    { inputs: [[4, 2, 8], [3, 2, 8]], attrs: { dim: 0 } },
    { inputs: Array.from({ length: 15 }, (_, i) => [3, (i % 3) + 1, 2]), attrs: { dim: 1 } },
    { inputs: [[257, 63], [257, 65], [257, 1]], attrs: { dim: 1 } },
    { inputs: [[70000, 9], [70000, 5]], attrs: { dim: 1 }, large: true },
  ],
});

testOp<{ dim: number }>({
  name: "stack",
  run: (x, { dim }) => stack(x, { dim }),
  reference: (x, { dim }) =>
    joined(x.map(({ shape, data }) => ({ shape: [...shape.slice(0, dim), 1, ...shape.slice(dim)], data })), dim),
  cases: [
    { inputs: [[], [], []], attrs: { dim: 0 } },
    { inputs: [[3, 4], [3, 4]], attrs: { dim: 1 } },
    { inputs: [[3, 4], [3, 4], [3, 4]], attrs: { dim: 2 } },
  ],
});

gpuTest("cat: seven inputs take one dispatch, and NaNs keep their bits", async (device) => {
  const parts = Array.from({ length: 7 }, (_, i) => tensor([[i, i + 0.5]]));
  const before = device.recorder.counts.dispatches;
  const all = await cat(parts).data();
  assertEquals(device.recorder.counts.dispatches - before, 1);
  assertEquals(Array.from(all.subarray(12)), [6, 6.5]);
  const bits = new Float32Array(new Uint32Array([0x7fc12345, 0xffc00001]).buffer);
  const read = await cat([tensor(bits), tensor([1.5])]).bytes();
  assertEquals(Array.from(new Uint32Array(read)), [0x7fc12345, 0xffc00001, 0x3fc00000]);
});
