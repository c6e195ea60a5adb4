import { assertEquals, assertThrows } from "@std/assert";
import { argsort, type DType, sort, type SortOptions, tensor, topk } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { at, build, type NDArray, random } from "../../testing/reference.ts";
import { testOp } from "../../testing/test_op.ts";

/** The places of each row in order: NaN is the largest, equal ones keep their order. */
function places(x: NDArray, dim: number, descending: boolean): (index: readonly number[]) => number {
  const n = x.shape[dim], cache = new Map<string, number[]>();
  const rank = (v: number) => Number.isNaN(v) ? Infinity : v === Infinity ? Number.MAX_VALUE : v;
  return (index) => {
    const key = index.filter((_, d) => d !== dim).join();
    let order = cache.get(key);
    if (order === undefined) {
      const value = (i: number) => rank(at(x, index.map((k, d) => d === dim ? i : k)));
      const sign = descending ? -1 : 1;
      const compare = (a: number, b: number) => value(a) === value(b) ? a - b : sign * (value(a) < value(b) ? -1 : 1);
      cache.set(key, order = Array.from({ length: n }, (_, i) => i).sort(compare));
    }
    return order[index[dim]];
  };
}

function sorted(x: NDArray, dim: number, descending: boolean, kept = x.shape[dim]): [NDArray, NDArray] {
  const shape = x.shape.map((n, d) => d === dim ? kept : n), place = places(x, dim, descending);
  return [
    build(shape, (index) => at(x, index.map((k, d) => d === dim ? place(index) : k))),
    build(shape, (index) => place(index)),
  ];
}

testOp<{ dim: number; descending?: boolean }>({
  name: "sort",
  draw: "distinct",
  dtypes: ["f32", "f16", "bf16"],
  run: ([x], options) => sort(x, options),
  reference: ([x], { dim, descending = false }) => sorted(x, dim, descending),
  cases: [
    { inputs: [[4, 9]], attrs: { dim: 1 } },
    { inputs: [[17, 3]], attrs: { dim: 0, descending: true } },
    { inputs: [[2, 5, 3]], attrs: { dim: 1 } },
    { inputs: [[3, 65]], attrs: { dim: 1 } },
    { inputs: [[1, 1]], attrs: { dim: 1 } },
    { inputs: [[2, 0]], attrs: { dim: 1 } },
    { inputs: [[1, 5000]], attrs: { dim: 1, descending: true }, large: true },
  ],
});

testOp<{ k: number; dim: number; largest?: boolean }>({
  name: "topk",
  draw: "distinct",
  dtypes: ["f32", "bf16"],
  run: ([x], { k, ...options }) => topk(x, k, options),
  reference: ([x], { k, dim, largest = true }) => sorted(x, dim, largest, k),
  cases: [
    { inputs: [[4, 9]], attrs: { k: 3, dim: 1 } },
    { inputs: [[9, 4]], attrs: { k: 4, dim: 0, largest: false } },
    { inputs: [[2, 257]], attrs: { k: 7, dim: 1 } },
    { inputs: [[2, 5]], attrs: { k: 0, dim: 1 } },
    { inputs: [[2, 5000]], attrs: { k: 5, dim: 1 }, large: true },
  ],
});

gpuTest("sort: ties, NaN, infinities, signed zeros and whole numbers, in short and long rows", async () => {
  const draws = random(12);
  for (const dtype of ["f32", "i32", "u32", "bool"] as DType[]) {
    for (const length of [12, 6000]) {
      const pick = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 2 ** 24, -(2 ** 24)];
      const host = Float64Array.from(
        { length },
        () =>
          dtype === "f32"
            ? pick[draws.below(pick.length)]
            : dtype === "bool"
            ? draws.below(2)
            : draws.below(9) * (dtype === "i32" ? -3 : 3),
      );
      const x = tensor(dtype === "f32" ? Float32Array.from(host) : Int32Array.from(host), { dtype });
      for (const descending of [false, true]) {
        const options: SortOptions = { descending, stable: true };
        const [values, indices] = sort(x, options);
        const [wantValues, wantIndices] = sorted({ shape: [length], data: host }, 0, descending);
        assertEquals(Array.from(await indices.data()), Array.from(wantIndices.data), `${dtype} ${length}`);
        assertEquals(Array.from(await values.data()), Array.from(wantValues.data), `${dtype} ${length}`);
      }
    }
  }
  assertEquals(await argsort(tensor([3, 1, 2])).array(), [1, 2, 0]);
  assertEquals(await sort(tensor(5)).at(0)!.array(), 5);
  assertThrows(() => topk(tensor([1, 2]), 3), RangeError, "k must be from 0 to 2, got 3");
});
