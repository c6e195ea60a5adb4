/**
 * Every primitive at the sizes 0, 1, and a prime whose workgroups do not fit into one row, nor into one plane: values
 * and gradients against references in f64. A public function of `kernels/` that no row tests makes this fail.
 */
import { assert, assertEquals } from "@std/assert";
import * as f from "../mod.ts";
import * as kernels from "../kernels/mod.ts";
import type { Tensor } from "../mod.ts";
import { GRU, LSTM, Parameter, RNN } from "../nn/mod.ts";
import { Adadelta, Adafactor, AdamW, Lamb, Lion, Rprop, SGD } from "../optim/mod.ts";
import { EVERYWHERE, PAIRS, UNARY } from "../testing/pointwise_rows.ts";
import { map } from "../testing/reference.ts";
import { LAYER_ROWS } from "../testing/size_layers.ts";
import { SIZE_ROWS } from "../testing/size_rows.ts";
import { checkRow, MANY, onNarrowDevice, type SizeRow } from "../testing/sizes.ts";

const unary: SizeRow[] = UNARY.map(([name, run, reference, draw]) => ({
  name,
  inputs: (n) => [[n]],
  run: ([x]) => run(x),
  reference: ([x]) => map(reference, x),
  draw,
  folds: name !== "pow of 1", // the tensor itself
}));
const binary: SizeRow[] = [...EVERYWHERE, ...PAIRS].map(([name, run, reference, draw]) => ({
  name,
  inputs: (n) => [[n], [n]],
  run: ([a, b]) => run(a, b),
  reference: ([a, b]) => map(reference, a, b),
  draw,
}));

type Test = readonly [f: (a: Tensor, b: Tensor) => Tensor, reference: (a: number, b: number) => number];
const COMPARISONS: Record<string, Test> = {
  eq: [f.eq, (a, b) => Number(a === b)],
  ne: [f.ne, (a, b) => Number(a !== b)],
  lt: [f.lt, (a, b) => Number(a < b)],
  le: [f.le, (a, b) => Number(a <= b)],
  gt: [f.gt, (a, b) => Number(a > b)],
  ge: [f.ge, (a, b) => Number(a >= b)],
  isclose: [(a, b) => f.isclose(a, b), (a, b) => Number(a === b)],
  logicalAnd: [f.logicalAnd, (a, b) => a && b],
  logicalOr: [f.logicalOr, (a, b) => a || b],
  logicalXor: [f.logicalXor, (a, b) => a ^ b],
  logicalNot: [(a) => f.logicalNot(a), (a) => 1 - a],
  bitwiseAnd: [f.bitwiseAnd, (a, b) => a & b],
  bitwiseOr: [f.bitwiseOr, (a, b) => a | b],
  bitwiseXor: [f.bitwiseXor, (a, b) => a ^ b],
  bitwiseNot: [(a) => f.bitwiseNot(a), (a) => ~a],
  bitwiseLeftShift: [f.bitwiseLeftShift, (a, b) => a << b],
  bitwiseRightShift: [f.bitwiseRightShift, (a, b) => a >> b],
  gcd: [f.gcd, (a, b) => a | b],
  lcm: [f.lcm, (a, b) => a & b],
  isfinite: [(a) => f.isfinite(a), () => 1],
  isinf: [(a) => f.isinf(a), () => 0],
  isnan: [(a) => f.isnan(a), () => 0],
  isneginf: [(a) => f.isneginf(a), () => 0],
  isposinf: [(a) => f.isposinf(a), () => 0],
  signbit: [(a) => f.signbit(a), () => 0],
  heaviside: [(a, b) => f.heaviside(f.to(a, "f32"), f.to(b, "f32")), (a, b) => a ? 1 : b],
};
const comparisons: SizeRow[] = Object.entries(COMPARISONS).map(([name, [run, reference]]) => ({
  name,
  inputs: (n) => [0, 1].map(() => ({ shape: [n], dtype: "i32", draw: { below: 2 } })),
  run: ([a, b]) => run(a, b),
  reference: ([a, b]) => map(reference, a, b),
  grad: false,
}));

/** What draws at random: its numbers do not depend on how the dispatch is folded. */
const DRAWN: Record<string, (n: number) => Tensor> = {
  rand: (n) => f.rand([n]),
  randLike: (n) => f.randLike(f.zeros([n])),
  randn: (n) => f.randn([n]),
  randnLike: (n) => f.randnLike(f.zeros([n])),
  randint: (n) => f.randint(0, 1000, [n]),
  randintLike: (n) => f.randintLike(f.zeros([n]), 0, 1000),
  randperm: (n) => f.randperm(n),
  uniform: (n) => f.uniform([n], { low: -1, high: 3 }),
  normal: (n) => f.normal([n], { mean: 2, std: 3 }),
  bernoulli: (n) => f.bernoulli([n], { p: 0.3 }),
  dropout: (n) => f.dropout(f.ones([n])),
  dropout1d: (n) => f.dropout1d(f.ones([n, 2, 3])),
  dropout2d: (n) => f.dropout2d(f.ones([n, 2, 3, 1])),
  dropout3d: (n) => f.dropout3d(f.ones([n, 2, 3, 1, 1])),
  alphaDropout: (n) => f.alphaDropout(f.ones([n])),
  featureAlphaDropout: (n) => f.featureAlphaDropout(f.ones([n, 2, 3])),
};

