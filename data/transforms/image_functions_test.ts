// Against torchvision's functions on tensors (tests/fixtures/data/make.py).
import { assert, assertEquals, assertThrows } from "@std/assert";
import { readText } from "../../platform/mod.ts";
import { hostTensor } from "../../tensor/host.ts";
import { ShapeError } from "../../tensor/errors.ts";
import { affineImage, rotateImage } from "./affine.ts";
import * as color from "./color.ts";
import { centerCropImage, cropImage, flipImage, padImage } from "./crop.ts";
import { resizeImage } from "./resize.ts";
import type { Image } from "./_image.ts";

type Recorded = { dtype: "uint8" | "float32"; shape: number[]; values: number[] };
// deno-lint-ignore no-explicit-any -- arguments as the fixture names them, one case as another
type Arguments = any;
const cases: { name: string; arguments: Arguments; input: Recorded; output: Recorded }[] = JSON.parse(
  await readText(new URL("../../tests/fixtures/data/transforms.json", import.meta.url).pathname),
);

const imageOf = ({ dtype, shape, values }: Recorded): Image =>
  dtype === "uint8"
    ? hostTensor(Uint8Array.from(values), { dtype: "u8", shape })
    : hostTensor(Float32Array.from(values), { dtype: "f32", shape });

const functions: Record<string, (image: Image, args: Arguments) => Image> = {
  resize: (image, { size, ...options }) => resizeImage(image, size, options),
  centerCrop: (image, { size }) => centerCropImage(image, size),
  pad: (image, { padding, paddingMode }) => padImage(image, padding, { paddingMode }),
  rotate: (image, { angle, ...options }) => rotateImage(image, angle, options),
  affine: (image, args) => affineImage(image, args),
  adjustBrightness: (image, { factor }) => color.adjustBrightness(image, factor),
  adjustContrast: (image, { factor }) => color.adjustContrast(image, factor),
  adjustSaturation: (image, { factor }) => color.adjustSaturation(image, factor),
  adjustHue: (image, { factor }) => color.adjustHue(image, factor),
  grayscale: (image, { channels }) => color.grayscaleImage(image, channels),
  normalize: (image, { mean, std }) => color.normalizeImage(image, mean, std),
};

for (const name of Object.keys(functions)) {
  Deno.test(`${name} gives torchvision's pixels`, () => {
    const mine = cases.filter((one) => one.name === name);
    assert(mine.length > 0);
    for (const { arguments: args, input, output } of mine) {
      const image = functions[name](imageOf(input), args);
      assertEquals([...image.shape], output.shape, JSON.stringify(args));
      const off = Array.from(image.data, (value, i) => Math.abs(value - output.values[i]));
      const most = Math.max(...off), bytes = input.dtype === "uint8";
      // Sums in another order: the last bits of f32; a byte may fall on the other side of a half, in one pixel of a
      // hundred.
      const many = off.filter((value) => value > 0).length;
      const fits = bytes ? most <= 1 && many <= Math.max(1, off.length / 100) : most <= 2e-6;
      assert(fits, `${input.dtype} ${JSON.stringify(args)}: off by ${most} in ${many} of ${off.length} values`);
    }
  });
}

Deno.test("images keep their type, and are not changed in place", () => {
  const bytes = hostTensor(Uint8Array.of(1, 2, 3, 4, 5, 6), { dtype: "u8", shape: [1, 2, 3] });
  const before = bytes.data.slice();
  const made = [flipImage(bytes), cropImage(bytes, 0, 1, 2, 2), resizeImage(bytes, [4, 6]), rotateImage(bytes, 90)];
  for (const image of made) assertEquals(image.dtype, "u8");
  assertEquals(bytes.data, before);
  assertEquals([...cropImage(bytes, -1, 2, 2, 2).data], [0, 0, 3, 0]);
});

Deno.test("what cannot be done is refused with the values", () => {
  const flat = hostTensor(Float32Array.of(1), { dtype: "f32" });
  assertThrows(() => resizeImage(flat, 3), ShapeError, "must be [channels, height, width], is [1]");
  const image = hostTensor(new Float32Array(12), { dtype: "f32", shape: [3, 2, 2] });
  const refused: [() => unknown, string][] = [
    [() => resizeImage(image, [0, 3]), "sizes must be whole numbers from 1 on, got 0"],
    [() => padImage(image, 2, { paddingMode: "reflect" }), "within the image's 2 × 2"],
    [() => color.adjustHue(image, 0.6), "from -0.5 to 0.5, is 0.6"],
    [() => color.adjustBrightness(image, -1), "0 or above, is -1"],
    [() => color.normalizeImage(image, [1, 2], 1), "for each of 3 channels, is 1, 2"],
    [() => color.normalizeImage(image, 0, 0), "not 0"],
  ];
  for (const [make, message] of refused) assertThrows(make, RangeError, message);
  const two = hostTensor(new Float32Array(8), { dtype: "f32", shape: [2, 2, 2] });
  assertThrows(() => color.adjustContrast(two, 1), ShapeError, "must have 1 or 3 channels, has 2");
});
