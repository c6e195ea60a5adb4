import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  batchNorm,
  type BatchNormOptions,
  grad,
  mul,
  ones,
  relu,
  ShapeError,
  square,
  sum,
  type Tensor,
  tensor,
  to,
  zeros,
} from "../../mod.ts";
import { testFamilies, testOpInFamilies } from "../../testing/families.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { array, build, type NDArray, random, total } from "../../testing/reference.ts";
import { type OpCase, testOp } from "../../testing/test_op.ts";

type Attrs = Pick<BatchNormOptions, "eps">;

/** The elements of a channel. */
function channel(x: NDArray, c: number): number[] {
  const [, channels] = x.shape;
  const area = x.shape.slice(2).reduce((a, b) => a * b, 1);
  return [...x.data].filter((_, i) => Math.floor(i / area) % channels === c);
}

const meanOf = (values: number[]) => total(values) / values.length;
const varianceOf = (values: number[], correction = 0) =>
  total(values.map((v) => (v - meanOf(values)) ** 2)) / (values.length - correction);

function normalised(
  x: NDArray,
  mean: number[],
  variance: number[],
  eps: number,
  weight?: NDArray,
  bias?: NDArray,
): NDArray {
  let i = 0;
  return build(x.shape, (index) => {
    const c = index[1];
    return (x.data[i++] - mean[c]) / Math.sqrt(variance[c] + eps) * (weight?.data[c] ?? 1) + (bias?.data[c] ?? 0);
  });
}

const shapes: number[][] = [[8, 5], [9, 8], [4, 3, 7], [3, 4, 5, 6], [2, 3, 8, 8], [2, 3, 3, 4, 2], [700, 4], [
  70,
  3,
  5,
]];
const long: number[][] = [[2, 3, 40, 41], [1500, 12], [1, 2, 64, 64]];

function cases(inputs: number): OpCase<Attrs>[] {
  return [...shapes, ...long].map((shape) => ({
    inputs: [shape, ...new Array(inputs).fill([shape[1]])],
    attrs: { eps: 1e-3 },
    large: long.includes(shape),
  }));
}

testOpInFamilies<Attrs>({
  name: "batchNorm in training",
  dtypes: ["f32", "bf16"],
  run: ([x, weight, bias], attrs) => batchNorm(x, { ...attrs, weight, bias, training: true }),
  reference: ([x, weight, bias], { eps }) => {
    const channels = Array.from({ length: x.shape[1] }, (_, c) => channel(x, c));
    return normalised(x, channels.map(meanOf), channels.map((v) => varianceOf(v)), eps!, weight, bias);
  },
  cases: [...cases(2), ...cases(0).slice(0, 4)],
}, ({ inputs: [shape] }) => (shape as number[]).slice(2).reduce((a, b) => a * b, 1) >= 32);

const statistic = (shape: number[]) => ({ shape, draw: "positive" as const, grad: false });

testOp<Attrs>({
  name: "batchNorm in evaluation",
  dtypes: ["f32", "f16"],
  run: ([x, runningMean, runningVar, weight, bias], attrs) =>
    batchNorm(x, { ...attrs, runningMean, runningVar, weight, bias }),
  reference: ([x, mean, variance, weight, bias], { eps }) =>
    normalised(x, [...mean.data], [...variance.data], eps!, weight, bias),
  cases: shapes.flatMap((shape) => {
    const running = [statistic([shape[1]]), statistic([shape[1]])];
    return [
      { inputs: [shape, ...running, [shape[1]], [shape[1]]], attrs: { eps: 1e-5 } },
      { inputs: [shape, ...running], attrs: { eps: 1e-2 } },
    ];
  }),
});

testFamilies("running statistics change in place, by the unbiased variance", async () => {
  const draw = random(17);
  for (const shape of [[6, 3], [5, 4], [4, 3, 8, 5], [2, 2, 1500]]) {
    const x = array(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.fround(50 + draw.normal())),
    );
    for (const dtype of ["f32", "bf16"] as const) {
      const runningMean = to(ones([shape[1]]), dtype), runningVar = to(zeros([shape[1]]), dtype);
      const before = mul(runningMean, 2);
      batchNorm(tensor(Float32Array.from(x.data), { shape }), {
        runningMean,
        runningVar,
        training: true,
        momentum: 0.25,
      });
      const mean = await runningMean.data(), variance = await runningVar.data();
      const near = dtype === "f32" ? 1e-5 : 2 ** -8;
      for (let c = 0; c < shape[1]; c++) {
        const values = channel(x, c);
        const [m, v] = [0.75 + 0.25 * meanOf(values), 0.25 * varianceOf(values, 1)];
        assertAlmostEquals(mean[c], m, near * m);
        assertAlmostEquals(variance[c], v, near * v);
      }
      // What was computed from the old value still is.
      assertEquals([...await before.data()], new Array(shape[1]).fill(2));
    }
  }
});

