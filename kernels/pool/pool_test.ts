import { assertEquals, assertThrows } from "@std/assert";
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  type AdaptivePool2dOptions,
  avgPool1d,
  avgPool2d,
  type AvgPool2dOptions,
  device,
  grad,
  maxPool1d,
  maxPool2d,
  type MaxPool2dOptions,
  mul,
  randn,
  relu,
  ShapeError,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { array, at, build, type NDArray, random } from "../../testing/reference.ts";
import { testOp } from "../../testing/test_op.ts";

const both = (value: number | readonly number[] | undefined, otherwise: readonly number[]) =>
  value === undefined ? otherwise : typeof value === "number" ? [value, value] : value;

/** The places inside the plane of each window, and how many there are with those of the padding. */
function windows(
  shape: readonly number[],
  options: MaxPool2dOptions,
): { out: number[]; of(o: number, axis: number): { places: number[]; padded: number } } {
  const kernel = both(options.kernelSize, []), stride = both(options.stride, kernel);
  const padding = both(options.padding, [0, 0]), dilation = both(options.dilation, [1, 1]);
  const size = shape.slice(-2);
  const out = size.map((n, i) => {
    const room = n + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1;
    const count = (options.ceilMode ? Math.ceil(room / stride[i]) : Math.floor(room / stride[i])) + 1;
    return options.ceilMode && (count - 1) * stride[i] >= n + padding[i] ? count - 1 : count;
  });
  return {
    out,
    of(o, axis) {
      const start = o * stride[axis] - padding[axis];
      const all = Array.from({ length: kernel[axis] }, (_, k) => start + k * dilation[axis]);
      return {
        places: all.filter((p) => p >= 0 && p < size[axis]),
        padded: all.filter((p) => p < size[axis] + padding[axis]).length,
      };
    },
  };
}

function pooled(
  x: NDArray,
  out: readonly number[],
  value: (lead: readonly number[], oy: number, ox: number) => number,
): NDArray {
  return build([...x.shape.slice(0, -2), ...out], (index) => value(index.slice(0, -2), index.at(-2)!, index.at(-1)!));
}

function maxReference([x]: NDArray[], options: MaxPool2dOptions): [NDArray, NDArray] {
  const { out, of } = windows(x.shape, options);
  const best = (lead: readonly number[], oy: number, ox: number) => {
    const places = of(oy, 0).places.flatMap((y) => of(ox, 1).places.map((x) => [y, x]));
    return places.reduce((a, b) => at(x, [...lead, ...b]) > at(x, [...lead, ...a]) ? b : a);
  };
  return [
    pooled(x, out, (lead, oy, ox) => at(x, [...lead, ...best(lead, oy, ox)])),
    pooled(x, out, (lead, oy, ox) => {
      const [y, column] = best(lead, oy, ox);
      return y * x.shape.at(-1)! + column;
    }),
  ];
}

testOp<MaxPool2dOptions>({
  name: "maxPool2d",
  draw: "distinct",
  dtypes: ["f32", "f16", "bf16"],
  run: ([x], options) => maxPool2d(x, { ...options, returnIndices: true }),
  reference: maxReference,
  cases: [
    { inputs: [[2, 3, 8, 6]], attrs: { kernelSize: 2 } },
    { inputs: [[3, 9, 8]], attrs: { kernelSize: 3, stride: 2, padding: 1 } },
    { inputs: [[1, 2, 7, 7]], attrs: { kernelSize: 3, stride: 1, ceilMode: true } },
    { inputs: [[1, 2, 8, 9]], attrs: { kernelSize: [2, 3], stride: [2, 1], padding: [0, 1] } },
    { inputs: [[1, 1, 9, 9]], attrs: { kernelSize: 2, dilation: 3, stride: 2 } },
    { inputs: [[2, 1, 5, 5]], attrs: { kernelSize: 2, stride: 3 } },
    { inputs: [[1, 1, 1, 257]], attrs: { kernelSize: [1, 2], stride: [1, 1] } },
    { inputs: [[0, 2, 4, 4]], attrs: { kernelSize: 2 } },
  ],
});

type Averaging = AvgPool2dOptions;

