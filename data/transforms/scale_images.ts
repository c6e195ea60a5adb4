import { type HostTensor, hostTensor } from "../../tensor/host.ts";
import { ReadContext } from "../read_context.ts";

/**
 * Turns bytes 0 … 255 into f32: (byte / 255 − mean) / std, as PyTorch's `ToTensor` and `Normalize` do together.
 *
 * Meant for a `DataLoader`'s `transform`, so that images stay bytes until their batch is made. The 256 results are
 * computed once a channel and looked up.
 *
 * @param images Bytes of any shape; with a mean or std for each channel, [..., channels, height, width]
 * @param options `mean` and `std` (default 0 and 1): a number, or one for each channel; `at`, where the result gets its
 *   memory from (default: new memory)
 * @returns f32 of the same shape
 * @throws {RangeError} if there are means or deviations, but not one for each channel
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { scaleImages } from "@fulgurite/core/data";
 *
 * const image = hostTensor(Uint8Array.of(0, 255), { dtype: "u8", shape: [1, 1, 2] });
 * const scaled = scaleImages(image, { mean: 0.5, std: 0.5 });
 * console.assert(scaled.data.join() === "-1,1");
 * ```
 */
export function scaleImages(
  images: HostTensor<"u8">,
  options: { mean?: number | readonly number[]; std?: number | readonly number[]; at?: ReadContext } = {},
): HostTensor<"f32"> {
  const { mean = 0, std = 1, at = new ReadContext() } = options;
  const { data, shape } = images;
  const channels = typeof mean !== "number" ? mean.length : typeof std !== "number" ? std.length : 1;
  const each = (value: number | readonly number[], channel: number) =>
    typeof value === "number" ? value : value[channel];
  if (channels !== 1 || typeof mean !== "number" || typeof std !== "number") {
    const counts = [mean, std].map((value) => typeof value === "number" ? channels : value.length);
    if (shape.length < 3 || counts.some((count) => count !== shape[shape.length - 3])) {
      throw new RangeError(
        `Cannot scale images in scaleImages: mean and std must be numbers or one for each of ${
          shape.at(-3) ?? 0
        } channels, ` +
          `got ${counts.join(" and ")}`,
      );
    }
  }
  const tables = Array.from({ length: channels }, (_, channel) => {
    const [shift, scale] = [each(mean, channel), each(std, channel)];
    return Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - shift) / scale);
  });
  const out = at.allocate("f32", data.length);
  const plane = channels === 1 ? data.length : shape[shape.length - 1] * shape[shape.length - 2];
  for (let start = 0, channel = 0; start < data.length; start += plane, channel = (channel + 1) % channels) {
    const table = tables[channel];
    for (let i = start; i < start + plane; i++) out[i] = table[data[i]];
  }
  return hostTensor(out, { dtype: "f32", shape });
}
