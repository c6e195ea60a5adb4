import { assertEquals, assertThrows } from "@std/assert";
import {
  fold,
  type FoldOptions,
  grad,
  lpPool2d,
  type LpPool2dOptions,
  maxPool2d,
  maxPool3d,
  maxUnpool2d,
  maxUnpool3d,
  pixelShuffle,
  pixelUnshuffle,
  randn,
  ShapeError,
  sum,
  tensor,
  unfold,
  type UnfoldOptions,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { at, build, type NDArray } from "../testing/reference.ts";
import { testOp } from "../testing/test_op.ts";

const both = (value: number | readonly [number, number] | undefined, fallback: number) =>
  typeof value === "object" ? value : [value ?? fallback, value ?? fallback];

/** Where the patches of an image lie: of each patch and each of its places the row and the column. */
function layout([height, width]: readonly number[], options: UnfoldOptions) {
  const [kernel, dilation, padding, stride] = [
    both(options.kernelSize, 1),
    both(options.dilation, 1),
    both(options.padding, 0),
    both(options.stride, 1),
  ];
  const count = [height, width].map((n, i) =>
    Math.floor((n + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1
  );
  return {
    places: kernel[0] * kernel[1],
    patches: count[0] * count[1],
    of: (place: number, patch: number) => [
      Math.floor(patch / count[1]) * stride[0] + Math.floor(place / kernel[1]) * dilation[0] - padding[0],
      patch % count[1] * stride[1] + place % kernel[1] * dilation[1] - padding[1],
    ],
  };
}

testOp<UnfoldOptions>({
  name: "unfold",
  dtypes: ["f32", "bf16"],
  run: ([x], options) => unfold(x, options),
  reference: ([x], options) => {
    const [n, channels, height, width] = x.shape, { places, patches, of } = layout([height, width], options);
    return build([n, channels * places, patches], ([image, row, patch]) => {
      const [y, column] = of(row % places, patch);
      const inside = y >= 0 && y < height && column >= 0 && column < width;
      return inside ? at(x, [image, Math.floor(row / places), y, column]) : 0;
    });
  },
  cases: [
    { inputs: [[2, 3, 5, 6]], attrs: { kernelSize: [2, 3] } },
    { inputs: [[1, 2, 7, 6]], attrs: { kernelSize: 3, padding: 1, stride: 2 } },
    { inputs: [[2, 1, 6, 7]], attrs: { kernelSize: 2, dilation: [3, 2], padding: [1, 0], stride: [1, 2] } },
  ],
});

testOp<FoldOptions>({
  name: "fold",
  run: ([x], options) => fold(x, options),
  reference: ([x], options) => {
    const [height, width] = both(options.outputSize, 1), { places, patches, of } = layout([height, width], options);
    const [n, rows] = x.shape;
    const y = build([n, rows / places, height, width], () => 0);
    for (let image = 0; image < n; image++) {
      for (let row = 0; row < rows; row++) {
        for (let patch = 0; patch < patches; patch++) {
          const [i, j] = of(row % places, patch);
          if (i < 0 || i >= height || j < 0 || j >= width) continue;
          const channel = image * rows / places + Math.floor(row / places);
          y.data[(channel * height + i) * width + j] += at(x, [image, row, patch]);
        }
      }
    }
    return y;
  },
  cases: [
    { inputs: [[2, 12, 20]], attrs: { outputSize: [5, 6], kernelSize: [2, 2] } },
    { inputs: [[1, 18, 12]], attrs: { outputSize: [7, 6], kernelSize: 3, padding: 1, stride: 2 } },
  ],
});

testOp<LpPool2dOptions>({
  name: "lpPool2d",
  draw: "positive",
  run: ([x], options) => lpPool2d(x, options),
  reference: ([x], { normType, kernelSize, stride }) => {
    const kernel = both(kernelSize, 1), step = both(stride, kernel[0]);
    const size = x.shape.slice(-2).map((n, i) => Math.floor((n - kernel[i]) / step[i]) + 1);
    return build([...x.shape.slice(0, -2), ...size], (index) => {
      let total = 0;
      for (let i = 0; i < kernel[0]; i++) {
        for (let j = 0; j < kernel[1]; j++) {
          const place = [...index.slice(0, -2), index.at(-2)! * step[0] + i, index.at(-1)! * step[1] + j];
          total += at(x, place) ** normType;
        }
      }
      return total ** (1 / normType);
    });
  },
  cases: [
    { inputs: [[2, 3, 6, 8]], attrs: { normType: 2, kernelSize: 2 } },
    { inputs: [[1, 7, 6]], attrs: { normType: 3, kernelSize: 3, stride: 2 } },
  ],
});

gpuTest("pixels become channels and back", async () => {
  const x = randn([2, 8, 3, 5], { requiresGrad: true });
  const y = pixelShuffle(x, { upscaleFactor: 2 });
  const [from, to] = [await x.data(), await y.data()];
  for (const [c, i, j] of [[0, 0, 0], [1, 5, 9], [0, 3, 4], [1, 2, 7]]) {
    const channel = c * 4 + i % 2 * 2 + j % 2;
    assertEquals(to[(c * 6 + i) * 10 + j], from[(channel * 3 + Math.floor(i / 2)) * 5 + Math.floor(j / 2)]);
  }
  assertEquals(await pixelUnshuffle(y, { downscaleFactor: 2 }).data(), from);
  const [g] = grad(sum(y), [x]);
  assertEquals(new Set(await g!.data()), new Set([1]));
  assertThrows(() => pixelShuffle(zeros([3, 2, 2]), { upscaleFactor: 2 }), ShapeError, "a multiple of 2²");
  assertThrows(() => pixelUnshuffle(zeros([1, 3, 2]), { downscaleFactor: 2 }), ShapeError, "multiples of 2");
});

gpuTest("maxima go back to where they lay", async () => {
  const x = tensor([[[1, 5, 2, 0], [3, 4, 8, 7]]], { dtype: "f32" });
  const [y, places] = maxPool2d(x, { kernelSize: 2, returnIndices: true });
  const values = y.detach().requiresGrad_();
  const back = maxUnpool2d(values, places, { kernelSize: 2 });
  assertEquals(await back.array(), [[[0, 5, 0, 0], [0, 0, 8, 0]]]);
  const [g] = grad(back, [values], { gradOutputs: tensor([[[1, 2, 3, 4], [5, 6, 7, 8]]], { dtype: "f32" }) });
  assertEquals(await g!.array(), [[[2, 7]]]);
  const odd = maxUnpool2d(y, places, { kernelSize: 2, outputSize: [3, 4] });
  assertEquals(odd.shape, [1, 3, 4]);
  assertThrows(
    () => maxUnpool2d(y, places, { kernelSize: 2, outputSize: [5, 4] }),
    RangeError,
    "less than a stride away from [2, 4], got [5, 4]",
  );
  const [deep, there] = maxPool3d(randn([2, 4, 4, 4]), { kernelSize: 2, returnIndices: true });
  const whole = maxUnpool3d(deep, there, { kernelSize: 2 });
  const [again, same] = maxPool3d(whole, { kernelSize: 2, returnIndices: true });
  const kept = (await deep.data()).map((value) => Math.max(value, 0));
  assertEquals(await again.data(), kept);
  const positive = await deep.data(), [a, b] = [await there.data(), await same.data()];
  assertEquals(a.filter((_, i) => positive[i] > 0), b.filter((_, i) => positive[i] > 0));
});

gpuTest("patches that do not fit are refused", () => {
  const x: NDArray["shape"] = [1, 2, 3, 3];
  assertThrows(() => unfold(zeros([...x]), { kernelSize: 4 }), ShapeError, "a patch must fit into the padded image");
  assertThrows(() => unfold(zeros([3]), { kernelSize: 1 }), ShapeError, "there must be 3 or 4 axes");
  assertThrows(() => unfold(zeros([...x]), { kernelSize: 2, stride: 0 }), RangeError, "stride must be a whole number");
  assertThrows(() => fold(zeros([1, 5, 4]), { outputSize: 3, kernelSize: 2 }), ShapeError, "a multiple of 4 rows");
});

gpuTest("patches: options that do not exist, are missing or are no sizes are refused", () => {
  const image = zeros([1, 1, 4, 4]), columns = zeros([1, 4, 9]);
  const wrong: [() => unknown, string][] = [
    [() => unfold(image, { kernelSize: 2, pading: 1 } as never), "there is no option pading, padding is the nearest"],
    [() => unfold(image, {} as never), "Cannot take patches in unfold: the option kernelSize is missing"],
    [() => unfold(image, 2 as never), "options must be an object such as { kernelSize: 2 }, got 2"],
    [() => unfold(image, { kernelSize: "2" } as never), 'kernelSize must be a whole number from 1 on, or two, got "2"'],
    [
      () => unfold(image, { kernelSize: [2, 2, 2] } as never),
      "kernelSize must be a whole number from 1 on, or two, got [2, 2, 2]",
    ],
    [() => unfold(image, { kernelSize: 2, stride: 0 }), "stride must be a whole number from 1 on, or two, got 0"],
    [() => fold(columns, { outputSize: 4, kernelSize: 2, output_size: 4 } as never), "there is no option output_size"],
    [() => fold(columns, { kernelSize: 2 } as never), "put patches together in fold: the option outputSize is missing"],
  ];
  for (const [call, message] of wrong) assertThrows(call, Error, message);
});
