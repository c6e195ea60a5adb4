import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { subgroupLanes } from "../matmul/_lanes_plan.ts";
import { sumOver } from "../matmul/_gemm.ts";
import { convFlops, type Geometry } from "./_geometry.ts";
import { imageKernel } from "./_lanes_image.ts";
import { weightKernel } from "./_lanes_kernel.ts";

/** Workgroups that keep the cores of a usual machine busy to the end. */
const ENOUGH_WORKGROUPS = 64;
/** The widest kernel whose taps are unrolled. */
const WIDEST_WINDOW = 11;

/** Below this many operations one kernel serves all strides, dilations and widths: there is little to gain by its own. */
const SMALL_FLOPS = 2e6;

/** The size of parts for which computing all of them costs least, where a part costs its size and `extra`. */
function cheapest(count: number, sizes: readonly number[], extra: number): number {
  const cost = (size: number) => Math.ceil(count / size) * (size + extra);
  return sizes.reduce((best, size) => cost(size) < cost(best) ? size : best);
}

/** Neighbouring columns for an invocation: few sizes, so that few kernels are compiled, and quads where they fit. */
function columnsFor(width: number): number {
  return width % 4 === 0 ? 4 : cheapest(width, [4, 1, 2, 5, 7], 1);
}

/** Channels for an invocation. */
function rowsFor(channels: number): number {
  return cheapest(channels, [16, 1, 2, 4, 6, 8], 3);
}

/** y = conv(x, w): the image slides under the kernel. */
export function lanesForward(x: Tensor, w: Tensor, y: Tensor, g: Geometry): void {
  const taps = g.kernelHeight * g.kernelWidth;
  const perGroup = g.inChannels / g.groups;
  slide(x, w, y, {
    rows: g.outChannels / g.groups,
    channels: perGroup,
    weightRow: perGroup * taps,
    weightChannel: taps,
    height: g.height,
    width: g.width,
    outHeight: g.outHeight,
    outWidth: g.outWidth,
    stepY: g.strideY,
    stepX: g.strideX,
    spacingY: g.dilationY,
    spacingX: g.dilationX,
    startY: -g.padTop,
    startX: -g.padLeft,
    phases: false,
  }, g);
}

/** dx, the gradient of the image: `dy` slides under the kernel with rows and channels exchanged, backwards. */
export function lanesInput(dy: Tensor, w: Tensor, dx: Tensor, g: Geometry): void {
  const taps = g.kernelHeight * g.kernelWidth;
  const perGroup = g.inChannels / g.groups;
  const phases = g.strideY > 1 || g.strideX > 1;
  slide(dy, w, dx, {
    rows: perGroup,
    channels: g.outChannels / g.groups,
    weightRow: taps,
    weightChannel: perGroup * taps,
    height: g.outHeight,
    width: g.outWidth,
    outHeight: g.height,
    outWidth: g.width,
    stepY: g.strideY,
    stepX: g.strideX,
    spacingY: phases ? g.dilationY : -g.dilationY,
    spacingX: phases ? g.dilationX : -g.dilationX,
    startY: g.padTop,
    startX: g.padLeft,
    phases,
  }, g);
}

/** What slides under what. */
interface Slide {
  readonly rows: number;
  readonly channels: number;
  readonly weightRow: number;
  readonly weightChannel: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly stepY: number;
  readonly stepX: number;
  readonly spacingY: number;
  readonly spacingX: number;
  readonly startY: number;
  readonly startX: number;
  readonly phases: boolean;
}

