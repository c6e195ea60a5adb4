import { assertEquals, assertThrows } from "@std/assert";
import { add, backward, copyInto, mul, ShapeError, sum, tensor, toHost, uploadInto, zeros } from "../mod.ts";
import { countDispatches, gpuTest } from "../testing/gpu.ts";
import { copyBytes } from "./in_place.ts";

gpuTest("a copy in place gives the new value to later readers and the old one to earlier ones", async () => {
  const x = tensor([1, 2, 3], { dtype: "f32" });
  const earlier = mul(x, 10);
  copyInto(x, 7);
  const later = mul(x, 10);
  copyInto(x, add(x, 1));
  assertEquals(await earlier.array(), [10, 20, 30]);
  assertEquals(await later.array(), [70, 70, 70]);
  assertEquals(await x.array(), [8, 8, 8]);
});

gpuTest("a source that reads the target through other chains is computed first", async () => {
  const x = tensor([1, 2], { dtype: "f32" });
  const inner = mul(x, 2);
  const outer = add(inner, x);
  copyInto(x, outer);
  copyInto(x, outer);
  assertEquals(await x.array(), [3, 6]);
  assertEquals(await inner.array(), [2, 4]);
});

gpuTest("a pending source is computed straight into the target", async () => {
  const x = zeros([64]);
  const y = tensor(new Float32Array(64).fill(2));
  void x.storage.buffer;
  assertEquals(countDispatches(() => copyInto(x, add(mul(y, 3), 1))), 1);
  assertEquals((await x.data())[63], 7);
});

gpuTest("a copy converts the type and broadcasts", async () => {
  const half = zeros([2, 3], { dtype: "bf16" });
  copyInto(half, tensor([0.5, 1.25, -3]));
  assertEquals(await half.array(), [[0.5, 1.25, -3], [0.5, 1.25, -3]]);
  const truth = zeros([2], { dtype: "bool" });
  copyInto(truth, 5);
  assertEquals(await truth.array(), [true, true]);
  assertThrows(() => copyInto(zeros([3]), zeros([2, 3])), ShapeError, "copyInto");
});

gpuTest("backward refuses a value that was changed after it was used", () => {
  const w = tensor([1, 2], { dtype: "f32", requiresGrad: true });
  const loss = sum(mul(w, w));
  copyInto(w, 3);
  assertThrows(() => backward(loss), Error, "changed in place");
});

gpuTest("host data is converted and checked", async () => {
  const half = zeros([2], { dtype: "f16" });
  uploadInto(half, Float32Array.of(1.5, -2));
  assertEquals((await toHost(half)).dtype, "f16");
  assertEquals(await half.array(), [1.5, -2]);
  uploadInto(half, await toHost(tensor([4, 8], { dtype: "bf16" })));
  assertEquals(await half.array(), [4, 8]);
  assertThrows(() => uploadInto(half, [1, 2, 3]), ShapeError, "[2] and [3]");
});

gpuTest("bytes are copied between storages", async () => {
  const x = tensor([1, 2, 3, 4]), y = zeros([3], { dtype: "i32" });
  copyBytes(x.storage, 4, y.storage, 8, 4);
  assertEquals(await y.array(), [0, 0, 2]);
  assertEquals((await toHost(tensor([true, false]))).data, Uint8Array.of(1, 0));
});

gpuTest("nothing is written through a disposed tensor, though another shares its memory", async () => {
  const x = tensor([1, 2], { dtype: "f32" });
  const view = x.detach();
  view.dispose();
  for (const write of [() => copyInto(view, 5), () => uploadInto(view, [5, 5])]) {
    assertThrows(write, Error, "disposed");
  }
  assertEquals(await x.array(), [1, 2]);
});

gpuTest("host tensors made by hand must hold as many elements as their shape says", () => {
  for (const count of [8, 80]) {
    const wrong = { dtype: "f32", shape: [3, 4], data: new Float32Array(count) } as const;
    const said = `shape [3, 4] holds 12 and the array ${count}`;
    assertThrows(() => tensor(wrong), ShapeError, said);
    assertThrows(() => uploadInto(zeros([3, 4]), wrong), ShapeError, said);
  }
});
