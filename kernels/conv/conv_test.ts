import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  autocast,
  conv1d,
  conv2d,
  type Conv2dOptions,
  conv3d,
  type Conv3dOptions,
  convTranspose1d,
  convTranspose2d,
  type ConvTranspose2dOptions,
  convTranspose3d,
  type ConvTranspose3dOptions,
  device,
  grad,
  mul,
  scope,
  ShapeError,
  square,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../mod.ts";
import * as direct from "../../testing/conv_reference.ts";
import { testFamilies } from "../../testing/families.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { array, map, type NDArray, type Random, random, reshape, sizeOf } from "../../testing/reference.ts";
import { assertSnapshot } from "../../testing/snapshot.ts";
import { type OpCase, testOp, valueTolerance } from "../../testing/test_op.ts";
import { TILES } from "../matmul/_groups.ts";
import { withoutBroadcast } from "../matmul/_lanes_plan.ts";
import { PLAIN } from "../matmul/_sink.ts";
import { tapsOfPhase, writeUnfold } from "./_groups.ts";
import { writeImage } from "./_lanes_image.ts";
import { writePlane } from "./_lanes_plane.ts";
import { writePlaneWeight } from "./_lanes_plane_weight.ts";
import { writeWeight } from "./_lanes_weight.ts";

const both = <T>(value: T | readonly [T, T] | undefined, fallback: T): readonly [T, T] =>
  value === undefined ? [fallback, fallback] : value instanceof Array ? value : [value as T, value as T];

/** The reference's slide for the options of conv2d. */
function slideOf({ stride, padding, dilation, groups }: Conv2dOptions, kernel: readonly number[]): direct.Slide {
  const [down, across] = both(dilation as number | [number, number] | undefined, 1);
  if (padding === "same") {
    const ends = (d: number, k: number): [number, number] => [
      Math.floor(d * (k - 1) / 2),
      d * (k - 1) - Math.floor(d * (k - 1) / 2),
    ];
    return { padding: [ends(down, kernel[2]), ends(across, kernel[3])], dilation: [down, across], groups };
  }
  const [top, left] = both(padding === "valid" ? 0 : padding as number | [number, number] | undefined, 0);
  return {
    stride: both(stride as number | [number, number] | undefined, 1),
    padding: [[top, top], [left, left]],
    dilation: [down, across],
    groups,
  };
}

const withBias = (y: NDArray, bias: NDArray | undefined) =>
  bias === undefined ? y : map((a, b) => a + b, y, reshape(bias, [bias.shape[0], ...y.shape.slice(2).map(() => 1)]));

const cases: OpCase<Conv2dOptions>[] = [
  { inputs: [[2, 3, 8, 8], [4, 3, 3, 3], [4]], attrs: {} },
  { inputs: [[2, 3, 9, 7], [5, 3, 3, 3], [5]], attrs: { padding: 1 } },
  { inputs: [[1, 2, 11, 8], [3, 2, 3, 2]], attrs: { stride: [3, 2], padding: [2, 1] } },
  { inputs: [[1, 2, 9, 9], [3, 2, 3, 2], [3]], attrs: { padding: "same", dilation: [2, 3] } },
  { inputs: [[2, 4, 7, 7], [6, 2, 3, 3], [6]], attrs: { groups: 2, padding: 1 } },
  { inputs: [[2, 5, 7, 7], [5, 1, 3, 3]], attrs: { groups: 5, padding: 1, stride: 2 } },
  { inputs: [[2, 6, 5, 5], [7, 6, 1, 1], [7]], attrs: {} },
  { inputs: [[2, 6, 5, 5], [4, 3, 1, 1]], attrs: { groups: 2 } },
  { inputs: [[2, 3, 4, 4], [6, 3, 4, 4], [6]], attrs: {} },
  { inputs: [[0, 3, 4, 4], [6, 3, 3, 3], [6]], attrs: {} },
  { inputs: [[2, 0, 4, 4], [6, 0, 3, 3], [6]], attrs: {} },
];

