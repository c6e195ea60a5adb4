import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "./errors.ts";
import { f16ArrayOf } from "./half.ts";
import { type HostTensor, hostTensor, isHostArray, isHostTensor } from "./host.ts";

Deno.test("hostTensor joins array, type and shape without a copy", () => {
  const data = Float32Array.of(1, 2, 3, 4, 5, 6);
  const tensor = hostTensor(data, { dtype: "f32", shape: [2, 3] });
  assertEquals([tensor.dtype, tensor.shape, tensor.data === data], ["f32", [2, 3], true]);
  assertEquals(hostTensor(Uint8Array.of(1, 0), { dtype: "bool" }).shape, [2]);
  assertEquals(hostTensor(Int32Array.of(3), { dtype: "i32", shape: [] }).shape, []);
});

Deno.test("without a type, a typed array has its own; halves have none", () => {
  const floats: HostTensor<"f32"> = hostTensor(new Float32Array(6), { shape: [2, 3] });
  const labels: HostTensor<"i32"> = hostTensor(Int32Array.of(1, 2));
  const words: HostTensor<"u32"> = hostTensor(Uint32Array.of(1), {});
  const bytes: HostTensor<"u8"> = hostTensor(Uint8Array.of(1));
  assertEquals([floats, labels, words, bytes].map(({ dtype }) => dtype), ["f32", "i32", "u32", "u8"]);
  assertEquals([floats.shape, labels.shape], [[2, 3], [2]]);
  // @ts-expect-error f16 or bf16
  assertThrows(() => hostTensor(Uint16Array.of(1), {}), TypeError, "dtype must be given for a Uint16Array");
  // @ts-expect-error no type has such an array
  assertThrows(() => hostTensor(Float64Array.of(1)), TypeError, "dtype must be given for a Float64Array");
});

Deno.test("memory shared between threads is copied", () => {
  const shared = new Float32Array(new SharedArrayBuffer(8));
  shared[1] = 5;
  const { data } = hostTensor(shared, { dtype: "f32" });
  assert(data.buffer instanceof ArrayBuffer);
  assertEquals([...data], [0, 5]);
});

Deno.test("wrong arrays and shapes are refused with the values", () => {
  // Plain JavaScript can pass what the types forbid.
  const loose = hostTensor as (data: unknown, options: { dtype: string; shape?: number[] }) => unknown;
  assertThrows(
    () => loose(Int32Array.of(1), { dtype: "f32" }),
    TypeError,
    "f32 elements need their own typed array, got Int32Array",
  );
  assertThrows(() => loose([1], { dtype: "f32" }), TypeError, "got Array");
  assertThrows(
    () => loose(new Float32Array(3), { dtype: "f32", shape: [2] }),
    ShapeError,
    "shape [2] holds 2 and the array 3",
  );
  assertThrows(() => loose(new Float32Array(1), { dtype: "f32", shape: [-1, -1] }), ShapeError, "[-1, -1]");
});

Deno.test("host arrays and host tensors are told from other things", () => {
  assert(isHostArray("bf16", new Uint16Array(1)) && isHostArray("f16", f16ArrayOf(new Uint16Array(1))));
  assert(!isHostArray("bf16", new Int16Array(1)) && !isHostArray("u8", new Uint8ClampedArray(1)));
  assert(isHostTensor({ dtype: "u8", shape: [1], data: new Uint8Array(1) }));
  for (
    const other of [null, 1, {}, { dtype: "u8", shape: [1] }, { dtype: "f64", shape: [1], data: new Float64Array(1) }]
  ) {
    assert(!isHostTensor(other));
  }
});
