import { assertEquals, assertThrows } from "@std/assert";
import {
  adaptiveAvgPool3d,
  adaptiveMaxPool3d,
  avgPool3d,
  type AvgPool3dOptions,
  maxPool3d,
  type MaxPool3dOptions,
  ShapeError,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { at, build, type NDArray } from "../testing/reference.ts";
import { testOp } from "../testing/test_op.ts";

const triple = (value: number | readonly number[] | undefined, fallback: readonly number[]) =>
  value === undefined ? fallback : typeof value === "number" ? [value, value, value] : value;

/** The places inside of a window along an axis, and how many there are with those of the padding. */
type Window = { places: number[]; padded: number };

/** Calls `value` with the places of each window, and how many there are with those of the padding. */
function pooled(
  x: NDArray,
  out: readonly number[],
  window: (o: number, axis: number) => Window,
  value: (places: number[][], padded: number) => number,
): NDArray {
  return build([...x.shape.slice(0, -3), ...out], (index) => {
    const lead = index.slice(0, -3), [deep, down, across] = index.slice(-3).map(window);
    const places = deep.places.flatMap((z) => down.places.flatMap((y) => across.places.map((x) => [...lead, z, y, x])));
    return value(places, deep.padded * down.padded * across.padded);
  });
}

/** Windows that slide. */
function sliding(shape: readonly number[], options: MaxPool3dOptions) {
  const kernel = triple(options.kernelSize, []), stride = triple(options.stride, kernel);
  const padding = triple(options.padding, [0, 0, 0]), dilation = triple(options.dilation, [1, 1, 1]);
  const size = shape.slice(-3);
  const out = size.map((n, i) => {
    const room = n + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1;
    const count = (options.ceilMode ? Math.ceil(room / stride[i]) : Math.floor(room / stride[i])) + 1;
    return options.ceilMode && (count - 1) * stride[i] >= n + padding[i] ? count - 1 : count;
  });
  const window = (o: number, axis: number): Window => {
    const all = Array.from(
      { length: kernel[axis] },
      (_, k) => o * stride[axis] - padding[axis] + k * dilation[axis],
    );
    return {
      places: all.filter((p) => p >= 0 && p < size[axis]),
      padded: all.filter((p) => p < size[axis] + padding[axis]).length,
    };
  };
  return { out, window };
}

/** Windows that divide a volume. */
function dividing(shape: readonly number[], out: readonly number[]) {
  return (o: number, axis: number): Window => {
    const size = shape.slice(-3)[axis], start = Math.floor(o * size / out[axis]);
    const places = Array.from({ length: Math.ceil((o + 1) * size / out[axis]) - start }, (_, i) => start + i);
    return { places, padded: places.length };
  };
}

const largest = (x: NDArray) => (places: number[][]) => Math.max(...places.map((place) => at(x, place)));
const mean = (x: NDArray, count: (inside: number, padded: number) => number) => (places: number[][], padded: number) =>
  places.reduce((sum, place) => sum + at(x, place), 0) / count(places.length, padded);

/** Where the maximum of each window lies in its volume. */
function placeOfLargest(x: NDArray) {
  const [, height, width] = x.shape.slice(-3);
  return (places: number[][]) => {
    const best = places.reduce((a, b) => at(x, b) > at(x, a) ? b : a);
    const [z, y, column] = best.slice(-3);
    return (z * height + y) * width + column;
  };
}

testOp<MaxPool3dOptions>({
  name: "maxPool3d",
  draw: "distinct",
  dtypes: ["f32", "bf16"],
  run: ([x], options) => maxPool3d(x, { ...options, returnIndices: true }),
  reference: ([x], options) => {
    const { out, window } = sliding(x.shape, options);
    return [pooled(x, out, window, largest(x)), pooled(x, out, window, placeOfLargest(x))];
  },
  cases: [
    { inputs: [[2, 3, 4, 6, 5]], attrs: { kernelSize: 2 } },
    { inputs: [[2, 5, 7, 6]], attrs: { kernelSize: 3, stride: 2, padding: 1 } },
    {
      inputs: [[1, 2, 5, 6, 7]],
      attrs: { kernelSize: [2, 3, 2], stride: [1, 2, 3], dilation: [2, 1, 2], ceilMode: true },
    },
  ],
});

testOp<AvgPool3dOptions>({
  name: "avgPool3d",
  run: ([x], options) => avgPool3d(x, options),
  reference: ([x], options) => {
    const { out, window } = sliding(x.shape, options), { divisorOverride, countIncludePad = true } = options;
    return pooled(x, out, window, mean(x, (inside, padded) => divisorOverride ?? (countIncludePad ? padded : inside)));
  },
  cases: [
    { inputs: [[2, 3, 4, 6, 5]], attrs: { kernelSize: 2 } },
    { inputs: [[2, 5, 7, 6]], attrs: { kernelSize: 3, stride: 2, padding: 1, countIncludePad: false, ceilMode: true } },
    { inputs: [[1, 2, 5, 6, 7]], attrs: { kernelSize: [1, 3, 2], padding: [0, 1, 1], stride: 2, divisorOverride: 5 } },
  ],
});

testOp<{ outputSize: [number, number, number] }>({
  name: "adaptiveAvgPool3d and adaptiveMaxPool3d",
  draw: "distinct",
  run: ([x], options) => [adaptiveAvgPool3d(x, options), adaptiveMaxPool3d(x, options)],
  reference: ([x], { outputSize }) => {
    const window = dividing(x.shape, outputSize);
    return [pooled(x, outputSize, window, mean(x, (inside) => inside)), pooled(x, outputSize, window, largest(x))];
  },
  cases: [
    { inputs: [[2, 3, 4, 6, 5]], attrs: { outputSize: [2, 3, 5] } },
    { inputs: [[2, 5, 7, 6]], attrs: { outputSize: [3, 4, 1] } },
  ],
});

gpuTest("pools of volumes check their input", () => {
  assertThrows(() => maxPool3d(zeros([2, 3, 4]), { kernelSize: 2 }), ShapeError, "there must be 4 or 5 axes");
  assertThrows(() => avgPool3d(zeros([1, 2, 3, 4]), { kernelSize: 3 }), ShapeError, "the window must fit");
  assertEquals(adaptiveAvgPool3d(zeros([1, 2, 3, 4]), { outputSize: [null, 1, null] }).shape, [1, 2, 1, 4]);
});