testOp<Averaging>({
  name: "avgPool2d",
  dtypes: ["f32", "f16", "bf16"],
  run: ([x], options) => avgPool2d(x, options),
  reference: ([x], options) => {
    const { out, of } = windows(x.shape, options);
    return pooled(x, out, (lead, oy, ox) => {
      const [down, across] = [of(oy, 0), of(ox, 1)];
      let total = 0;
      for (const y of down.places) for (const column of across.places) total += at(x, [...lead, y, column]);
      const places = options.countIncludePad === false
        ? down.places.length * across.places.length
        : down.padded * across.padded;
      return total / (options.divisorOverride ?? places);
    });
  },
  cases: [
    { inputs: [[2, 3, 8, 6]], attrs: { kernelSize: 2 } },
    { inputs: [[3, 9, 8]], attrs: { kernelSize: 3, stride: 2, padding: 1 } },
    { inputs: [[2, 9, 8]], attrs: { kernelSize: 3, stride: 2, padding: 1, countIncludePad: false, ceilMode: true } },
    { inputs: [[1, 2, 8, 7]], attrs: { kernelSize: 3, stride: 2, padding: 1, ceilMode: true } },
    { inputs: [[1, 2, 6, 6]], attrs: { kernelSize: 2, stride: 3, divisorOverride: 3 } },
    { inputs: [[65, 4, 5]], attrs: { kernelSize: [3, 2], stride: [1, 2] } },
  ],
});

/** The places of each part of an axis. */
const part = (o: number, size: number, count: number) => {
  const start = Math.floor(o * size / count), end = Math.ceil((o + 1) * size / count);
  return Array.from({ length: end - start }, (_, i) => start + i);
};

for (const kind of ["Avg", "Max"] as const) {
  testOp<AdaptivePool2dOptions>({
    name: `adaptive${kind}Pool2d`,
    draw: kind === "Max" ? "distinct" : "normal",
    dtypes: ["f32", "bf16"],
    run: ([x], options) => kind === "Max" ? adaptiveMaxPool2d(x, options) : adaptiveAvgPool2d(x, options),
    reference: ([x], { outputSize }) => {
      const [height, width] = x.shape.slice(-2);
      const wanted: readonly (number | null)[] = typeof outputSize === "number" ? [outputSize, outputSize] : outputSize;
      const out = wanted.map((n, i) => n ?? [height, width][i]);
      return pooled(x, out, (lead, oy, ox) => {
        const values = part(oy, height, out[0]).flatMap((y) =>
          part(ox, width, out[1]).map((column) => at(x, [...lead, y, column]))
        );
        return kind === "Max" ? Math.max(...values) : values.reduce((a, b) => a + b, 0) / values.length;
      });
    },
    cases: [
      { inputs: [[2, 3, 7, 9]], attrs: { outputSize: 1 } },
      { inputs: [[2, 3, 7, 9]], attrs: { outputSize: [2, 4] } },
      { inputs: [[3, 7, 9]], attrs: { outputSize: [7, 5] } },
      { inputs: [[1, 1, 8, 6]], attrs: { outputSize: [4, 2] } },
      { inputs: [[1, 2, 3, 4]], attrs: { outputSize: [5, 9] } },
      { inputs: [[1, 2, 3, 4]], attrs: { outputSize: [null, 3] } },
    ],
  });
}

gpuTest("pool: lines are planes of one row", async () => {
  const draws = random(6);
  const x = tensor(Float32Array.from({ length: 78 }, draws.normal), { shape: [2, 3, 13] });
  const plane = tensor(await x.data(), { shape: [2, 3, 1, 13] });
  const same = async (line: Tensor, other: Tensor) => {
    assertEquals(line.shape, [...other.shape.slice(0, 2), other.shape[3]]);
    assertEquals(await line.data(), await other.data());
  };
  const [values, indices] = maxPool1d(x, { kernelSize: 3, stride: 2, padding: 1, returnIndices: true });
  const [want, places] = maxPool2d(plane, { kernelSize: [1, 3], stride: [1, 2], padding: [0, 1], returnIndices: true });
  await same(values, want);
  await same(indices, places);
  await same(
    avgPool1d(x, { kernelSize: [4], stride: [3], ceilMode: true }),
    avgPool2d(plane, { kernelSize: [1, 4], stride: [1, 3], ceilMode: true }),
  );
  await same(adaptiveAvgPool1d(x, { outputSize: 5 }), adaptiveAvgPool2d(plane, { outputSize: [1, 5] }));
  await same(adaptiveMaxPool1d(x, { outputSize: [4] }), adaptiveMaxPool2d(plane, { outputSize: [1, 4] }));
});

