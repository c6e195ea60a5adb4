import type { Access } from "../../device/mod.ts";
import { numel } from "../../tensor/shape.ts";
import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Width } from "../elementwise/stored.ts";
import { functionsFor } from "../elementwise/functions.ts";
import type { Target } from "../matmul/_gemm.ts";
import { PLAIN, type Sink, sinkBindings, sinkKey, sinkTakes } from "../matmul/_sink.ts";
import { sumParts } from "../matmul/_sum.ts";
import type { KernelSource, ParamType } from "../_source.ts";

/** A generated kernel of a convolution. */
export type ConvKernel = KernelSource<Record<string, Access>, Record<string, ParamType>>;

const kernels = new Map<string, ConvKernel>();

/**
 * The kernel of a description, written the first time. `inputs` are the names of its bindings before those of the sink.
 */
export function convKernel(
  key: string,
  inputs: readonly string[],
  params: Record<string, ParamType>,
  sink: Sink,
  write: () => string,
): ConvKernel {
  const full = `conv ${key} ${sinkKey(sink)}`;
  let kernel = kernels.get(full);
  if (kernel === undefined) {
    const read = Object.fromEntries(inputs.map((name) => [name, "read" as const]));
    kernels.set(
      full,
      kernel = {
        name: "conv",
        key: full,
        bindings: { ...read, ...sinkBindings(sink) },
        params: { ...params, ...sink.finish?.params.types },
        code: write(),
      },
    );
  }
  return kernel;
}

/** Parameters that say where a position and a tap meet the image: position·step + tap·spacing + start, by axis. */
export const MEETING_PARAMS = {
  stepZ: "i32",
  stepY: "i32",
  stepX: "i32",
  spacingZ: "i32",
  spacingY: "i32",
  spacingX: "i32",
  startZ: "i32",
  startY: "i32",
  startX: "i32",
} as const;

/** The whole text of a kernel: what it says of itself, its parameters, the shared functions it calls, and its body. */
export function kernelText(
  comments: readonly string[],
  params: Record<string, string>,
  { finish }: Sink,
  body: readonly string[],
): string {
  const fields = Object.entries({ ...params, ...finish?.params.types });
  const text = body.join("\n");
  return [
    ...comments,
    "struct Params {",
    ...fields.map(([name, type]) => `  ${name}: ${type},`),
    "}",
    functionsFor(text),
    text,
    "",
  ].join("\n");
}

/** What the end of a kernel is launched with. */
export interface Ending {
  readonly sink: Sink;
  /** Tensors by the names of the sink's bindings. */
  readonly ends: Readonly<Record<string, Tensor>>;
  /** From one slice to the next; where the sums of rows begin; and what the chain behind reads. */
  readonly params: Readonly<Record<string, number>> & { readonly sliceSize: number; readonly sumsAt: number };
}

/** Sizes of what a kernel makes. */
export interface Made {
  /** Elements, and rows whose sums may be asked for. */
  readonly count: number;
  readonly rows: number;
  /** Parts of sums that are made side by side. */
  readonly slices: number;
  /** Neighbours that are stored at once. */
  readonly width: Width;
}

/**
 * Brings what a kernel makes to its target: at once where the kernel can, and by a second kernel where parts are to be
 * added, or the kernel does not store whole words of a 16-bit type.
 *
 * @param target Where results go
 * @param made Sizes
 * @param launch Records the kernel with an end
 */
export function deliver(target: Target, { count, rows, slices, width }: Made, launch: (end: Ending) => void): void {
  const { y, bias = null, through = null, sums = null } = target;
  const sink: Sink = {
    own: y?.dtype ?? null,
    bias: bias?.dtype ?? null,
    finish: through?.finish ?? null,
    sums: sums === null ? null : "apart",
  };
  const views = Object.entries(sink.finish?.inputs ?? {}).map(([name, storage]) =>
    [name, new Tensor({ shape: [storage.numel], storage: storage.retain(), scoped: false })] as const
  );
  const results: Record<string, Tensor> = { ...Object.fromEntries(views) };
  if (y !== null) results.y = y;
  if (through !== null) results.z = through.into;
  if (sums !== null) results.sums = sums;
  if (slices === 1 && sinkTakes(sink, width)) {
    const ends = bias === null ? results : { ...results, bias };
    launch({ sink, ends, params: { sliceSize: 0, sumsAt: 0, ...sink.finish?.params.values } });
  } else {
    const sliceSize = sums === null ? count : Math.ceil((count + rows) / 4) * 4;
    const parts = new Tensor({
      shape: [slices, sliceSize],
      storage: new Storage(slices * sliceSize, "f32", "conv"),
      scoped: false,
    });
    launch({
      sink: { ...PLAIN, bias: sink.bias, sums: sums === null ? null : "behind" },
      ends: bias === null ? { y: parts } : { y: parts, bias },
      params: { sliceSize, sumsAt: count },
    });
    sumParts(parts, { ...sink, bias: null }, results, { count, slices, sliceSize, columns: 1, rows });
    parts.dispose();
  }
  for (const [, view] of views) view.dispose();
}

/** Neighbours of a line of results that can be stored at once. */
export function storeWidth(columns: number, line: number): Width {
  return columns % 4 === 0 && line % 4 === 0 ? 4 : columns % 2 === 0 && line % 2 === 0 ? 2 : 1;
}

/** Product of the numbers of a volume. */
export const total = numel;

/** 0, 1, …, count − 1. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Components of a vector. */
export const LETTERS = "xyzw";
