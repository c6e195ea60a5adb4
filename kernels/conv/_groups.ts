import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import type { KernelSource } from "../_source.ts";
import { shared } from "../_wgsl.ts";
import { sumOver } from "../matmul/_gemm.ts";
import { TILES, unrolledFor } from "../matmul/_groups.ts";
import { type TileShape, writeTiles } from "../matmul/_tiles.ts";
import type { Geometry } from "./_geometry.ts";
import { structOf } from "./_lanes_image.ts";

/*
 * Convolutions on GPUs are products of matrices, of which one is never there: its elements are fetched from the image when
 * they are brought into workgroup memory (implicit GEMM; Chetlur et al., "cuDNN: efficient primitives for deep learning",
 * 2014).
 */

/** Parameters of both kernels, in the order of `Params`. */
export const UNFOLD_PARAMS = {
  rowTiles: "u32",
  columnTiles: "u32",
  groups: "u32",
  slices: "u32",
  slice: "u32",
  m: "u32",
  n: "u32",
  k: "u32",
  channels: "u32",
  height: "u32",
  width: "u32",
  gridHeight: "u32",
  gridWidth: "u32",
  outHeight: "u32",
  outWidth: "u32",
  tapsY: "u32",
  tapsX: "u32",
  firstTap: "u32",
  tapStepY: "u32",
  tapStepX: "u32",
  weightRow: "u32",
  weightChannel: "u32",
  weightGroup: "u32",
  stepY: "i32",
  stepX: "i32",
  spacingY: "i32",
  spacingX: "i32",
  startY: "i32",
  startX: "i32",
  toStepY: "u32",
  toStepX: "u32",
  toStart: "u32",
  perTaps: "f32",
  perTapsX: "f32",
  perGridWidth: "f32",
} as const;

type Params = { [K in keyof typeof UNFOLD_PARAMS]: number };

/** What the text of a kernel depends on. */
export interface UnfoldKernel {
  readonly shape: TileShape;
  /** `"image"`: weights times the unfolded image. `"weight"`: gradients of the result times the unfolded image. */
  readonly kind: "image" | "weight";
  /** Whether four neighbours of the first operand along k are loaded at once. */
  readonly quadsA: boolean;
  /** Steps of k that are written out. */
  readonly unrolled: number;
}

type UnfoldSource = KernelSource<{ a: "read"; x: "read"; y: "read_write" }, typeof UNFOLD_PARAMS>;

const kernels = new Map<string, UnfoldSource>();

/** The kernel of a description, written the first time. */
export function unfoldKernel(spec: UnfoldKernel): UnfoldSource {
  const key = `conv ${spec.kind} groups ${Object.values(spec.shape).join("x")} ${spec.quadsA} ${spec.unrolled}`;
  let kernel = kernels.get(key);
  if (kernel === undefined) {
    const bindings = { a: "read", x: "read", y: "read_write" } as const;
    kernels.set(key, kernel = { name: key, bindings, params: UNFOLD_PARAMS, code: writeUnfold(spec) });
  }
  return kernel;
}

/** Writes the kernel. */
export function writeUnfold({ shape, kind, quadsA, unrolled }: UnfoldKernel): string {
  const item = quadsA ? "vec4f" : "f32";
  return writeTiles({
    shape,
    a: { axis: "k", quads: quadsA },
    b: { axis: kind === "image" ? "outer" : "k", quads: false },
    quadsY: false,
    unrolled,
    declarations: [
      kind === "image"
        ? "// y[n, r, position] = Σ_(c, tap) w[r, c, tap] · x[n, c, position + tap]"
        : "// dw[r, c, tap] = Σ_(n, position) dy[n, r, position] · x[n, c, position + tap]",
      `// A workgroup makes a tile of ${shape.rows} × ${shape.columns}, an invocation ${shape.threadRows} × ${shape.threadColumns} of it.`,
      structOf(UNFOLD_PARAMS),
      `@group(0) @binding(0) var<storage, read> a: array<${item}>;`,
      "@group(0) @binding(1) var<storage, read> x: array<f32>;",
      "@group(0) @binding(2) var<storage, read_write> y: array<f32>;",
      "@group(1) @binding(0) var<uniform> params: Params;",
      shared.place.trim(),
      "var<private> group: u32;",
      "var<private> slice: u32;",
      "var<private> end: u32;",
      "const NOWHERE = 0xffffffffu;",
      "// index / divisor; for an index below 2^21 the quotient of f32 is exact after rounding down, and faster.",
      "fn divide(index: u32, divisor: u32, inverse: f32) -> u32 {",
      "  if (index < 2097152u) {",
      "    return u32((f32(index) + 0.5) * inverse);",
      "  }",
      "  return index / divisor;",
      "}",
      "fn pixel(image: u32, y: i32, x_: i32) -> f32 {",
      "  if (u32(y) >= params.height || u32(x_) >= params.width) {",
      "    return 0.0;",
      "  }",
      "  return x[image + u32(y) * params.width + u32(x_)];",
      "}",
      ...(kind === "image" ? imageFunctions(quadsA) : weightFunctions(quadsA)),
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
    ],
    before: [
      "let first = part * params.slice;",
      "let last = min(first + params.slice, params.k);",
      "end = last;",
    ],
    after: [],
  });
}

