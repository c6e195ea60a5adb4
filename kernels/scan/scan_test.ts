import { assertEquals, assertThrows } from "@std/assert";
import {
  cummax,
  cummin,
  cumprod,
  cumsum,
  grad,
  logcumsumexp,
  narrow,
  type ScanOptions,
  softmax,
  sum,
  tensor,
  zeros,
} from "../../mod.ts";
import { testFamilies, testOpInFamilies } from "../../testing/families.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { mapRows } from "../../testing/reference.ts";
import type { OpCase } from "../../testing/test_op.ts";

const CASES: OpCase<ScanOptions>[] = [
  { inputs: [[4, 6, 5]], attrs: { dim: 0 } },
  { inputs: [[4, 6, 5]], attrs: { dim: 1 } },
  { inputs: [[4, 6, 8]], attrs: { dim: 1 } },
  { inputs: [[4, 6, 5]], attrs: { dim: -1 } },
  { inputs: [[]], attrs: { dim: 0 } },
  { inputs: [[2, 0, 3]], attrs: { dim: 1 } },
  { inputs: [[2, 257]], attrs: { dim: 1 } },
  { inputs: [[1500]], attrs: { dim: 0 } },
  { inputs: [[700, 4]], attrs: { dim: 0 } },
  { inputs: [[3, 20011]], attrs: { dim: 1 }, large: true },
  { inputs: [[5000, 12]], attrs: { dim: 0 }, large: true },
];

testOpInFamilies<ScanOptions>({
  name: "cumsum",
  dtypes: ["f32", "f16"],
  run: ([x], attrs) => cumsum(x, attrs),
  reference: ([x], { dim }) => {
    return mapRows(x, (row) => {
      let sum = 0;
      return row.map((v) => sum += v);
    }, dim);
  },
  cases: CASES,
});

testOpInFamilies<ScanOptions>({
  name: "cumprod",
  dtypes: ["f32", "f16"],
  run: ([x], attrs) => cumprod(x, attrs),
  reference: ([x], { dim }) => {
    return mapRows(x, (row) => {
      let product = 1;
      return row.map((v) => product *= v);
    }, dim);
  },
  // Products of thousands of factors stay near 1.
  draw: { low: 0.995, high: 1.005 },
  cases: CASES,
});

testOpInFamilies<ScanOptions>({
  name: "logcumsumexp",
  dtypes: ["f32", "f16"],
  run: ([x], attrs) => logcumsumexp(x, attrs),
  reference: ([x], { dim }) => {
    return mapRows(x, (row) => {
      let total = -Infinity;
      return row.map((v) => {
        const high = Math.max(total, v);
        return total = high + Math.log(Math.exp(total - high) + Math.exp(v - high));
      });
    }, dim);
  },
  cases: CASES,
});

for (
  const [name, run, better] of [
    ["cummax", cummax, (a: number, b: number) => a >= b],
    ["cummin", cummin, (a: number, b: number) => a <= b],
  ] as const
) {
  testOpInFamilies<ScanOptions>({
    name,
    dtypes: ["f32", "f16"],
    run: ([x], attrs) => run(x, attrs)[0],
    reference: ([x], { dim }) => {
      return mapRows(x, (row) => {
        let best = row[0];
        return row.map((v) => best = better(v, best) ? v : best);
      }, dim);
    },
    draw: "distinct",
    cases: CASES,
  });
}

testFamilies("extremes so far keep the last of equals, take up NaN, and count in whole numbers", async () => {
  const x = tensor([2, 1, NaN, 5, NaN, 7], { dtype: "f32" });
  const [high, highAt] = cummax(x, { dim: 0 });
  assertEquals(await high.array(), [2, 2, NaN, NaN, NaN, NaN]);
  assertEquals(await highAt.array(), [0, 0, 2, 2, 4, 4]);
  const [low, lowAt] = cummin(x, { dim: 0 });
  assertEquals(await low.array(), [2, 1, NaN, NaN, NaN, NaN]);
  assertEquals(await lowAt.array(), [0, 1, 2, 2, 4, 4]);
  assertEquals(await cummax(tensor([0.5, -0, 0, 0.5]), { dim: 0 })[1].array(), [0, 0, 0, 3]);
  assertEquals(await cummin(tensor([0, -0, 1.5]), { dim: 0 })[1].array(), [0, 1, 1]);
  assertEquals(await cummax(tensor([-5, -7, 3, -2147483648]), { dim: 0 })[0].array(), [-5, -5, 3, 3]);
  assertEquals(await cummin(tensor([-5, -7, 3, -2147483648]), { dim: 0 })[1].array(), [0, 1, 1, 3]);
  const long = tensor(Int32Array.from({ length: 3000 }, (_, i) => i % 1000));
  assertEquals((await cummax(long, { dim: 0 })[1].data())[2998], 1999);
  assertEquals(await cummin(tensor([-Infinity, Infinity]), { dim: 0 })[1].array(), [0, 0]);
});

