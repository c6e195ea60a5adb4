import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  crossEntropy,
  type CrossEntropyOptions,
  grad,
  logSoftmax,
  mul,
  neg,
  nllLoss,
  type NllLossOptions,
  ShapeError,
  square,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../mod.ts";
import { testFamilies, testOpInFamilies } from "../../testing/families.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { at, build, mapRows, type NDArray, random, total } from "../../testing/reference.ts";
import { type OpCase, testOp } from "../../testing/test_op.ts";

type Attrs = Pick<CrossEntropyOptions, "reduction" | "ignoreIndex" | "labelSmoothing">;

const logarithms = (row: Float64Array) => {
  const top = Math.max(...row);
  const log = Math.log(total([...row].map((v) => Math.exp(v - top))));
  return row.map((v) => v - top - log);
};

const axisOf = (x: NDArray) => x.shape.length === 1 ? 0 : 1;

/** −Σ_c q_c w_c log p_c of each sample, for log-probabilities: q is smoothed and, from labels, one at the label. */
function byLabels(logs: NDArray, labels: NDArray, weight: NDArray | undefined, attrs: Attrs): NDArray {
  const { reduction = "mean", ignoreIndex = -100, labelSmoothing = 0 } = attrs;
  const axis = axisOf(logs), classes = logs.shape[axis];
  const w = (c: number) => weight?.data[c] ?? 1;
  let counted = 0;
  const losses = build(labels.shape, (index) => {
    const label = at(labels, index);
    if (label === ignoreIndex) return 0;
    const log = (c: number) => at(logs, index.toSpliced(axis, 0, c));
    counted += w(label);
    const others = total(Array.from({ length: classes }, (_, c) => -w(c) * log(c)));
    return (1 - labelSmoothing) * -w(label) * log(label) + labelSmoothing / classes * others;
  });
  if (reduction === "none") return losses;
  const all = total(losses.data);
  return { shape: [], data: Float64Array.of(reduction === "sum" ? all : all / counted) };
}

const labelsOf = (shape: number[], below: number) => ({ shape, dtype: "i32" as const, draw: { below } });

const ways: Attrs[] = [{}, { reduction: "sum" }, { reduction: "none" }, { ignoreIndex: 2 }, { labelSmoothing: 0.2 }, {
  labelSmoothing: 0.1,
  ignoreIndex: 1,
  reduction: "none",
}];

function cases(attrs: readonly Attrs[]): OpCase<Attrs>[] {
  const list: OpCase<Attrs>[] = [];
  for (const way of attrs) {
    list.push(
      { inputs: [[6, 5], labelsOf([6], 5)], attrs: way },
      { inputs: [[6, 8], labelsOf([6], 8), { shape: [8], draw: "positive", grad: false }], attrs: way },
      { inputs: [[2, 4, 3, 5], labelsOf([2, 3, 5], 4)], attrs: way },
    );
  }
  return [
    ...list,
    { inputs: [[5], labelsOf([], 5)], attrs: {} },
    { inputs: [[3, 65], labelsOf([3], 65)], attrs: {} },
    { inputs: [[40, 36], labelsOf([40], 36), { shape: [36], draw: "positive", grad: false }], attrs: ways.at(-1) },
    { inputs: [[3, 1028], labelsOf([3], 1028)], attrs: { labelSmoothing: 0.1 } },
    { inputs: [[9, 5003], labelsOf([9], 5003)], attrs: {}, large: true },
    { inputs: [[70001, 3], labelsOf([70001], 3)], attrs: {}, large: true },
  ];
}

testOpInFamilies<Attrs>({
  name: "crossEntropy",
  dtypes: ["f32", "f16", "bf16"],
  run: ([x, labels, weight], attrs) => crossEntropy(x, labels, { ...attrs, weight }),
  reference: ([x, labels, weight], attrs) => byLabels(mapRows(x, logarithms, axisOf(x)), labels, weight, attrs),
  cases: cases(ways),
});

testOp<NllLossOptions & Attrs>({
  name: "nllLoss",
  run: ([x, labels, weight], attrs) => nllLoss(x, labels, { ...attrs, weight }),
  reference: ([x, labels, weight], attrs) => byLabels(x, labels, weight, attrs),
  cases: cases(ways.slice(0, 4)).filter(({ attrs }) => !attrs?.labelSmoothing),
});

testOp<Attrs>({
  name: "crossEntropy of probabilities",
  run: ([x, q, weight], attrs) => crossEntropy(x, q, { ...attrs, weight }),
  reference: ([x, q, weight], { reduction = "mean", labelSmoothing = 0 }) => {
    const logs = mapRows(x, logarithms, axisOf(x)), axis = axisOf(x), classes = x.shape[axis];
    const losses = build(x.shape.toSpliced(axis, 1), (index) =>
      total(Array.from({ length: classes }, (_, c) => {
        const place = index.toSpliced(axis, 0, c);
        const target = at(q, place) * (1 - labelSmoothing) + labelSmoothing / classes;
        return -(weight?.data[c] ?? 1) * target * at(logs, place);
      })));
    if (reduction === "none") return losses;
    const all = total(losses.data);
    return { shape: [], data: Float64Array.of(reduction === "sum" ? all : all / losses.data.length) };
  },
  cases: ([{}, { reduction: "none" }, { reduction: "sum", labelSmoothing: 0.1 }] as Attrs[]).flatMap((attrs) => [
    { inputs: [[6, 5], { shape: [6, 5], draw: "positive" as const }], attrs },
    { inputs: [[2, 4, 3], { shape: [2, 4, 3] }, { shape: [4], draw: "positive" as const, grad: false }], attrs },
    { inputs: [[5], { shape: [5] }], attrs },
  ]),
});