/** Functions that have no size of their own, with where they are tested. */
const ELSEWHERE: Record<string, string> = {
  increment: "a single number, kernels/counter",
  nonzero: "reads its result, below",
};

const GROUPS: Record<string, { rows: readonly SizeRow[]; families: readonly ("lanes" | "groups")[] }> = {
  "functions of one tensor": { rows: unary, families: ["lanes"] },
  "functions of two tensors": { rows: [...binary, ...comparisons], families: ["lanes"] },
  "reductions, scans, layout, indices": { rows: SIZE_ROWS, families: ["lanes", "groups"] },
  "what layers are made of": { rows: LAYER_ROWS, families: ["lanes", "groups"] },
};

for (const [name, { rows, families }] of Object.entries(GROUPS)) {
  Deno.test({
    name: `sizes 0, 1 and too many for one row of workgroups: ${name}`,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () =>
      onNarrowDevice(async (_, seen) => {
        const wrong: string[] = [];
        for (const row of rows) wrong.push(...await checkRow(row, seen, families));
        assert(wrong.length === 0, `\n  ${wrong.join("\n  ")}`);
      }),
  });
}

Deno.test("sizes 0, 1 and too many for one row of workgroups: random numbers, and reading where something is", async () => {
  await f.init();
  const draw = async () => {
    const all: Record<string, number[][]> = {};
    for (const [name, make] of Object.entries(DRAWN)) {
      all[name] = [];
      for (const n of [0, 1, MANY]) {
        f.manualSeed(3);
        const t = make(n);
        assertEquals(t.shape[0], n, name);
        all[name].push([...await t.data()].map(Number));
        t.dispose();
      }
    }
    return all;
  };
  const wide = await draw();
  await onNarrowDevice(async (_, seen) => {
    assertEquals(await draw(), wide);
    assertEquals([...seen.wrong], []);
    for (const n of [0, 1, MANY]) {
      const x = f.tensor(Int32Array.from({ length: n }, (_, i) => i % 3)), found = await f.nonzero(x);
      assertEquals([...await found.data()], Array.from({ length: n }, (_, i) => i).filter((i) => i % 3 !== 0));
    }
  });
});

Deno.test("sizes 0, 1 and too many for one row of workgroups: optimizers and recurrent layers", async () => {
  await f.init();
  const rules = { SGD, AdamW, Adadelta, Rprop, Lion, Lamb, Adafactor };
  const train = async () => {
    const all: Record<string, number[][]> = {};
    for (const [name, Rule] of Object.entries(rules)) {
      f.manualSeed(5);
      const params = [0, 1, MANY].map((n) => new Parameter(f.randn([n])));
      const optimizer = new Rule(params, { lr: 0.01 });
      for (let i = 0; i < 2; i++) {
        optimizer.zeroGrad();
        f.backward(f.sum(f.cat(params.map((p) => f.mul(p, p)))));
        optimizer.step();
      }
      all[name] = await Promise.all(params.map(async (p) => [...await p.data()]));
      optimizer.zeroGrad();
      optimizer.dispose();
    }
    for (const Layer of [LSTM, GRU, RNN]) {
      f.manualSeed(6);
      using layer = new Layer(3, 5, { batchFirst: true });
      for (const n of [1, 1031]) {
        const x = f.randn([n, 2, 3]), [y] = layer.forward(x);
        f.backward(f.sum(f.square(y)));
        const values = [y, ...layer.parameters().map((p) => p.grad!)];
        all[`${Layer.name} ${n}`] = await Promise.all(values.map(async (t) => [...await t.data()].map(Number)));
        layer.zeroGrad();
      }
    }
    return all;
  };
  const wide = await train();
  for (const [name, values] of Object.entries(wide)) assert(values.flat().every(Number.isFinite), name);
  await onNarrowDevice(async (_, seen) => {
    const narrow = await train();
    for (const name of Object.keys(wide)) assertEquals(narrow[name], wide[name], name);
    assertEquals([...seen.wrong], []);
  });
});

Deno.test("every public function of kernels/ is tested at these sizes", () => {
  const rows = [...unary, ...binary, ...comparisons, ...SIZE_ROWS, ...LAYER_ROWS].map(({ name }) => name.split(" ")[0]);
  const tested = new Set([...rows, ...Object.keys(DRAWN), ...Object.keys(ELSEWHERE)]);
  const functions = Object.entries(kernels).filter(([, value]) => typeof value === "function").map(([name]) => name);
  const missing = functions.filter((name) => !tested.has(name));
  assertEquals(missing, [], "add a row to testing/pointwise_rows.ts, testing/size_rows.ts or testing/size_layers.ts");
});
