import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  grad,
  logSoftmax,
  mul,
  softmax,
  type SoftmaxOptions,
  square,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../mod.ts";
import { testFamilies, testOpInFamilies } from "../../testing/families.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { mapRows, type NDArray, random, total } from "../../testing/reference.ts";
import type { OpCase } from "../../testing/test_op.ts";

const cases: OpCase<SoftmaxOptions>[] = [
  { inputs: [[4, 9]], attrs: { dim: -1 } },
  { inputs: [[5, 7]], attrs: { dim: 0 } },
  { inputs: [[2, 6, 5]], attrs: { dim: 1 } },
  { inputs: [[2, 6, 8]], attrs: { dim: 1 } },
  { inputs: [[3, 1]], attrs: { dim: 1 } },
  { inputs: [[]], attrs: { dim: 0 } },
  { inputs: [[0, 4]], attrs: { dim: 1 } },
  { inputs: [[3, 64]], attrs: { dim: 1 } },
  { inputs: [[9, 63]], attrs: { dim: 1 } },
  { inputs: [[2, 257]], attrs: { dim: 1 } },
  { inputs: [[2, 1028]], attrs: { dim: 1 } },
  { inputs: [[2, 9001]], attrs: { dim: 1 }, large: true },
  { inputs: [[1500, 3]], attrs: { dim: 0 }, large: true },
  { inputs: [[70001, 5]], attrs: { dim: 1 }, large: true },
];

const logarithms = (row: Float64Array) => {
  const top = Math.max(...row);
  const log = Math.log(total([...row].map((v) => Math.exp(v - top))));
  return row.map((v) => v - top - log);
};

// Long columns become rows in the groups family.
const shared = ({ inputs: [shape] }: OpCase<SoftmaxOptions>) => (shape as number[]).some((size) => size >= 32);

testOpInFamilies<SoftmaxOptions>({
  name: "softmax",
  dtypes: ["f32", "f16", "bf16"],
  run: ([x], attrs) => softmax(x, attrs),
  reference: ([x]: NDArray[], { dim }) => mapRows(x, (row) => logarithms(row).map(Math.exp), dim),
  cases,
}, shared);

testOpInFamilies<SoftmaxOptions>({
  name: "logSoftmax",
  dtypes: ["f32", "f16", "bf16"],
  run: ([x], attrs) => logSoftmax(x, attrs),
  reference: ([x]: NDArray[], { dim }) => mapRows(x, logarithms, dim),
  cases,
}, shared);

const NAN = NaN, INF = Infinity;

testFamilies("softmax of rows that are not finite", async () => {
  const row = (...first: number[]) => Array.from({ length: 36 }, (_, i) => first[i] ?? -INF);
  const x = tensor([row(0, 0), row(), row(NAN), row(INF, 0), row(3e38, -3e38), row(1000, 1000)], { dtype: "f32" });
  const head = async (y: Tensor) => (await y.array() as number[][]).map((r) => r.slice(0, 3));
  assertEquals(await head(softmax(x, { dim: 1 })), [
    [0.5, 0.5, 0],
    [NAN, NAN, NAN],
    [NAN, NAN, NAN],
    [NAN, NAN, NAN],
    [1, 0, 0],
    [0.5, 0.5, 0],
  ]);
  const log = await head(logSoftmax(x, { dim: 1 }));
  assertEquals(log[0][2], -INF);
  assertEquals(log[1], [NAN, NAN, NAN]);
  assertEquals(log[2], [NAN, NAN, NAN]);
  assertEquals(log[3], [NAN, NAN, NAN]);
  assertEquals(log[4], [0, -INF, -INF]);
});

gpuTest("the gradient of softmax can be differentiated", async () => {
  const draw = random(5);
  const values = Array.from({ length: 6 }, () => draw.normal());
  const weights = tensor([0.3, -1, 2, 0.5, 0.25, -0.75], { shape: [2, 3] });
  // Σ of squared gradients of Σ w · f(x), in f64 by differences of the exact gradient.
  const exact = (f: "softmax" | "log", x: number[]) => {
    const g = x.map(() => 0), w = [0.3, -1, 2, 0.5, 0.25, -0.75];
    for (const start of [0, 3]) {
      const row = Float64Array.from(x.slice(start, start + 3)), p = logarithms(row).map(Math.exp);
      const dot = total([0, 1, 2].map((i) => w[start + i] * (f === "log" ? 1 : p[i])));
      for (let i = 0; i < 3; i++) g[start + i] = f === "log" ? w[start + i] - p[i] * dot : p[i] * (w[start + i] - dot);
    }
    return total(g.map((v) => v * v));
  };
  for (const [name, op] of [["softmax", softmax], ["log", logSoftmax]] as const) {
    const x = tensor(values, { dtype: "f32", shape: [2, 3], requiresGrad: true });
    const [g] = grad(sum(mul(op(x, { dim: 1 }), weights)), x, { createGraph: true });
    const got = await grad(sum(square(g!)), x)[0]!.data();
    for (let i = 0; i < 6; i++) {
      const moved = (h: number) => exact(name, values.map((v, j) => v + (i === j ? h : 0)));
      const want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
      assert(Math.abs(got[i] - want) < 1e-4, `${name} [${i}]: ${got[i]}, want ${want}`);
    }
  }
});

gpuTest("softmax checks its axis and type", () => {
  assertThrows(() => softmax(zeros([2, 3]), { dim: 2 }), RangeError, "Cannot choose axis 2 in softmax");
  assertThrows(() => logSoftmax(tensor([1, 2]), { dim: 0 }), TypeError, "they are i32");
});
