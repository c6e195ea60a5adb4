import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../tensor/errors.ts";
import { f16ArrayOf, f32ToBf16, f32ToF16 } from "../tensor/half.ts";
import { type HostTensor, hostTensor } from "../tensor/host.ts";
import { collate, type Collated } from "./collate.ts";

/** Compiles only if two types are the same. */
type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends (<X>() => X extends B ? 1 : 2) ? true : false;
const same = <T extends true>(_: T): void => {};

const plain = ({ dtype, shape, data }: HostTensor) => [dtype, shape, Array.from(data)];

Deno.test("each kind of sample becomes the batch that the table says, in value and in type", () => {
  const numbers = collate([1, 2.5]);
  same<Same<typeof numbers, HostTensor<"f32">>>(true);
  assertEquals(plain(numbers), ["f32", [2], [1, 2.5]]);
  const labels = collate([3n, -1n]);
  same<Same<typeof labels, HostTensor<"i32">>>(true);
  assertEquals(plain(labels), ["i32", [2], [3, -1]]);
  const flags = collate([true, false]);
  same<Same<typeof flags, HostTensor<"bool">>>(true);
  assertEquals(plain(flags), ["bool", [2], [1, 0]]);
  const names = collate(["a", "b"]);
  same<Same<typeof names, string[]>>(true);
  assertEquals(names, ["a", "b"]);
  assertEquals(plain(collate([Float32Array.of(1, 2), Float32Array.of(3, 4)])), ["f32", [2, 2], [1, 2, 3, 4]]);
  assertEquals(plain(collate([Float64Array.of(0.1)])), ["f32", [1, 1], [Math.fround(0.1)]]);
  assertEquals(plain(collate([Int16Array.of(-7), Int16Array.of(7)])), ["i32", [2, 1], [-7, 7]]);
  assertEquals(plain(collate([Uint32Array.of(4294967295)])), ["u32", [1, 1], [4294967295]]);
  assertEquals(plain(collate([Uint8Array.of(1, 2)])), ["u8", [1, 2], [1, 2]]);
  assertEquals(plain(collate([Uint8ClampedArray.of(1, 2)])), ["u8", [1, 2], [1, 2]]);
});

Deno.test("host tensors of every type gain a first axis", () => {
  const scalar = collate([5, 6].map((n) => hostTensor(Int32Array.of(n), { dtype: "i32", shape: [] })));
  assertEquals(plain(scalar), ["i32", [2], [5, 6]]);
  const half = f16ArrayOf(f32ToF16([1, 2]));
  assertEquals(plain(collate([hostTensor(half, { dtype: "f16", shape: [1, 2] })])), ["f16", [1, 1, 2], [...half]]);
  const bits = f32ToBf16([1]);
  assertEquals(plain(collate([hostTensor(bits, { dtype: "bf16" }), hostTensor(bits, { dtype: "bf16" })])).at(1), [
    2,
    1,
  ]);
  assertEquals(plain(collate([hostTensor(new Float32Array(0), { dtype: "f32", shape: [0, 3] })])), [
    "f32",
    [1, 0, 3],
    [],
  ]);
});

Deno.test("objects and tuples keep their form, however deep", () => {
  type Sample = { x: Float32Array; meta: { id: string; pair: [number, bigint] } };
  const samples: Sample[] = [1, 2].map((n) => ({ x: Float32Array.of(n), meta: { id: `s${n}`, pair: [n, BigInt(n)] } }));
  const batch = collate(samples);
  same<Same<Collated<Sample>["meta"]["pair"], [HostTensor<"f32">, HostTensor<"i32">]>>(true);
  same<Same<Collated<{ a: "x" | "y" }>["a"], string[]>>(true);
  assertEquals(plain(batch.x), ["f32", [2, 1], [1, 2]]);
  assertEquals(batch.meta.id, ["s1", "s2"]);
  assertEquals(batch.meta.pair.map(plain), [["f32", [2], [1, 2]], ["i32", [2], [1, 2]]]);
});

Deno.test("samples that do not fit together are refused with the field and the values", () => {
  const two = (a: unknown, b: unknown) => () => collate([a, b]);
  assertThrows(() => collate([]), TypeError, "one at least, got none");
  assertThrows(
    two({ x: { y: 1 } }, { x: { y: "1" } }),
    TypeError,
    "field x.y must be of one kind in all of them, got number and string",
  );
  assertThrows(
    two([1, Float32Array.of(1)], [1, Float32Array.of(1, 2)]),
    ShapeError,
    "field [1] must have one shape in all of them, got [1] and [2]",
  );
  assertThrows(two({ a: 1 }, { b: 1 }), TypeError, "samples must have the same keys in all of them, a is not");
  assertThrows(two({ a: 1 }, { a: 1, b: 1 }), TypeError, "b is not");
  assertThrows(two([1], [1, 2]), TypeError, "samples must have one length in all of them, got 1 and 2");
  const i32 = hostTensor(Int32Array.of(1), { dtype: "i32" });
  assertThrows(
    two({ x: i32 }, { x: hostTensor(Float32Array.of(1), { dtype: "f32" }) }),
    TypeError,
    "field x must have one dtype in all of them, got i32 and f32",
  );
  for (const odd of [null, undefined, new Map(), new Date(0), () => 1, Uint16Array.of(1), new BigInt64Array(1)]) {
    assertThrows(
      two({ x: odd }, { x: odd }),
      TypeError,
      "Cannot join samples in collate: field x must be host tensors",
    );
  }
  assertThrows(two(2n ** 31n, 0n), TypeError, "must fit in i32, got 2147483648");
});