testOp<Conv2dOptions>({
  name: "conv2d",
  dtypes: ["f32", "f16", "bf16"],
  run: ([x, w, bias], attrs) => conv2d(x, w, { ...attrs, bias }),
  reference: ([x, w, bias], attrs) => withBias(direct.conv(x, w, slideOf(attrs, w.shape)), bias),
  cases,
});

testOp<ConvTranspose2dOptions>({
  name: "convTranspose2d",
  dtypes: ["f32", "bf16"],
  run: ([x, w, bias], attrs) => convTranspose2d(x, w, { ...attrs, bias }),
  reference: ([x, w, bias], { stride, padding, outputPadding, dilation, groups }) => {
    const step = both(stride as number | undefined, 1), pad = both(padding as number | undefined, 0);
    const extra = both(outputPadding as number | undefined, 0), space = both(dilation as number | undefined, 1);
    const size = (axis: 0 | 1) =>
      (x.shape[axis + 2] - 1) * step[axis] - 2 * pad[axis] + space[axis] * (w.shape[axis + 2] - 1) + extra[axis] + 1;
    const shape = [x.shape[0], w.shape[1] * (groups ?? 1), size(0), size(1)];
    const slide = {
      stride: step,
      padding: [[pad[0], pad[0]], [pad[1], pad[1]]] as const,
      dilation: space,
      groups,
    };
    return withBias(direct.convInput(x, w, shape, slide), bias);
  },
  cases: [
    { inputs: [[2, 3, 5, 6], [3, 4, 3, 3], [4]], attrs: {} },
    { inputs: [[1, 3, 5, 4], [3, 2, 3, 3], [2]], attrs: { stride: 2, padding: 1, outputPadding: 1 } },
    { inputs: [[1, 4, 5, 5], [4, 3, 3, 2]], attrs: { groups: 2, dilation: 2, stride: 2 } },
  ],
});

const thrice = (value: number | readonly [number, number, number] | undefined, fallback: number) =>
  typeof value === "object" ? value : [value ?? fallback, value ?? fallback, value ?? fallback];

testOp<Conv3dOptions>({
  name: "conv3d",
  dtypes: ["f32", "f16", "bf16"],
  run: ([x, w, bias], attrs) => conv3d(x, w, { ...attrs, bias }),
  reference: ([x, w, bias], { stride, padding, dilation, groups }) => {
    const zeros = thrice(padding as number | undefined, 0).map((n): [number, number] => [n, n]);
    return withBias(
      direct.conv(x, w, { stride: thrice(stride, 1), padding: zeros, dilation: thrice(dilation, 1), groups }),
      bias,
    );
  },
  cases: [
    { inputs: [[2, 3, 4, 5, 6], [4, 3, 3, 3, 3], [4]], attrs: { padding: 1 } },
    { inputs: [[1, 4, 7, 6, 5], [6, 2, 2, 3, 2]], attrs: { stride: [2, 1, 3], padding: [1, 0, 1], groups: 2 } },
    { inputs: [[1, 2, 7, 5, 8], [3, 2, 3, 2, 3], [3]], attrs: { dilation: [3, 2, 1], padding: [0, 1, 2] } },
    { inputs: [[2, 3, 2, 3, 4], [5, 3, 1, 1, 1], [5]], attrs: {} },
    { inputs: [[2, 3, 2, 3, 4], [5, 3, 2, 3, 4], [5]], attrs: {} },
  ],
});

testOp<ConvTranspose3dOptions>({
  name: "convTranspose3d",
  dtypes: ["f32", "bf16"],
  run: ([x, w, bias], attrs) => convTranspose3d(x, w, { ...attrs, bias }),
  reference: ([x, w, bias], { stride, padding, outputPadding, dilation, groups = 1 }) => {
    const [step, pad, extra, space] = [[stride, 1], [padding, 0], [outputPadding, 0], [dilation, 1]].map((option) =>
      thrice(option[0] as number | undefined, option[1] as number)
    );
    const size = step.map((s, i) =>
      (x.shape[i + 2] - 1) * s - 2 * pad[i] + space[i] * (w.shape[i + 2] - 1) + extra[i] + 1
    );
    const slide = { stride: step, padding: pad.map((n): [number, number] => [n, n]), dilation: space, groups };
    return withBias(direct.convInput(x, w, [x.shape[0], w.shape[1] * groups, ...size], slide), bias);
  },
  cases: [
    { inputs: [[2, 3, 3, 4, 3], [3, 4, 2, 3, 3], [4]], attrs: {} },
    { inputs: [[1, 4, 3, 3, 4], [4, 2, 3, 3, 3], [4]], attrs: { stride: 2, padding: 1, outputPadding: 1, groups: 2 } },
    { inputs: [[1, 2, 3, 2, 3], [2, 3, 3, 2, 2]], attrs: { stride: [1, 3, 2], dilation: [2, 1, 3] } },
  ],
});

