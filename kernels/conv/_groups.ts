import type { DType } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Width } from "../elementwise/stored.ts";
import { launch } from "../_run.ts";
import type { Target } from "../matmul/_gemm.ts";
import { TILES, unrolledFor } from "../matmul/_groups.ts";
import { type Sink, writeOperand, writeSink } from "../matmul/_sink.ts";
import { type TileShape, writeTiles } from "../matmul/_tiles.ts";
import { eachAxis, type Geometry, type Volume } from "./_geometry.ts";
import { imageFunctions, UNFOLD_PARAMS, weightFunctions } from "./_groups_functions.ts";
import { type ConvKernel, convKernel, deliver, type Ending, kernelText, total } from "./_kernel.ts";

/*
 * Convolutions on GPUs are products of matrices, of which one is never there: its elements are fetched from the image
 * when they are brought into workgroup memory (implicit GEMM; Chetlur et al., "cuDNN: efficient primitives for deep
 * learning", 2014).
 */

/** What the text of a kernel depends on. */
export interface UnfoldKernel {
  readonly shape: TileShape;
  /** `"image"`: weights times the unfolded image. `"weight"`: gradients of the result times the unfolded image. */
  readonly kind: "image" | "weight";
  readonly typeA: DType;
  readonly typeX: DType;
  /** Whether four neighbours of the first operand along k are loaded at once. */
  readonly quadsA: boolean;
  /** Whether there is a third axis. */
  readonly deep: boolean;
  /** Neighbouring columns of the result that are stored at once. */
  readonly width: Width;
  /** Steps of k that are written out. */
  readonly unrolled: number;
  /** What becomes of the sums. */
  readonly sink: Sink;
}

/** The kernel of a description, written the first time. */
function unfoldKernel(spec: UnfoldKernel): ConvKernel {
  const { shape, sink, ...rest } = spec;
  const key = `groups ${Object.values(shape).join("x")} ${Object.values(rest).join(" ")}`;
  return convKernel(key, ["a", "x"], UNFOLD_PARAMS, sink, () => writeUnfold(spec));
}

/** Writes the kernel. */
export function writeUnfold(spec: UnfoldKernel): string {
  const { shape, kind, quadsA, width, unrolled, sink } = spec;
  const text = writeTiles({
    shape,
    a: { axis: "k", quads: quadsA },
    b: { axis: kind === "image" ? "outer" : "k", quads: false },
    quadsY: width === 4,
    pairsY: width === 2,
    sums: sink.sums !== null,
    unrolled,
    declarations: [
      writeOperand("a", 0, spec.typeA, quadsA),
      writeOperand("x", 1, spec.typeX, false),
      writeSink(sink, width, 2),
      "@group(0) @binding(32) var<uniform> params: Params;",
      ...(kind === "image" ? imageFunctions(spec) : weightFunctions(spec)),
    ],
    place: [
      "var rest = workgroup_index(id, groups);",
      `let row = rest % params.rowTiles * ${shape.rows}u;`,
      "rest = rest / params.rowTiles;",
      `let column = rest % params.columnTiles * ${shape.columns}u;`,
      "rest = rest / params.columnTiles;",
      "group = rest % params.groups;",
      "let part = rest / params.groups;",
      "if (part >= params.slices) {",
      "  return;",
      "}",
      "slice = part;",
      ...(sink.sums === null ? [] : ["summing = column == 0u;"]),
    ],
    before: [
      "let first = part * params.slice;",
      "let last = min(first + params.slice, params.k);",
      "end = last;",
    ],
    after: [],
  });
  return kernelText(
    [
      kind === "image"
        ? "// y[n, r, position] = Σ_(c, tap) w[r, c, tap] · x[n, c, position + tap]"
        : "// dw[r, c, tap] = Σ_(n, position) dy[n, r, position] · x[n, c, position + tap]",
      `// A workgroup makes a tile of ${shape.rows} × ${shape.columns}, an invocation ${shape.threadRows} × ${shape.threadColumns} of it.`,
    ],
    UNFOLD_PARAMS,
    sink,
    [text],
  );
}

/** Workgroups that fill a GPU; with fewer, long sums are cut into slices. */
const ENOUGH_WORKGROUPS = 128;
/** Steps of k that a slice should at least have. */
const LEAST_SLICE = 256;

/** The tile for a product of these sizes. */
function tileFor(m: number, n: number, groups: number): TileShape {
  const tilesOf = (shape: TileShape) => Math.ceil(m / shape.rows) * Math.ceil(n / shape.columns) * groups;
  if (m <= 16) return TILES.flat;
  if (tilesOf(TILES.large) >= ENOUGH_WORKGROUPS) return TILES.large;
  return tilesOf(TILES.square) >= ENOUGH_WORKGROUPS / 4 && m > 32 && n > 32 ? TILES.square : TILES.small;
}