function slide(x: Tensor, w: Tensor, y: Tensor, s: Slide, g: Geometry): void {
  const { lanes, broadcast } = subgroupLanes(y.storage.device);
  const rows = Math.min(rowsFor(s.rows), broadcast ? 16 : 8);
  const phasesY = s.phases ? Math.min(s.stepY, s.outHeight) : 1, phasesX = s.phases ? Math.min(s.stepX, s.outWidth) : 1;
  const gridHeight = Math.ceil(s.outHeight / phasesY), gridWidth = Math.ceil(s.outWidth / phasesX);
  const columns = columnsFor(gridWidth);
  const blocks = Math.ceil(gridWidth / columns);
  const window = s.phases || g.kernelWidth > WIDEST_WINDOW || convFlops(g) < SMALL_FLOPS
    ? null
    : { taps: g.kernelWidth, step: s.stepX, spacing: s.spacingX };
  const reach = (step: number, spacing: number, taps: number, out: number, start: number) => {
    const low = start + Math.min(0, spacing * (taps - 1));
    const high = start + step * (out - 1) + Math.max(0, spacing * (taps - 1));
    return { low, high };
  };
  const across = reach(s.stepX, s.spacingX, g.kernelWidth, blocks * columns, s.startX);
  const down = reach(s.stepY, s.spacingY, g.kernelHeight, s.outHeight, s.startY);
  const padded = across.low < 0 || across.high >= s.width || down.low < 0 || down.high >= s.height;
  const positions = g.n * gridHeight * blocks;
  const rowTiles = Math.ceil(s.rows / rows), columnTiles = Math.ceil(positions / lanes);
  const kernel = imageKernel({
    lanes,
    broadcast,
    rows,
    columns,
    window,
    padded,
    phases: s.phases,
    ragged: blocks * columns * phasesX !== s.outWidth,
    quadsY: !s.phases && columns % 4 === 0 && s.outWidth % 4 === 0,
  });
  launch(kernel, { x, w, y }, {
    rowTiles,
    columnTiles,
    groups: g.groups,
    positions,
    blocks,
    gridHeight,
    rows: s.rows,
    channels: s.channels,
    height: s.height,
    width: s.width,
    outHeight: s.outHeight,
    outWidth: s.outWidth,
    kernelHeight: g.kernelHeight,
    kernelWidth: g.kernelWidth,
    weightRow: s.weightRow,
    weightChannel: s.weightChannel,
    weightGroup: (g.outChannels / g.groups) * (g.inChannels / g.groups) * g.kernelHeight * g.kernelWidth,
    phasesY,
    phasesX,
    stepY: s.stepY,
    stepX: s.stepX,
    spacingY: s.spacingY,
    spacingX: s.spacingX,
    startY: s.startY,
    startX: s.startX,
  }, rowTiles * columnTiles * g.groups * phasesY * phasesX);
}

/** dw, the gradient of the weight: sums over all images and positions, in parts that are added in order. */
export function lanesWeight(x: Tensor, dy: Tensor, dw: Tensor, g: Geometry): void {
  const { lanes, broadcast } = subgroupLanes(dw.storage.device);
  const rowsPerGroup = g.outChannels / g.groups, channels = g.inChannels / g.groups;
  const rows = Math.min(rowsFor(rowsPerGroup), broadcast ? 16 : 8);
  const small = convFlops(g) < SMALL_FLOPS;
  const taps = small ? 1 : Math.ceil(g.kernelWidth / Math.ceil(g.kernelWidth / 7));
  const blocks = Math.ceil(g.kernelWidth / taps);
  const quads = !small && g.outWidth % 4 === 0;
  const steps = small || g.outWidth < 4 ? 1 : 4;
  const columns = channels * g.kernelHeight * blocks;
  const lines = g.n * g.outHeight;
  const rowTiles = Math.ceil(rowsPerGroup / rows), columnTiles = Math.ceil(columns / lanes);
  const tiles = rowTiles * columnTiles * g.groups;
  const least = Math.ceil(64 / g.outWidth);
  const slice = Math.max(least, Math.ceil(lines / Math.max(1, Math.floor(ENOUGH_WORKGROUPS / tiles))));
  const slices = Math.max(1, Math.ceil(lines / slice));
  const into = slices === 1 ? dw : new Tensor({
    shape: [slices, dw.numel],
    storage: new Storage(slices * dw.numel, "f32", "conv"),
    scoped: false,
  });
  const kernel = weightKernel({
    lanes,
    broadcast,
    rows,
    taps,
    steps,
    quads,
    step: steps === 1 ? 1 : g.strideX,
    spacing: taps === 1 ? 1 : g.dilationX,
  });
  launch(kernel, { x, dy, dw: into }, {
    rowTiles,
    columnTiles,
    groups: g.groups,
    slices,
    slice,
    lines,
    blocks,
    columns,
    rows: rowsPerGroup,
    channels,
    height: g.height,
    width: g.width,
    outHeight: g.outHeight,
    outWidth: g.outWidth,
    kernelHeight: g.kernelHeight,
    kernelWidth: g.kernelWidth,
    stepY: g.strideY,
    stepX: g.strideX,
    spacingY: g.dilationY,
    spacingX: g.dilationX,
    startY: -g.padTop,
    startX: -g.padLeft,
  }, tiles * slices);
  if (into !== dw) {
    sumOver(into, dw, slices, dw.numel);
    into.dispose();
  }
}