testOp<{ stride?: number; padding?: number }>({
  name: "conv1d and convTranspose1d",
  run: ([x, w, v], attrs) => [conv1d(x, w, attrs), convTranspose1d(x, v, attrs)],
  reference: ([x, w, v], { stride = 1, padding = 0 }) => {
    const image = (t: NDArray) => reshape(t, [t.shape[0], t.shape[1], 1, t.shape[2]]);
    const signal = (t: NDArray) => reshape(t, [t.shape[0], t.shape[1], t.shape[3]]);
    const slide = { stride: [1, stride], padding: [[0, 0], [padding, padding]] } as const;
    const length = (x.shape[2] - 1) * stride - 2 * padding + v.shape[2];
    return [
      signal(direct.conv(image(x), image(w), slide)),
      signal(direct.convInput(image(x), image(v), [x.shape[0], v.shape[1], 1, length], slide)),
    ];
  },
  cases: [
    { inputs: [[2, 3, 17], [4, 3, 5], [3, 2, 4]], attrs: { stride: 2, padding: 1 } },
    { inputs: [[1, 2, 9], [3, 2, 1], [2, 2, 3]], attrs: {} },
  ],
});

const drawn = (shape: readonly number[], draws: Random) =>
  array(shape, Float32Array.from({ length: sizeOf(shape) }, draws.normal));
const upload = ({ shape, data }: NDArray, requiresGrad = true) =>
  tensor(Float32Array.from(data), { shape: [...shape], requiresGrad });

async function assertClose(label: string, got: Tensor, want: NDArray): Promise<void> {
  assertEquals(got.shape, want.shape, label);
  const { rtol, atol } = valueTolerance("f32", want.data);
  const values = await got.data();
  for (let i = 0; i < values.length; i++) {
    const off = Math.abs(values[i] - want.data[i]);
    assert(off <= atol + rtol * Math.abs(want.data[i]), `${label} [${i}]: ${values[i]}, want ${want.data[i]}`);
  }
}

/** Compares a convolution and both of its gradients, element by element, with the reference. */
async function compare(x: NDArray, w: NDArray, options: Conv2dOptions, draws: Random): Promise<void> {
  const slide = slideOf(options, w.shape);
  const label = `[${x.shape}] [${w.shape}] ${JSON.stringify(options)}`;
  await scope(async () => {
    const [image, kernel] = [upload(x), upload(w)];
    const y = conv2d(image, kernel, options);
    const want = direct.conv(x, w, slide);
    await assertClose(`conv2d ${label}`, y, want);
    const dy = drawn(want.shape, draws);
    const [dx, dw] = grad(y, [image, kernel], { gradOutputs: upload(dy, false) });
    await assertClose(`image of ${label}`, dx!, direct.convInput(dy, w, x.shape, slide));
    await assertClose(`weight of ${label}`, dw!, direct.convWeight(x, dy, w.shape, slide));
  });
}

gpuTest("96 random convolutions and their gradients", async () => {
  const draws = random(41);
  const pick = <T>(list: readonly T[]) => list[draws.below(list.length)];
  let done = 0;
  while (done < 96) {
    const groups = pick([1, 1, 1, 2, 3]);
    const kernel = [pick([1, 2, 3, 5]), pick([1, 2, 3, 5, 13])];
    const dilation = [pick([1, 1, 2, 3]), pick([1, 1, 2])] as const;
    const same = draws.below(6) === 0;
    const stride = same ? [1, 1] as const : [pick([1, 1, 2, 3]), pick([1, 1, 2, 4])] as const;
    const padding = same ? "same" as const : [draws.below(4), draws.below(4)] as const;
    const size = [1 + draws.below(13), 1 + draws.below(15)];
    const x = [1 + draws.below(3), groups * pick([1, 2, 3]), ...size];
    const w = [groups * pick([1, 2, 5]), x[1] / groups, ...kernel];
    const options = { stride, padding, dilation, groups };
    const shape = direct.convShape(x, w, slideOf(options, w));
    if (shape[2] < 1 || shape[3] < 1) continue;
    await compare(drawn(x, draws), drawn(w, draws), options, draws);
    done++;
  }
});