gpuTest("a channel far from zero keeps its precision", async () => {
  const draw = random(23);
  const x = array([64, 2, 9], Array.from({ length: 64 * 18 }, () => Math.fround(1e4 + draw.normal())));
  const y = await batchNorm(tensor(Float32Array.from(x.data), { shape: [64, 2, 9] }), { training: true }).data();
  const want = normalised(
    x,
    [0, 1].map((c) => meanOf(channel(x, c))),
    [0, 1].map((c) => varianceOf(channel(x, c))),
    1e-5,
  );
  for (let i = 0; i < y.length; i++) assertAlmostEquals(y[i], want.data[i], 2e-3);
});

gpuTest("normalisation fuses with what follows", async (device) => {
  const x = tensor(new Float32Array(64).map((_, i) => i), { shape: [2, 2, 4, 4] });
  const runningMean = zeros([2]), runningVar = ones([2]), weight = ones([2]), bias = zeros([2]);
  await device.sync();
  const before = device.recorder.counts.dispatches;
  const y = relu(batchNorm(x, { runningMean, runningVar, weight, bias }));
  void y.storage.buffer;
  // The four constants are recorded on first use; normalisation and ReLU are one kernel.
  assertEquals(device.recorder.counts.dispatches - before, 5);
  assertEquals((await y.data())[63], Math.fround(63 / Math.sqrt(1 + 1e-5)));
});

gpuTest("gradients of gradients agree with differences, in training and in evaluation", async () => {
  const draw = random(41);
  const list = (n: number) => Array.from({ length: n }, () => draw.normal());
  const values = list(24), direction = list(24), out = tensor(list(24), { dtype: "f32", shape: [4, 2, 3] });
  const weight = tensor([0.5, -2], { dtype: "f32" });
  for (const training of [true, false]) {
    const running = training ? {} : { runningMean: tensor([0.5, 1], { dtype: "f32" }), runningVar: ones([2]) };
    const f = (x: Tensor) => sum(mul(square(batchNorm(x, { weight, training, ...running })), out));
    const gradient = (x: Tensor, createGraph: boolean) => grad(f(x), x, { createGraph })[0]!;
    const at = (h: number) =>
      tensor(values.map((v, i) => v + h * direction[i]), { dtype: "f32", shape: [4, 2, 3], requiresGrad: true });
    const x = at(0), composed = gradient(x, true);
    const same = await composed.data(), fused = await gradient(x, false).data();
    for (let i = 0; i < 24; i++) assertAlmostEquals(fused[i], same[i], 2e-5);
    const got = total([...await grad(sum(square(composed)), x)[0]!.data()].map((g, i) => g * direction[i]));
    const energy = async (h: number) => total((await gradient(at(h), false).data()).map((g) => g * g));
    const want = (await energy(1e-2) - await energy(-1e-2)) / 2e-2;
    assert(Math.abs(got - want) < 5e-3 * Math.max(1, Math.abs(want)), `training ${training}: ${got}, want ${want}`);
  }
});

gpuTest("batchNorm checks what it is given", () => {
  const statistics = { runningMean: zeros([3]), runningVar: ones([3]) };
  assertThrows(() => batchNorm(zeros([1, 3]), { ...statistics, training: true }), ShapeError, "more than one value");
  assertThrows(() => batchNorm(zeros([3]), { training: true }), ShapeError, "axes for samples and channels");
  assertThrows(() => batchNorm(zeros([2, 4]), statistics), ShapeError, "each of the 4 channels");
  assertThrows(() => batchNorm(zeros([2, 3])), TypeError, "needs runningMean and runningVar");
  assertThrows(() => batchNorm(zeros([2, 3]), { runningMean: zeros([3]) }), TypeError, "given together");
  assertThrows(() => batchNorm(tensor([[1], [2]]), { training: true }), TypeError, "i32");
  assertEquals(batchNorm(zeros([0, 3]), { training: true }).shape, [0, 3]);
});