testFamilies(
  "labels that are no class: an error where the host knows them, NaN and no other harm where not",
  async () => {
    const x = tensor(Array.from({ length: 3 * 40 }, (_, i) => i % 5), {
      dtype: "f32",
      shape: [3, 40],
      requiresGrad: true,
    });
    assertThrows(() => crossEntropy(x, tensor([0, 40, 1])), RangeError, "labels must be from 0 to 39");
    assertThrows(() => nllLoss(x, tensor([0, -1, 1])), RangeError, "they hold -1");
    const wild = neg(tensor([-3, -40, 7]));
    const losses = crossEntropy(x, wild, { reduction: "none" });
    const read = await losses.array() as number[];
    assert(read[0] > 0);
    assertEquals(read.slice(1), [NaN, NaN]);
    const g = await grad(losses, x, { gradOutputs: tensor([1, 1, 1], { dtype: "f32" }) })[0]!.array() as number[][];
    assert(g[0].every(Number.isFinite));
    assert(g[1].every(Number.isNaN) && g[2].every(Number.isNaN));
    assertEquals(await nllLoss(x, wild).item(), NaN);
  },
);

testFamilies("ignored labels count nothing; with nothing counted the mean is NaN", async () => {
  const row = Array.from({ length: 33 }, (_, i) => i === 4 ? NaN : i / 8);
  const x = tensor([row, row.map((v) => v || 0)], { dtype: "f32", requiresGrad: true });
  const loss = crossEntropy(x, tensor([-100, 3]));
  const value = await loss.item();
  assert(value > 0);
  const [g] = grad(loss, x);
  assertEquals((await g!.array() as number[][])[0], new Array(33).fill(0));
  assertEquals(await crossEntropy(x, tensor([-100, -100])).item(), NaN);
  assertEquals(await crossEntropy(x, tensor([-100, -100]), { reduction: "sum" }).item(), 0);
});

testFamilies("large and infinite scores", async () => {
  const row = (first: number) => [first, ...new Array(35).fill(-1e4)];
  const x = tensor([row(1e4), row(-Infinity), row(Infinity)], { dtype: "f32" });
  const loss = await crossEntropy(x, tensor([0, 0, 0]), { reduction: "none" }).array() as number[];
  assertEquals(loss.slice(0, 2), [0, Infinity]);
  assert(Number.isNaN(loss[2]));
});

gpuTest(
  "the fused loss is that of logSoftmax and nllLoss, its gradient too, and can be differentiated again",
  async () => {
    const draw = random(31);
    const values = Array.from({ length: 4 * 6 }, () => draw.normal());
    const direction = Array.from({ length: 4 * 6 }, () => draw.normal());
    const labels = tensor([1, 5, 2, 0]), weight = tensor([1, 2, 0.5, 1, 1, 3], { dtype: "f32" });
    const losses: [string, (x: Tensor) => Tensor][] = [
      ["crossEntropy", (x) => crossEntropy(x, labels, { weight, ignoreIndex: 2, labelSmoothing: 0.1 })],
      ["crossEntropy sum", (x) => crossEntropy(x, labels, { reduction: "sum" })],
      ["nllLoss", (x) => nllLoss(logSoftmax(x, { dim: 1 }), labels, { weight })],
      ["by sample", (x) => sum(mul(crossEntropy(x, labels, { reduction: "none", weight }), tensor([1, 2, 3, 4])))],
    ];
    for (const [name, f] of losses) {
      const at = (h: number) =>
        tensor(values.map((v, i) => v + h * direction[i]), { dtype: "f32", shape: [4, 6], requiresGrad: true });
      const gradient = (x: Tensor, createGraph: boolean) => grad(f(x), x, { createGraph })[0]!;
      const x = at(0);
      const composed = gradient(x, true);
      const same = await composed.data(), fused = await gradient(x, false).data();
      for (let i = 0; i < 24; i++) assert(Math.abs(fused[i] - same[i]) < 1e-5, `${name}: both ways must agree`);
      const got = total([...await grad(sum(square(composed)), x)[0]!.data()].map((g, i) => g * direction[i]));
      const energy = async (h: number) => total((await gradient(at(h), false).data()).map((g) => g * g));
      const want = (await energy(1e-2) - await energy(-1e-2)) / 2e-2;
      assert(Math.abs(got - want) < 2e-3 * Math.max(1, Math.abs(want)), `${name}: ${got}, want ${want}`);
    }
  },
);

gpuTest("classification losses check what they are given", () => {
  const x = zeros([2, 3]), labels = tensor([0, 1]);
  assertThrows(() => crossEntropy(x, tensor([0, 1, 2])), ShapeError, "[2, 3] and [3]");
  assertThrows(() => crossEntropy(x, zeros([2])), TypeError, 'must be i32, they are f32: to(labels, "i32")');
  assertThrows(() => crossEntropy(x, labels, { weight: zeros([2]) }), ShapeError, "each of the 3 classes");
  assertThrows(() => crossEntropy(x, labels, { labelSmoothing: 2 }), RangeError, "from 0 to 1, got 2");
  assertThrows(() => crossEntropy(labels, labels), TypeError, "floating-point");
  // deno-lint-ignore no-explicit-any -- what a caller without types can do
  assertThrows(() => nllLoss(x, labels, { reduction: "avg" as any }), RangeError, "got avg");
});