gpuTest("larger convolutions, whose kernels are made for their width, stride and dilation", async () => {
  const draws = random(42);
  const larger: [number[], number[], Conv2dOptions][] = [
    [[2, 16, 20, 20], [20, 16, 3, 3], { padding: 1 }],
    [[2, 3, 30, 27], [6, 3, 5, 5], {}],
    [[2, 16, 20, 21], [17, 16, 3, 3], { padding: 1, stride: 2 }],
    [[1, 16, 26, 26], [16, 16, 3, 3], { padding: [2, 3], dilation: [2, 3] }],
    [[2, 32, 18, 18], [32, 8, 3, 3], { groups: 4, padding: "same" }],
    [[2, 40, 24, 24], [40, 1, 3, 3], { groups: 40, padding: 1 }],
    [[2, 50, 25, 23], [100, 1, 3, 3], { groups: 50, padding: [1, 2], stride: 2 }],
    [[3, 36, 21, 28], [36, 1, 5, 5], { groups: 36, padding: 2, dilation: [1, 2], stride: [1, 3] }],
    [[2, 128, 22, 22], [64, 2, 3, 3], { groups: 64, padding: 1 }],
    [[1, 8, 16, 40], [16, 8, 1, 13], { padding: [0, 6] }],
    [[3, 48, 16, 16], [40, 48, 1, 1], {}],
  ];
  for (const [x, w, options] of larger) await compare(drawn(x, draws), drawn(w, draws), options, draws);
});

testFamilies("convolutions of both families", async () => {
  const draws = random(43);
  await compare(drawn([2, 3, 9, 11], draws), drawn([5, 3, 3, 3], draws), { padding: 1 }, draws);
  await compare(drawn([1, 4, 10, 9], draws), drawn([6, 2, 3, 2], draws), {
    stride: [2, 3],
    dilation: [1, 2],
    padding: [2, 1],
    groups: 2,
  }, draws);
  await compare(drawn([1, 6, 9, 9], draws), drawn([6, 1, 3, 3], draws), {
    stride: 2,
    dilation: 2,
    padding: 1,
    groups: 6,
  }, draws);
});

gpuTest("convolutions whose lanes broadcast nothing", () =>
  withoutBroadcast(async () => {
    const draws = random(46);
    await compare(drawn([2, 3, 9, 11], draws), drawn([5, 3, 3, 3], draws), { padding: 1, stride: 2 }, draws);
    await compare(drawn([2, 16, 20, 20], draws), drawn([10, 16, 3, 3], draws), { padding: 1 }, draws);
  }));

gpuTest("the gradients of conv2d can be differentiated", async () => {
  const draws = random(44);
  const x = drawn([1, 2, 5, 5], draws), w = drawn([3, 2, 3, 3], draws);
  const slide: direct.Slide = { stride: [2, 2], padding: [[1, 1], [1, 1]] };
  // With s = Σ y², the gradient of the weight is 2·convWeight(x, y); here the squares of that are summed.
  const penalty = (x: NDArray, w: NDArray) =>
    direct.convWeight(x, direct.conv(x, w, slide), w.shape, slide).data.reduce((s, v) => s + 4 * v * v, 0);
  const [image, kernel] = [upload(x), upload(w)];
  const [first] = grad(sum(square(conv2d(image, kernel, { stride: 2, padding: 1 }))), kernel, { createGraph: true });
  const second = grad(sum(mul(first!, first!)), [image, kernel]);
  for (const [k, of] of [x, w].entries()) {
    const got = await second[k]!.data();
    for (const i of [0, 7, 16]) {
      const moved = (h: number) => {
        const data = of.data.slice();
        data[i] += h;
        return k === 0 ? penalty({ ...x, data }, w) : penalty(x, { ...w, data });
      };
      const want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
      assert(Math.abs(got[i] - want) <= 1e-4 * Math.max(10, Math.abs(want)), `${k} [${i}] ${got[i]}, want ${want}`);
    }
  }
});

