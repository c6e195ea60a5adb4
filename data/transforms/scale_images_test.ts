import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { hostTensor } from "../../tensor/host.ts";
import { scaleImages } from "./scale_images.ts";

Deno.test("scaleImages is (byte / 255 - mean) / std for every byte", () => {
  const bytes = hostTensor(Uint8Array.from({ length: 256 }, (_, i) => i), { dtype: "u8", shape: [1, 1, 16, 16] });
  const scaled = scaleImages(bytes, { mean: 0.1307, std: 0.3081 });
  assertEquals([scaled.dtype, scaled.shape], ["f32", [1, 1, 16, 16]]);
  for (let i = 0; i < 256; i++) assertAlmostEquals(scaled.data[i], (i / 255 - 0.1307) / 0.3081, 1e-6);
  assertEquals(scaleImages(bytes).data[255], 1);
});

Deno.test("scaleImages takes mean and std for each channel", () => {
  const shape = [2, 3, 1, 2];
  const bytes = hostTensor(new Uint8Array(12).fill(255), { dtype: "u8", shape });
  const scaled = scaleImages(bytes, { mean: [0, 0.5, 1], std: [1, 0.5, 1] });
  assertEquals([...scaled.data], [1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0]);
  assertEquals([...scaleImages(bytes, { mean: [0, 0.5, 1], std: 0.5 }).data].slice(0, 6), [2, 2, 1, 1, 0, 0]);
  assertThrows(() => scaleImages(bytes, { mean: [0, 1] }), RangeError, "each of 3 channels, got 2 and 2");
  assertThrows(() => scaleImages(bytes, { mean: [0, 1, 2], std: [1] }), RangeError, "got 3 and 1");
  const flat = hostTensor(new Uint8Array(2), { dtype: "u8" });
  assertThrows(() => scaleImages(flat, { mean: [0, 1] }), RangeError, "0 channels");
});