gpuTest("pool: gradients differentiate again, ties go to the first, NaN wins", async () => {
  const draws = random(9);
  const x = tensor(Float32Array.from({ length: 72 }, draws.normal), { shape: [2, 6, 6], requiresGrad: true });
  const w = tensor(Float32Array.from({ length: 72 }, draws.normal), { shape: [2, 6, 6] });
  for (
    const pool of [
      (t: Tensor) => maxPool2d(t, { kernelSize: 3, stride: 1 }),
      (t: Tensor) => avgPool2d(t, { kernelSize: 2 }),
    ]
  ) {
    const y = pool(x);
    const v = tensor(Float32Array.from({ length: y.numel }, draws.normal), { shape: y.shape, requiresGrad: true });
    const [g] = grad([y], [x], { gradOutputs: v, createGraph: true });
    const [again] = grad([sum(mul(g!, w))], [v]);
    // The gradient is linear in v, so its own gradient is that of ⟨g, w⟩ / ⟨v, again⟩ = 1.
    const [a, b, c, d] = await Promise.all([g!.data(), w.data(), v.data(), again!.data()]);
    const dot = (p: ArrayLike<number>, q: ArrayLike<number>) =>
      Array.from(p, (n, i) => n * q[i]).reduce((s, n) => s + n, 0);
    assertEquals(Math.abs(dot(a, b) - dot(c, d)) < 1e-4, true);
  }
  const ties = tensor([[[1, 1, 2, 2], [1, 1, 2, NaN]]], { requiresGrad: true });
  const [y, indices] = maxPool2d(ties, { kernelSize: 2, returnIndices: true });
  assertEquals(await y.array(), [[[1, NaN]]]);
  assertEquals(await indices.array(), [[[0, 7]]]);
  const [g] = grad([sum(y)], [ties]);
  assertEquals(await g!.array(), [[[1, 0, 0, 0], [0, 0, 0, 1]]]);
  const low = tensor(array([1, 2, 2], [-Infinity, -Infinity, -Infinity, -Infinity]).data, { shape: [1, 2, 2] });
  assertEquals(await maxPool2d(low, { kernelSize: 2 }).array(), [[[-Infinity]]]);
});

gpuTest("the gradients of a pool and of the activation in front of it are made by one kernel", async () => {
  const x = randn([2, 3, 9, 8], { requiresGrad: true });
  for (const pool of [(t: Tensor) => maxPool2d(t, { kernelSize: 2 }), (t: Tensor) => avgPool2d(t, { kernelSize: 3 })]) {
    const active = relu(x), y = pool(active);
    const dy = randn(y.shape);
    for (const t of [x, active, y, dy]) void t.storage.buffer;
    const [between] = grad([y], [active], { gradOutputs: dy, retainGraph: true });
    const [inner, values] = [await between!.data(), await x.data()];
    const before = device().recorder.counts.dispatches;
    const [dx] = grad([y], [x], { gradOutputs: dy, retainGraph: true });
    void dx!.storage.buffer;
    assertEquals(device().recorder.counts.dispatches - before, 1);
    assertEquals(Array.from(await dx!.data()), Array.from(inner, (g, i) => values[i] > 0 ? g : 0));
  }
});

gpuTest("pool: what does not fit is refused", () => {
  const x = zeros([1, 1, 4, 4]);
  assertThrows(() => maxPool2d(zeros([4, 4]), { kernelSize: 2 }), ShapeError, "there must be 3 or 4 axes");
  assertThrows(() => maxPool2d(x, { kernelSize: 5 }), ShapeError, "the window must fit into the padded input");
  assertThrows(() => maxPool2d(x, { kernelSize: 2, padding: 2 }), RangeError, "at most half the window");
  assertThrows(() => avgPool2d(x, { kernelSize: 2, divisorOverride: 0 }), RangeError, "must not be 0");
  assertThrows(() => avgPool2d(x, { kernelSize: [1, 2, 3] }), RangeError, "got [1, 2, 3]");
  assertThrows(() => avgPool2d(x, { kernelSize: 0 }), RangeError, "from 1 on, or two, got 0");
  assertThrows(() => adaptiveAvgPool2d(zeros([1, 0, 4]), { outputSize: 2 }), ShapeError, "must not be empty");
  assertThrows(() => maxPool2d(zeros([1, 4, 4], { dtype: "i32" }), { kernelSize: 2 }), TypeError, "floating");
});
