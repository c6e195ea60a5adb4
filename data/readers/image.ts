import { readFile } from "../../platform/mod.ts";
import { type HostTensor, hostTensor } from "../../tensor/host.ts";
import { DataError } from "../errors.ts";

/** What an image is read as: its own channels, or a number of them. */
export type ImageMode = "unchanged" | "gray" | "rgb" | "rgba";

/** How an image is read. */
export interface ImageOptions {
  /** Channels: the image's own (default), gray 1, RGB 3, RGBA 4. */
  mode?: ImageMode;
  /** The most pixels (default 2²⁶): a small file can claim any size. */
  limit?: number;
}

/** Pixels as a library gives them: interleaved, one byte a channel. */
interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: ArrayLike<number>;
}

const CHANNELS: Readonly<Record<Exclude<ImageMode, "unchanged">, number>> = { gray: 1, rgb: 3, rgba: 4 };

/**
 * Decodes a PNG or JPEG image; its first bytes tell which. PNG is read by `fast-png`, JPEG by `jpeg-js`, each loaded
 * when it is first needed.
 *
 * Palettes are looked up, 1, 2 and 4 bits become 8 and 16 bits are cut to 8. JPEG's pixels differ from libjpeg's by a
 * unit or two, more at edges where colour is stored in half the resolution.
 *
 * @param bytes The whole file
 * @param options `mode`: channels; `limit`: the most pixels; `file`: what errors call it
 * @returns Bytes [channels, height, width], as torchvision's `decode_image`
 * @throws {DataError} if it is neither, not whole, or larger than the limit
 *
 * @example
 * ```ts ignore
 * import { decodeImage } from "@fulgurite/core/data";
 *
 * const response = await fetch("cat.jpg");
 * const image = await decodeImage(await response.bytes(), { mode: "rgb" });
 * console.log(image.shape); // [3, 480, 640]
 * ```
 */