function imageFunctions(quadsA: boolean): string[] {
  const item = quadsA ? "vec4f" : "f32";
  return [
    "fn place_a(row: u32) -> u32 {",
    "  return select(NOWHERE, group * params.weightGroup + row * params.weightRow, row < params.m);",
    "}",
    `fn load_a(place: u32, k: u32) -> ${item} {`,
    "  if (place == NOWHERE || k >= end) {",
    `    return ${item}();`,
    "  }",
    ...(quadsA
      // Neighbours along k are neighbours in memory: all taps of a channel, and channels one after the other.
      ? ["  return a[(place + k) >> 2u];"]
      : [
        "  let channel = divide(k, params.tapsY * params.tapsX, params.perTaps);",
        "  let tap = k - channel * params.tapsY * params.tapsX;",
        "  let ky = divide(tap, params.tapsX, params.perTapsX);",
        "  let kx = tap - ky * params.tapsX;",
        "  return a[place + channel * params.weightChannel + params.firstTap + ky * params.tapStepY + kx * params.tapStepX];",
      ]),
    "}",
    "fn place_b(column: u32) -> vec4i {",
    "  let n = column / (params.gridHeight * params.gridWidth);",
    "  let position = column - n * params.gridHeight * params.gridWidth;",
    "  let oy = divide(position, params.gridWidth, params.perGridWidth);",
    "  let ox = position - oy * params.gridWidth;",
    "  let image = (n * params.groups + group) * params.channels * params.height * params.width;",
    "  let y0 = i32(oy) * params.stepY + params.startY;",
    "  let x0 = i32(ox) * params.stepX + params.startX;",
    "  return vec4i(i32(image), y0, x0, select(0, 1, column < params.n));",
    "}",
    "fn load_b(place: vec4i, k: u32) -> f32 {",
    "  if (place.w == 0 || k >= end) {",
    "    return 0.0;",
    "  }",
    "  let channel = divide(k, params.tapsY * params.tapsX, params.perTaps);",
    "  let tap = k - channel * params.tapsY * params.tapsX;",
    "  let ky = divide(tap, params.tapsX, params.perTapsX);",
    "  let kx = tap - ky * params.tapsX;",
    "  let image = u32(place.x) + channel * params.height * params.width;",
    "  return pixel(image, place.y + i32(ky) * params.spacingY, place.z + i32(kx) * params.spacingX);",
    "}",
    "fn store(row: u32, column: u32, value: f32) {",
    "  if (row >= params.m || column >= params.n) {",
    "    return;",
    "  }",
    "  let n = column / (params.gridHeight * params.gridWidth);",
    "  let position = column - n * params.gridHeight * params.gridWidth;",
    "  let oy = divide(position, params.gridWidth, params.perGridWidth);",
    "  let ox = position - oy * params.gridWidth;",
    "  let image = ((n * params.groups + group) * params.m + row) * params.outHeight * params.outWidth;",
    "  y[image + params.toStart + oy * params.toStepY + ox * params.toStepX] = value;",
    "}",
  ];
}

