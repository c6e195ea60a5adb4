import { ShapeError, showShape } from "../../tensor/errors.ts";
import { type HostTensor, hostTensor } from "../../tensor/host.ts";

/** An image on the host: bytes, or floats from 0 to 1, of shape [channels, height, width]. */
export type Image = HostTensor<"u8"> | HostTensor<"f32">;

/** The sizes of an image's axes. */
export interface ImageSizes {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Channels, height and width of an image.
 *
 * @throws {ShapeError} if it has not three axes
 */
export function sizesOf(op: string, image: Image): ImageSizes {
  const { shape } = image;
  if (shape.length !== 3) {
    throw new ShapeError(
      op,
      `Cannot change an image in ${op}: its shape must be [channels, height, width], is ${showShape(shape)}`,
      [shape],
    );
  }
  const [channels, height, width] = shape;
  return { channels, height, width };
}

/** An image of the same type; bytes are what `values` holds, rounded and bounded where `round` says so. */
export function imageLike<I extends Image>(
  image: I,
  { channels, height, width }: ImageSizes,
  values: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>,
  round: "nearest" | "down",
): I {
  const shape = [channels, height, width];
  if (image.dtype === "f32") {
    const data = values instanceof Float32Array ? values : Float32Array.from(values);
    return hostTensor(data, { dtype: "f32", shape }) as I; // the type that was tested
  }
  const data = new Uint8Array(values.length);
  for (let i = 0; i < data.length; i++) {
    const value = round === "down" ? Math.trunc(values[i]) : roundHalfToEven(values[i]);
    data[i] = value < 0 ? 0 : value > 255 ? 255 : value;
  }
  return hostTensor(data, { dtype: "u8", shape }) as I; // as above
}

/** An empty image of the same type. */
export function emptyLike<I extends Image>(image: I, { channels, height, width }: ImageSizes): I {
  const shape = [channels, height, width], length = channels * height * width;
  const made = image.dtype === "f32"
    ? hostTensor(new Float32Array(length), { dtype: "f32", shape })
    : hostTensor(new Uint8Array(length), { dtype: "u8", shape });
  return made as I; // the type that was tested
}

/** To the nearest whole number, halves to the even one, as PyTorch rounds. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value), part = value - floor;
  return part > 0.5 || (part === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/** What stands for white: 255 in bytes, 1 in floats. */
export function mostOf(image: Image): number {
  return image.dtype === "u8" ? 255 : 1;
}

/** Throws unless numbers that were given are in a range. */
export function checkRange(op: string, what: string, values: readonly number[], least: number, most: number): void {
  const odd = values.find((value) => !(value >= least && value <= most));
  if (odd !== undefined) {
    throw new RangeError(`Cannot make ${op}: ${what} must be from ${least} to ${most}, is ${odd}`);
  }
}