/** Neighbours that an invocation stores at once, where results lie one after the other. */
function widthOf({ threadColumns }: TileShape, area: number): Width {
  return area % 4 === 0 && threadColumns % 4 === 0 ? 4 : area % 2 === 0 ? 2 : 1;
}

/** Rows of the kernel along one axis that meet a position of a phase, and where. */
interface Taps {
  readonly first: number;
  readonly step: number;
  readonly count: number;
  /** Where the first of them meets the image, for the first position of the phase, and how far the next is away. */
  readonly start: number;
  readonly spacing: number;
}

/**
 * The taps that contribute to positions ≡ phase (mod stride) of a strided convolution's image: those whose distance to
 * the result's positions is a multiple of the stride.
 */
export function tapsOfPhase(phase: number, kernel: number, stride: number, dilation: number, before: number): Taps {
  const hits = Array.from({ length: kernel }, (_, tap) => tap).filter((tap) =>
    (phase + before - tap * dilation) % stride === 0
  );
  const [first = 0, second = first + 1] = hits;
  const step = second - first;
  return {
    first,
    step,
    count: hits.length,
    start: (phase + before - first * dilation) / stride,
    spacing: -step * dilation / stride,
  };
}

/** A product of weights and an unfolded image. */
interface Unfolded {
  /** Sizes of the image, of the positions that are made, and of the result that they are a part of. */
  readonly size: Volume;
  readonly grid: Volume;
  readonly out: Volume;
  /** The taps that are taken. */
  readonly taps: Volume;
  readonly firstTap: number;
  readonly tapStep: Volume;
  /** Where a position and a tap meet the image: position·step + tap·spacing + start. */
  readonly step: Volume;
  readonly spacing: Volume;
  readonly start: Volume;
  /** Where positions lie in the result: first + position·apart. */
  readonly apart: Volume;
  readonly toStart: number;
}

const ONES: Volume = [1, 1, 1];

/** Distances of neighbours along each axis. */
function strides([, height, width]: Volume): Volume {
  return [height * width, width, 1];
}

/** The image as the convolution itself meets it: all positions, all taps. */
function everyPosition(g: Geometry): Unfolded {
  return {
    size: g.size,
    grid: g.out,
    out: g.out,
    taps: g.kernel,
    firstTap: 0,
    tapStep: strides(g.kernel),
    step: g.stride,
    spacing: g.dilation,
    start: eachAxis((i) => -g.before[i]),
    apart: ONES,
    toStart: 0,
  };
}

/** y = conv(x, w). */
export function groupsForward(x: Tensor, w: Tensor, target: Target, g: Geometry): void {
  const channels = g.inChannels / g.groups, m = g.outChannels / g.groups, taps = total(g.kernel);
  const shape = tileFor(m, g.n * total(g.out), g.groups), width = widthOf(shape, total(g.out));
  deliver(
    target,
    { count: g.n * g.outChannels * total(g.out), rows: 0, slices: 1, width },
    (end) =>
      unfold(
        x,
        w,
        end,
        shape,
        width,
        channels * taps % 4 === 0,
        {
          m,
          channels,
          weightRow: channels * taps,
          weightChannel: taps,
        },
        everyPosition(g),
        g,
      ),
  );
}

/** dx, the gradient of the image; one product for each phase of the stride. */
export function groupsInput(dy: Tensor, w: Tensor, target: Target, g: Geometry): void {
  const channels = g.outChannels / g.groups, m = g.inChannels / g.groups, taps = total(g.kernel);
  const phases = eachAxis((i) => Math.min(g.stride[i], g.size[i]));
  const positions = g.n * Math.ceil(total(g.size) / total(phases));
  const shape = tileFor(m, positions, g.groups), width = total(g.stride) > 1 ? 1 : widthOf(shape, total(g.size));
  deliver(target, { count: g.n * g.inChannels * total(g.size), rows: 0, slices: 1, width }, (end) => {
    for (let phase = 0; phase < total(phases); phase++) {
      const at: Volume = [
        Math.floor(phase / (phases[1] * phases[2])),
        Math.floor(phase / phases[2]) % phases[1],
        phase % phases[2],
      ];
      const along = ([0, 1, 2] as const).map((i) =>
        tapsOfPhase(at[i], g.kernel[i], g.stride[i], g.dilation[i], g.before[i])
      );
      const tapStrides = strides(g.kernel), resultStrides = strides(g.size);
      unfold(dy, w, end, shape, width, false, { m, channels, weightRow: taps, weightChannel: m * taps }, {
        size: g.out,
        grid: eachAxis((i) => Math.ceil((g.size[i] - at[i]) / g.stride[i])),
        out: g.size,
        taps: eachAxis((i) => along[i].count),
        firstTap: along.reduce((sum, { first }, i) => sum + first * tapStrides[i], 0),
        tapStep: eachAxis((i) => along[i].step * tapStrides[i]),
        step: ONES,
        spacing: eachAxis((i) => along[i].spacing),
        start: eachAxis((i) => along[i].start),
        apart: g.stride,
        toStart: at.reduce((sum, place, i) => sum + place * resultStrides[i], 0),
      }, g);
    }
  });
}

