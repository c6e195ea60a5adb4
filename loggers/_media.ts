import {
  amax,
  amin,
  bincount,
  clamp,
  div,
  floor,
  isfinite,
  square,
  stack,
  sub,
  sum,
  to,
  where,
} from "../kernels/mod.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { toHost, toHostAll } from "../tensor/to_host.ts";
import type { Cell, Table } from "../trainer/mod.ts";
import type { Pixels } from "./_png.ts";

/**
 * The pixels of an image. What is needed of the device is recorded at once, so the image may be freed meanwhile.
 *
 * @throws {TypeError} If it is no image
 */
export function pixelsOf(name: string, image: Tensor): Promise<Pixels> {
  const [channels, height, width] = image.shape;
  if (image.ndim !== 3 || (channels !== 1 && channels !== 3 && channels !== 4) || image.numel === 0) {
    throw new TypeError(
      `Cannot log image ${name}: it must be [C, H, W] with 1, 3 or 4 channels, its shape is [${
        image.shape.join(", ")
      }]`,
    );
  }
  const { reading } = scope(() => noGrad(() => ({ reading: toHost(to(image.permute([1, 2, 0]), "f32")) })));
  const scale = image.dtype === "i32" || image.dtype === "u32" ? 1 : 255;
  return reading.then(({ data }) => {
    const bytes = Uint8ClampedArray.from(data as Float32Array, (value) => Math.round(value * scale));
    return { width, height, channels, data: new Uint8Array(bytes.buffer) };
  });
}

/** How values are distributed: upper ends of bins, and how many are in each. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly count: number;
  readonly sum: number;
  readonly sumSquares: number;
  readonly limits: readonly number[];
  readonly counts: readonly number[];
}

const BINS = 30;

/** Counts the finite values of a tensor in bins of equal width, on the device; recorded at once, read later. */
export async function histogramOf(values: Tensor): Promise<Histogram> {
  const nothing = { min: 0, max: 0, count: 0, sum: 0, sumSquares: 0, limits: [0], counts: [0] };
  if (values.numel === 0) return nothing;
  const { reading } = scope(() =>
    noGrad(() => {
      const x = to(values, "f32"), known = isfinite(x);
      const least = amin(where(known, x, Infinity)), most = amax(where(known, x, -Infinity));
      const width = div(sub(most, least), BINS);
      const bin = clamp(floor(div(sub(x, least), where(width.eq(0), 1, width))), { min: 0, max: BINS - 1 });
      const counts = bincount(where(known, to(bin, "i32"), -1), { numBins: BINS });
      const kept = where(known, x, 0);
      const facts = stack([least, most, sum(kept), sum(square(kept)), to(sum(known), "f32")]);
      return { reading: toHostAll([facts, counts]) };
    })
  );
  const [facts, counts] = await reading;
  const [min, max, total, sumSquares, count] = facts.data as Float32Array;
  if (count === 0) return nothing;
  const limits = Array.from({ length: BINS }, (_, i) => i === BINS - 1 ? max : min + (max - min) * (i + 1) / BINS);
  const filled = Array.from(counts.data as Int32Array);
  return { min, max, count: filled.reduce((a, b) => a + b), sum: total, sumSquares, limits, counts: filled };
}

/**
 * A table whose rows are as long as it has columns.
 *
 * @throws {TypeError} If one is not
 */
export function checkedTable(name: string, { columns, rows }: Table): Table {
  const wrong = rows.findIndex((row) => row.length !== columns.length);
  if (wrong >= 0) {
    throw new TypeError(
      `Cannot log table ${name}: every row must have ${columns.length} cells, row ${wrong} has ${rows[wrong].length}`,
    );
  }
  return { columns, rows };
}

/** A table as Markdown. */
export function markdownOf({ columns, rows }: Table): string {
  const line = (cells: readonly Cell[]) =>
    `| ${cells.map((cell) => String(cell ?? "").replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ")).join(" | ")} |`;
  return [line(columns), `|${" --- |".repeat(columns.length)}`, ...rows.map(line)].join("\n");
}

/** The name of a file for a medium: `samples/digits` and `3.png` give `samples/digits_3.png`. */
export function mediaName(name: string, ending: string): string {
  const parts = name.split("/").map((part) => part.replaceAll(/[^\p{L}\p{N} ._-]+/gu, "_").replace(/^\.+$/, "_"));
  return `${parts.filter((part) => part !== "").join("/") || "_"}_${ending}`;
}