function weightFunctions(quadsA: boolean): string[] {
  const item = quadsA ? "vec4f" : "f32";
  return [
    "fn place_a(row: u32) -> u32 {",
    "  return select(NOWHERE, group * params.m + row, row < params.m);",
    "}",
    `fn load_a(place: u32, k: u32) -> ${item} {`,
    "  if (place == NOWHERE || k >= end) {",
    `    return ${item}();`,
    "  }",
    "  let area = params.outHeight * params.outWidth;",
    "  let n = k / area;",
    "  let at = (n * params.groups * params.m + place) * area + k - n * area;",
    `  return a[${quadsA ? "at >> 2u" : "at"}];`,
    "}",
    "fn place_b(column: u32) -> vec4i {",
    "  let channel = divide(column, params.tapsY * params.tapsX, params.perTaps);",
    "  let tap = column - channel * params.tapsY * params.tapsX;",
    "  let ky = divide(tap, params.tapsX, params.perTapsX);",
    "  let kx = tap - ky * params.tapsX;",
    "  let y0 = i32(ky) * params.spacingY + params.startY;",
    "  let x0 = i32(kx) * params.spacingX + params.startX;",
    "  return vec4i(i32(channel), y0, x0, select(0, 1, column < params.n));",
    "}",
    "fn load_b(place: vec4i, k: u32) -> f32 {",
    "  if (place.w == 0 || k >= end) {",
    "    return 0.0;",
    "  }",
    "  let area = params.outHeight * params.outWidth;",
    "  let n = k / area;",
    "  let position = k - n * area;",
    "  let oy = divide(position, params.gridWidth, params.perGridWidth);",
    "  let ox = position - oy * params.outWidth;",
    "  let image = ((n * params.groups + group) * params.channels + u32(place.x)) * params.height * params.width;",
    "  return pixel(image, place.y + i32(oy) * params.stepY, place.z + i32(ox) * params.stepX);",
    "}",
    "fn store(row: u32, column: u32, value: f32) {",
    "  if (row < params.m && column < params.n) {",
    "    y[((slice * params.groups + group) * params.m + row) * params.n + column] = value;",
    "  }",
    "}",
  ];
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
 * The taps that contribute to positions ≡ phase (mod stride) of a strided convolution's image: those whose distance to the
 * result's positions is a multiple of the stride.
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

/** y = conv(x, w). */
export function groupsForward(x: Tensor, w: Tensor, y: Tensor, g: Geometry): void {
  const channels = g.inChannels / g.groups, taps = g.kernelHeight * g.kernelWidth;
  unfold(w, x, y, g.kernelHeight * g.kernelWidth * channels % 4 === 0, {
    m: g.outChannels / g.groups,
    channels,
    height: g.height,
    width: g.width,
    gridHeight: g.outHeight,
    gridWidth: g.outWidth,
    outHeight: g.outHeight,
    outWidth: g.outWidth,
    tapsY: g.kernelHeight,
    tapsX: g.kernelWidth,
    firstTap: 0,
    tapStepY: g.kernelWidth,
    tapStepX: 1,
    weightRow: channels * taps,
    weightChannel: taps,
    stepY: g.strideY,
    stepX: g.strideX,
    spacingY: g.dilationY,
    spacingX: g.dilationX,
    startY: -g.padTop,
    startX: -g.padLeft,
    toStepY: g.outWidth,
    toStepX: 1,
    toStart: 0,
  }, g);
}

/** dx, the gradient of the image; one product for each phase of the stride. */
export function groupsInput(dy: Tensor, w: Tensor, dx: Tensor, g: Geometry): void {
  const channels = g.outChannels / g.groups, taps = g.kernelHeight * g.kernelWidth;
  for (let phaseY = 0; phaseY < Math.min(g.strideY, g.height); phaseY++) {
    for (let phaseX = 0; phaseX < Math.min(g.strideX, g.width); phaseX++) {
      const y = tapsOfPhase(phaseY, g.kernelHeight, g.strideY, g.dilationY, g.padTop);
      const x = tapsOfPhase(phaseX, g.kernelWidth, g.strideX, g.dilationX, g.padLeft);
      unfold(w, dy, dx, false, {
        m: g.inChannels / g.groups,
        channels,
        height: g.outHeight,
        width: g.outWidth,
        gridHeight: Math.ceil((g.height - phaseY) / g.strideY),
        gridWidth: Math.ceil((g.width - phaseX) / g.strideX),
        outHeight: g.height,
        outWidth: g.width,
        tapsY: y.count,
        tapsX: x.count,
        firstTap: y.first * g.kernelWidth + x.first,
        tapStepY: y.step * g.kernelWidth,
        tapStepX: x.step,
        weightRow: taps,
        weightChannel: (g.inChannels / g.groups) * taps,
        stepY: 1,
        stepX: 1,
        spacingY: y.spacing,
        spacingX: x.spacing,
        startY: y.start,
        startX: x.start,
        toStepY: g.strideY * g.width,
        toStepX: g.strideX,
        toStart: phaseY * g.width + phaseX,
      }, g);
    }
  }
}

type Derived = "rowTiles" | "columnTiles" | "groups" | "slices" | "slice" | "n" | "k" | "weightGroup" | `per${string}`;

function unfold(w: Tensor, x: Tensor, y: Tensor, quadsA: boolean, p: Omit<Params, Derived>, g: Geometry): void {
  const n = g.n * p.gridHeight * p.gridWidth, k = p.channels * p.tapsY * p.tapsX;
  const shape = tileFor(p.m, n, g.groups);
  const rowTiles = Math.ceil(p.m / shape.rows), columnTiles = Math.ceil(n / shape.columns);
  launch(unfoldKernel({ shape, kind: "image", quadsA, unrolled: unrolledFor(y.storage.device) }), { a: w, x, y }, {
    ...p,
    rowTiles,
    columnTiles,
    groups: g.groups,
    slices: 1,
    slice: k,
    n,
    k,
    weightGroup: (g.outChannels / g.groups) * (g.inChannels / g.groups) * g.kernelHeight * g.kernelWidth,
    perTaps: 1 / (p.tapsY * p.tapsX),
    perTapsX: 1 / p.tapsX,
    perGridWidth: 1 / p.gridWidth,
  }, rowTiles * columnTiles * g.groups);
}

/** dw, the gradient of the kernel: sums over all images and positions, in parts that are added in order. */
export function groupsWeight(x: Tensor, dy: Tensor, dw: Tensor, g: Geometry): void {
  const channels = g.inChannels / g.groups, taps = g.kernelHeight * g.kernelWidth;
  const m = g.outChannels / g.groups, n = channels * taps, area = g.outHeight * g.outWidth, k = g.n * area;
  const shape = tileFor(m, n, g.groups);
  const rowTiles = Math.ceil(m / shape.rows), columnTiles = Math.ceil(n / shape.columns);
  const tiles = rowTiles * columnTiles * g.groups;
  const wanted = Math.max(1, Math.floor(ENOUGH_WORKGROUPS / tiles));
  const slice = Math.max(Math.ceil(k / wanted / shape.depth) * shape.depth, LEAST_SLICE);
  const slices = Math.max(1, Math.ceil(k / slice));
  const into = slices === 1 ? dw : new Tensor({
    shape: [slices, dw.numel],
    storage: new Storage(slices * dw.numel, "f32", "conv"),
    scoped: false,
  });
  const kernel = unfoldKernel({
    shape,
    kind: "weight",
    quadsA: area % 4 === 0,
    unrolled: unrolledFor(dw.storage.device),
  });
  launch(kernel, { a: dy, x, y: into }, {
    rowTiles,
    columnTiles,
    groups: g.groups,
    slices,
    slice,
    m,
    n,
    k,
    channels,
    height: g.height,
    width: g.width,
    gridHeight: g.outHeight,
    gridWidth: g.outWidth,
    outHeight: g.outHeight,
    outWidth: g.outWidth,
    tapsY: g.kernelHeight,
    tapsX: g.kernelWidth,
    firstTap: 0,
    tapStepY: g.kernelWidth,
    tapStepX: 1,
    weightRow: 0,
    weightChannel: 0,
    weightGroup: 0,
    stepY: g.strideY,
    stepX: g.strideX,
    spacingY: g.dilationY,
    spacingX: g.dilationX,
    startY: -g.padTop,
    startX: -g.padLeft,
    toStepY: 0,
    toStepX: 0,
    toStart: 0,
    perTaps: 1 / taps,
    perTapsX: 1 / g.kernelWidth,
    perGridWidth: 1 / g.outWidth,
  }, tiles * slices);
  if (into !== dw) {
    sumOver(into, dw, slices, dw.numel);
    into.dispose();
  }
}