gpuTest("the gradient of the weight is repeated bit by bit, and only what is asked for is computed", async () => {
  const draws = random(45);
  const image = upload(drawn([8, 4, 24, 24], draws), false), kernel = upload(drawn([6, 4, 3, 3], draws));
  const dy = upload(drawn([8, 6, 24, 24], draws), false);
  const once = async () => {
    const before = device().recorder.counts.dispatches;
    const [dw] = grad(conv2d(image, kernel, { padding: 1 }), kernel, { gradOutputs: dy });
    const values = await dw!.data();
    return { values, dispatches: device().recorder.counts.dispatches - before };
  };
  const first = await once(), second = await once();
  assertEquals(first.values, second.values);
  assert(first.dispatches <= 3, `${first.dispatches} dispatches`);
});

gpuTest("what is not finite reaches only the positions that see it", async () => {
  const x = new Float32Array(1 * 1 * 5 * 6).fill(1);
  x[0] = NaN;
  x[29] = Infinity;
  const y = await conv2d(
    tensor(x, { shape: [1, 1, 5, 6] }),
    tensor(new Float32Array(9).fill(1), { shape: [1, 1, 3, 3] }),
    {
      padding: 1,
    },
  ).data();
  for (let i = 0; i < 30; i++) {
    const row = Math.floor(i / 6), column = i % 6;
    const seesNaN = row <= 1 && column <= 1, seesInfinity = row >= 3 && column >= 4;
    assertEquals(Number.isNaN(y[i]), seesNaN, `[${row}, ${column}] is ${y[i]}`);
    assertEquals(y[i] === Infinity, seesInfinity, `[${row}, ${column}] is ${y[i]}`);
  }
});

gpuTest("autocast rounds the operands of conv2d to 16 bits", () => {
  const y = autocast("f16", () => conv2d(zeros([1, 1, 4, 4]), zeros([2, 1, 3, 3]), { bias: zeros([2]) }));
  assertEquals(y.dtype, "f16");
});

gpuTest("convolutions check shapes, types and options", () => {
  const x = zeros([1, 4, 5, 5]), w = zeros([6, 4, 3, 3]);
  const refused = (w: Tensor, options: Conv2dOptions, what: string, type: typeof ShapeError | typeof RangeError) =>
    assertThrows(() => conv2d(x, w, options), type, what);
  refused(zeros([6, 3, 3, 3]), {}, "Cannot convolve in conv2d: the weight's second size must be", ShapeError);
  refused(zeros([6, 4, 7, 3]), {}, "reach beyond the padded input in height or width", ShapeError);
  refused(zeros([6, 4, 3]), {}, "the input must have 3 or 4 axes and the weight 4", ShapeError);
  refused(w, { groups: 3 }, "the input's 4 channels must be a multiple of groups 3", ShapeError);
  refused(zeros([6, 1, 3, 3]), { groups: 4 }, "the weight's first size must be a multiple of groups 4", ShapeError);
  refused(w, { bias: zeros([5]) }, "the bias must have one number for each of the 6 output channels", ShapeError);
  refused(w, { stride: 0 }, "stride must be a whole number from 1 on or 2 of them, got 0", RangeError);
  refused(w, { padding: [1, -1] }, "padding must be a whole number from 0 on or 2 of them, got [1, -1]", RangeError);
  refused(w, { padding: "same", stride: 2 }, `padding "same" asks for stride 1`, RangeError);
  assertThrows(() => conv2d(zeros([1, 4, 5, 5], { dtype: "i32" }), w), TypeError, "must be floating, got i32 and f32");
  assertThrows(() => conv1d(x, w), ShapeError, "Cannot convolve in conv1d: the input must have 2 or 3 axes");
  assertThrows(() => convTranspose2d(x, zeros([3, 2, 3, 3])), ShapeError, "the weight's first size must be");
  assertThrows(
    () => convTranspose2d(x, w.detach(), { outputPadding: 1 }),
    ShapeError,
    "the weight's first size must be the input's channels",
  );
  assertThrows(
    () => convTranspose2d(x, zeros([4, 2, 3, 3]), { outputPadding: 1 }),
    RangeError,
    "outputPadding must be less than stride or dilation",
  );
});