testFamilies("sums so far count whole numbers and booleans exactly", async () => {
  const ones = tensor(new Int32Array(3000).fill(1));
  assertEquals(await cumsum(ones, { dim: 0 }).data(), Int32Array.from({ length: 3000 }, (_, i) => i + 1));
  const b = tensor([true, false, true, true]);
  assertEquals(cumsum(b, { dim: 0 }).dtype, "i32");
  assertEquals(await cumsum(b, { dim: 0 }).array(), [1, 1, 2, 3]);
  assertEquals(await cumsum(tensor([1, NaN, 2], { dtype: "f32" }), { dim: 0 }).array(), [1, NaN, NaN]);
});

testFamilies("products so far: whole numbers, and gradients at one zero and at two", async () => {
  assertEquals(await cumprod(tensor([1, -2, 3]), { dim: 0 }).array(), [1, -2, -6]);
  assertEquals(await cumprod(tensor([true, true, false, true]), { dim: 0 }).array(), [1, 1, 0, 0]);
  const gradient = async (values: number[]) => {
    const x = tensor(Float32Array.from(values), { requiresGrad: true });
    return await grad(sum(cumprod(x, { dim: 0 })), x)[0]!.array();
  };
  // 2 + 2·0 + 2·0·3 + …: what is behind a zero counts for the zero alone.
  assertEquals(await gradient([2, 0, 3, 4]), [1, 2 + 6 + 24, 0, 0]);
  assertEquals(await gradient([2, 0, 3, 0, 5]), [1, 2 + 6, 0, 0, 0]);
});

gpuTest("products so far have second derivatives where nothing is 0", async () => {
  const x = tensor([2, 3, 5], { dtype: "f32", requiresGrad: true });
  const [first] = grad(sum(cumprod(x, { dim: 0 })), x, { createGraph: true });
  assertEquals(await first!.array(), [1 + 3 + 15, 2 + 10, 6]);
  const [second] = grad(sum(first!), x);
  assertEquals((await second!.data()).map((v) => Math.round(v * 1e4) / 1e4), Float32Array.of(9, 8, 5));
});

gpuTest("logarithms of sums so far neither overflow nor lose masked elements", async () => {
  const x = tensor([-Infinity, 1000, 1000, -Infinity], { requiresGrad: true, dtype: "f32" });
  const y = logcumsumexp(x, { dim: 0 });
  assertEquals([...await y.data()].map((v) => Math.round(v * 1e3) / 1e3), [-Infinity, 1000, 1000.693, 1000.693]);
  const [slope] = grad(sum(y), x);
  assertEquals([...await slope!.data()].map((v) => Math.round(v * 1e3) / 1e3), [0, 2, 1, 0]);
});

gpuTest("results that grow along an axis check what they are given", () => {
  for (const run of [cummax, cummin, cumprod, cumsum, logcumsumexp]) {
    assertThrows(() => run(zeros([2]), { dim: 1 }), RangeError, `Cannot choose axis 1 in ${run.name}`);
    assertThrows(() => run(zeros([2]), { axis: 0 } as unknown as ScanOptions), TypeError, "no option axis");
  }
  assertThrows(() => cummax(tensor([true]), { dim: 0 }), TypeError, "elements must be numbers");
  assertThrows(() => logcumsumexp(tensor([1]), { dim: 0 }), TypeError, "floating-point");
});

gpuTest("an option that is missing is named", () => {
  const x = zeros([2, 3]);
  // As JavaScript may call it.
  const call = (fn: (...args: never[]) => unknown, ...args: unknown[]) => () =>
    (fn as (...args: unknown[]) => unknown)(...args);
  for (const fn of [cumsum, cumprod, logcumsumexp]) {
    for (const options of [{}, { dim: undefined }, undefined]) {
      assertThrows(call(fn, x, options), TypeError, `Cannot compute ${fn.name}: the option dim is missing`);
    }
  }
  assertThrows(call(softmax, x, {}), TypeError, "softmax: the option dim is missing");
  assertThrows(call(narrow, x, { dim: 0 }), TypeError, "Cannot compute narrow: the options start, length are missing");
  assertThrows(call(narrow, x, { axis: 0 }), TypeError, "there is no option axis");
});