export async function decodeImage(
  bytes: Uint8Array,
  options: ImageOptions & { file?: string } = {},
): Promise<HostTensor<"u8">> {
  const { file = "<bytes>", mode = "unchanged", limit = 2 ** 26 } = options;
  const fail = (rule: string, cause?: unknown): never => {
    throw new DataError(file, `Cannot read image ${file}: ${rule}`, { cause });
  };
  const size = pngSize(bytes) ?? jpegSize(bytes) ??
    fail("it must be a whole PNG or JPEG file, its first bytes are others");
  if (!(size.width > 0 && size.height > 0)) fail(`it must have pixels, is ${size.width} × ${size.height}`);
  if (size.width * size.height > limit) {
    fail(`it must have at most ${limit} pixels, it says ${size.width} × ${size.height}`);
  }
  let pixels: Pixels;
  try {
    pixels = size.kind === "png" ? await decodePng(bytes) : await decodeJpeg(bytes, limit);
  } catch (error) {
    return fail(`its content must be whole: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  return planes(pixels, mode === "unchanged" ? pixels.channels : CHANNELS[mode]);
}

/**
 * Reads a PNG or JPEG file, see {@link decodeImage}.
 *
 * @param path The file
 * @param options Channels and the most pixels
 * @returns Bytes [channels, height, width]
 * @throws {DataError} if it is neither, not whole, or larger than the limit
 * @throws {FileError} if it cannot be read
 *
 * @example
 * ```ts ignore
 * import { readImage } from "@fulgurite/core/data";
 *
 * const image = await readImage("cat.png", { mode: "rgb" });
 * ```
 */
export async function readImage(path: string, options: ImageOptions = {}): Promise<HostTensor<"u8">> {
  return await decodeImage(await readFile(path, { task: "read an image in readImage" }), { ...options, file: path });
}

interface ImageSize {
  readonly kind: "png" | "jpeg";
  readonly width: number;
  readonly height: number;
}

/** The size in a PNG's header. */
function pngSize(bytes: Uint8Array): ImageSize | null {
  const mark = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  if (bytes.length < 33 || mark.some((byte, i) => bytes[i] !== byte)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { kind: "png", width: view.getUint32(16), height: view.getUint32(20) };
}

/** The size in a JPEG's frame header, which segments go before. */
function jpegSize(bytes: Uint8Array): ImageSize | null {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return null;
  for (let at = 2; at + 9 < bytes.length;) {
    if (bytes[at] !== 0xff) return null;
    const marker = bytes[at + 1];
    if (marker === 0xff) { // padding
      at++;
      continue;
    }
    const tables = marker === 0xc4 || marker === 0xc8 || marker === 0xcc;
    if (marker >= 0xc0 && marker <= 0xcf && !tables) {
      const height = bytes[at + 5] << 8 | bytes[at + 6], width = bytes[at + 7] << 8 | bytes[at + 8];
      return { kind: "jpeg", width, height };
    }
    at += 2 + (bytes[at + 2] << 8 | bytes[at + 3]);
  }
  return null;
}

async function decodePng(bytes: Uint8Array): Promise<Pixels> {
  const { decode, convertIndexedToRgb } = await import("fast-png");
  const image = decode(bytes, { checkCrc: true });
  const { width, height, depth } = image;
  if (image.palette !== undefined) {
    return { width, height, channels: image.palette[0].length, data: convertIndexedToRgb(image) };
  }
  const { channels, data } = image;
  if (depth === 16) return { width, height, channels, data: Uint8Array.from(data, (value) => value >>> 8) };
  if (depth === 8) return { width, height, channels, data };
  // Below 8 bits a row is packed and begins with a byte of its own; only gray has so few.
  const most = 2 ** depth - 1, row = Math.ceil(width * depth / 8);
  const unpacked = Uint8Array.from({ length: width * height }, (_, i) => {
    const x = i % width, bit = x * depth;
    const byte = data[Math.floor(i / width) * row + (bit >> 3)];
    return ((byte >> (8 - depth - (bit & 7))) & most) * 255 / most;
  });
  return { width, height, channels: 1, data: unpacked };
}

async function decodeJpeg(bytes: Uint8Array, limit: number): Promise<Pixels> {
  const { default: { decode } } = await import("jpeg-js");
  // Its memory bound counts coefficients and pixels of all channels: 32 bytes a pixel are enough for whatever passes
  // the limit.
  const { width, height, data } = decode(bytes, {
    useTArray: true,
    formatAsRGBA: true,
    tolerantDecoding: false,
    maxResolutionInMP: Math.ceil(limit / 1e6) + 1,
    maxMemoryUsageInMB: Math.ceil(32 * limit / 2 ** 20) + 64,
  });
  const channels = componentsOf(bytes) === 1 ? 1 : 3;
  const out = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < channels; c++) out[i * channels + c] = data[4 * i + c];
  }
  return { width, height, channels, data: out };
}

/** How many components a JPEG has: 1 is gray. */
function componentsOf(bytes: Uint8Array): number {
  for (let at = 2; at + 9 < bytes.length; at += 2 + (bytes[at + 2] << 8 | bytes[at + 3])) {
    while (bytes[at + 1] === 0xff) at++;
    const marker = bytes[at + 1];
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) return bytes[at + 9];
  }
  return 3;
}

/** Interleaved pixels as planes of the channels that are wanted; gray is ITU-R 601's luma, as Pillow has it. */
function planes({ width, height, channels, data }: Pixels, wanted: number): HostTensor<"u8"> {
  const size = width * height, out = new Uint8Array(wanted * size);
  const color = channels >= 3, alpha = channels === 2 || channels === 4;
  for (let i = 0; i < size; i++) {
    const at = i * channels;
    if (wanted <= 2) {
      out[i] = color ? (19595 * data[at] + 38470 * data[at + 1] + 7471 * data[at + 2] + 0x8000) >> 16 : data[at];
    } else {
      for (let c = 0; c < 3; c++) out[c * size + i] = data[color ? at + c : at];
    }
    if (wanted === 2 || wanted === 4) out[(wanted - 1) * size + i] = alpha ? data[at + channels - 1] : 255;
  }
  return hostTensor(out, { dtype: "u8", shape: [wanted, height, width] });
}