Deno.test("the taps of a phase are those whose distance is a multiple of the stride", () => {
  for (
    const [kernel, stride, dilation, before] of [[3, 2, 1, 1], [5, 3, 2, 0], [3, 2, 2, 1], [4, 4, 3, 2], [1, 2, 1, 0]]
  ) {
    for (let phase = 0; phase < stride; phase++) {
      const taps = tapsOfPhase(phase, kernel, stride, dilation, before);
      const want: [number, number][] = [];
      for (let tap = 0; tap < kernel; tap++) {
        const reach = phase + before - tap * dilation;
        if (reach % stride === 0) want.push([tap, reach / stride]);
      }
      const got = Array.from({ length: taps.count }, (_, i) => [
        taps.first + i * taps.step,
        taps.start + i * taps.spacing,
      ]);
      assertEquals(got.map(([tap, at]) => [tap, at + 0]), want.map(([tap, at]) => [tap, at + 0]));
    }
  }
});

Deno.test("the text of the convolution's kernels", async () => {
  const image = { lanes: 8, typeX: "f32", typeW: "f32", padded: true, deep: false, sink: PLAIN } as const;
  await assertSnapshot(
    "conv_image_lanes.wgsl",
    writeImage({
      ...image,
      broadcast: true,
      rows: 2,
      columns: 4,
      window: { taps: 3, step: 1, spacing: 1, first: 3, every: 1 },
      quadsX: true,
      spread: false,
      ragged: false,
      width: 4,
    }),
  );
  await assertSnapshot(
    "conv_spread_lanes.wgsl",
    writeImage({
      ...image,
      broadcast: false,
      rows: 1,
      columns: 4,
      window: { taps: 3, step: 1, spacing: -1, first: 1, every: 2 },
      quadsX: false,
      spread: true,
      ragged: true,
      width: 2,
    }),
  );
  await assertSnapshot(
    "conv_taps_lanes.wgsl",
    writeImage({
      ...image,
      broadcast: true,
      rows: 2,
      columns: 1,
      window: null,
      quadsX: false,
      spread: true,
      deep: true,
      ragged: true,
      width: 1,
    }),
  );
  await assertSnapshot(
    "conv_weight_lanes.wgsl",
    writeWeight({
      lanes: 8,
      broadcast: true,
      rows: 4,
      taps: 3,
      steps: 4,
      typeX: "f32",
      typeDy: "f32",
      quads: true,
      quadsX: true,
      step: 1,
      spacing: 1,
      first: 3,
      deep: false,
      sink: { ...PLAIN, sums: "apart" },
    }),
  );
  const plane = {
    lanes: 8,
    lines: 2,
    columns: 4,
    windowY: { taps: 3, step: 1, spacing: 1, first: 0, every: 1 },
    windowX: { taps: 3, step: 1, spacing: 1, first: 3, every: 1 },
    quadsX: true,
    typeX: "f32",
    sink: PLAIN,
  } as const;
  await assertSnapshot("conv_plane_lanes.wgsl", writePlane({ ...plane, broadcast: true, typeW: "bf16", width: 4 }));
  await assertSnapshot("conv_plane_weight_lanes.wgsl", writePlaneWeight({ ...plane, typeDy: "f32", quads: true }));
  const unfolded = { shape: TILES.small, typeA: "f32", typeX: "f32", unrolled: 4, sink: PLAIN } as const;
  await assertSnapshot(
    "conv_image_groups.wgsl",
    writeUnfold({ ...unfolded, kind: "image", quadsA: false, deep: true, width: 1 }),
  );
  await assertSnapshot(
    "conv_weight_groups.wgsl",
    writeUnfold({ ...unfolded, kind: "weight", quadsA: true, deep: false, width: 1 }),
  );
});
