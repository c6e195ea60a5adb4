import { assertEquals, assertThrows } from "@std/assert";
import {
  adaptiveAvgPool3d,
  adaptiveMaxPool3d,
  avgPool3d,
  conv3d,
  convTranspose3d,
  fold,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  maxPool2d,
  maxPool3d,
  maxUnpool2d,
  pad,
  pixelShuffle,
  pixelUnshuffle,
  rand,
  randn,
  type Tensor,
  unfold,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import {
  AdaptiveAvgPool3d,
  AdaptiveMaxPool3d,
  AvgPool3d,
  Conv3d,
  ConvTranspose3d,
  Fold,
  LPPool1d,
  LPPool2d,
  LPPool3d,
  MaxPool3d,
  MaxUnpool2d,
  PixelShuffle,
  PixelUnshuffle,
  Unfold,
} from "./mod.ts";

gpuTest("layers of volumes and patches do what the functions do", async () => {
  const volume = randn([2, 4, 5, 6, 7]), image = rand([1, 8, 6, 6]);
  const conv = new Conv3d(4, 6, [3, 2, 3], { stride: [1, 2, 1], padding: 1, groups: 2 });
  const circular = new Conv3d(4, 2, 3, { padding: "same", paddingMode: "circular" });
  const transposed = new ConvTranspose3d(4, 3, 2, { stride: 2, outputPadding: [0, 1, 0] });
  const [y, places] = maxPool2d(image, { kernelSize: 2, returnIndices: true });
  const columns = unfold(image, { kernelSize: 2, stride: 2 });
  const pairs: [Tensor, Tensor][] = [
    [
      conv.forward(volume),
      conv3d(volume, conv.weight, { bias: conv.bias, stride: [1, 2, 1], padding: 1, groups: 2 }),
    ],
    [
      circular.forward(volume),
      conv3d(pad(volume, [1, 1, 1, 1, 1, 1], { mode: "circular" }), circular.weight, { bias: circular.bias }),
    ],
    [
      transposed.forward(volume),
      convTranspose3d(volume, transposed.weight, { bias: transposed.bias, stride: 2, outputPadding: [0, 1, 0] }),
    ],
    [new MaxPool3d(2, { stride: 1 }).forward(volume), maxPool3d(volume, { kernelSize: 2, stride: 1 })],
    [new AvgPool3d([1, 2, 3]).forward(volume), avgPool3d(volume, { kernelSize: [1, 2, 3] })],
    [
      new AdaptiveAvgPool3d([2, null, 3]).forward(volume),
      adaptiveAvgPool3d(volume, { outputSize: [2, null, 3] }),
    ],
    [new AdaptiveMaxPool3d(2).forward(volume), adaptiveMaxPool3d(volume, { outputSize: 2 })],
    [
      new LPPool1d(2, 3).forward(image.reshape([8, 36])),
      lpPool1d(image.reshape([8, 36]), { normType: 2, kernelSize: 3 }),
    ],
    [new LPPool2d(3, 2).forward(image), lpPool2d(image, { normType: 3, kernelSize: 2 })],
    [
      new LPPool3d(2, 2).forward(image.reshape([1, 2, 4, 6, 6])),
      lpPool3d(image.reshape([1, 2, 4, 6, 6]), { normType: 2, kernelSize: 2 }),
    ],
    [new MaxUnpool2d(2).forward(y, places), maxUnpool2d(y, places, { kernelSize: 2 })],
    [new Unfold(2, { stride: 2 }).forward(image), columns],
    [new Fold(6, 2, { stride: 2 }).forward(columns), fold(columns, { outputSize: 6, kernelSize: 2, stride: 2 })],
    [new Fold(6, 2, { stride: 2 }).forward(columns), image],
    [new PixelShuffle(2).forward(image), pixelShuffle(image, { upscaleFactor: 2 })],
    [new PixelUnshuffle(3).forward(image), pixelUnshuffle(image, { downscaleFactor: 3 })],
  ];
  for (const [i, [layer, want]] of pairs.entries()) {
    assertEquals(layer.shape, want.shape, `${i}`);
    assertEquals(await layer.data(), await want.data(), `${i}`);
  }
  assertEquals([...conv.namedParameters()].map(([name, p]) => `${name} ${p.shape}`), [
    "weight 6,2,3,2,3",
    "bias 6",
  ]);
  for (const layer of [conv, circular, transposed]) for (const p of layer.parameters()) p.dispose();
  assertEquals(transposed.weight.shape, [4, 3, 2, 2, 2]);
  assertEquals(String(new MaxPool3d(2, { stride: [1, 2, 2] })), "MaxPool3d(stride=[1, 2, 2], kernelSize=2)");
});

Deno.test("layers of volumes check their sizes", () => {
  assertThrows(() => new Conv3d(4, 6, 0), RangeError, "kernelSize must be a whole number from 1 on, got 0");
  assertThrows(() => new Conv3d(4, 6, 3, { groups: 3 }), RangeError, "groups must divide the channels");
  assertThrows(() => new PixelShuffle(0), RangeError, "upscaleFactor must be a whole number from 1 on, got 0");
  assertThrows(() => new Unfold(2, { strides: 2 } as never), TypeError, "strides");
});