/** A parameter for each axis. */
function alongAxes(name: string, [z, y, x]: Volume): Record<string, number> {
  return { [`${name}Z`]: z, [`${name}Y`]: y, [`${name}X`]: x };
}

/** A parameter for each size, and what divides by it in f32. */
function sizes(p: Unfolded): Record<string, number> {
  return {
    depth: p.size[0],
    height: p.size[1],
    width: p.size[2],
    outDepth: p.out[0],
    outHeight: p.out[1],
    outWidth: p.out[2],
    ...alongAxes("grid", p.grid),
    ...alongAxes("taps", p.taps),
    ...alongAxes("tapStep", p.tapStep),
    firstTap: p.firstTap,
    ...alongAxes("step", p.step),
    ...alongAxes("spacing", p.spacing),
    ...alongAxes("start", p.start),
    ...alongAxes("apart", p.apart),
    toStart: p.toStart,
    perTaps: 1 / total(p.taps),
    perTapsYX: 1 / (p.taps[1] * p.taps[2]),
    perTapsX: 1 / p.taps[2],
    perGridYX: 1 / (p.grid[1] * p.grid[2]),
    perGridX: 1 / p.grid[2],
  };
}

function unfold(
  x: Tensor,
  w: Tensor,
  end: Ending,
  shape: TileShape,
  width: Width,
  quadsA: boolean,
  rest: Record<"m" | "channels" | "weightRow" | "weightChannel", number>,
  p: Unfolded,
  g: Geometry,
): void {
  const n = g.n * total(p.grid), k = rest.channels * total(p.taps);
  const rowTiles = Math.ceil(rest.m / shape.rows), columnTiles = Math.ceil(n / shape.columns);
  const kernel = unfoldKernel({
    shape,
    kind: "image",
    typeA: w.dtype,
    typeX: x.dtype,
    quadsA,
    deep: deep(g),
    width,
    unrolled: unrolledFor(x.storage.device),
    sink: end.sink,
  });
  launch(kernel, { a: w, x, ...end.ends }, {
    ...rest,
    ...sizes(p),
    ...end.params,
    rowTiles,
    columnTiles,
    groups: g.groups,
    slices: 1,
    slice: k,
    n,
    k,
    weightGroup: (g.outChannels / g.groups) * (g.inChannels / g.groups) * total(g.kernel),
  }, rowTiles * columnTiles * g.groups);
}

function deep(g: Geometry): boolean {
  return g.kernel[0] > 1 || g.out[0] > 1 || g.size[0] > 1;
}

/** dw, the gradient of the kernel: sums over all images and positions, in parts that are added in order. */
export function groupsWeight(x: Tensor, dy: Tensor, target: Target, g: Geometry): void {
  const channels = g.inChannels / g.groups, taps = total(g.kernel);
  const m = g.outChannels / g.groups, n = channels * taps, area = total(g.out), k = g.n * area;
  const shape = tileFor(m, n, g.groups);
  const rowTiles = Math.ceil(m / shape.rows), columnTiles = Math.ceil(n / shape.columns);
  const tiles = rowTiles * columnTiles * g.groups;
  const wanted = Math.max(1, Math.floor(ENOUGH_WORKGROUPS / tiles));
  const slice = Math.max(Math.ceil(k / wanted / shape.depth) * shape.depth, LEAST_SLICE);
  const slices = Math.max(1, Math.ceil(k / slice));
  deliver(target, { count: g.groups * m * n, rows: g.outChannels, slices, width: 1 }, (end) =>
    launch(
      unfoldKernel({
        shape,
        kind: "weight",
        typeA: dy.dtype,
        typeX: x.dtype,
        quadsA: area % 4 === 0,
        deep: deep(g),
        width: 1,
        unrolled: unrolledFor(x.storage.device),
        sink: end.sink,
      }),
      { a: dy, x, ...end.ends },
      {
        ...sizes(everyPosition(g)),
        ...end.params,
        rowTiles,
        columnTiles,
        groups: g.groups,
        slices,
        slice,
        m,
        n,
        k,
        channels,
        weightRow: 0,
        weightChannel: 0,
        weightGroup: 0,
      },
      tiles * slices,
    ));
}
