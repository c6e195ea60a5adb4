import { family } from "../_family.ts";
import { launch } from "../_run.ts";
import type { Target } from "../matmul/_gemm.ts";
import { subgroupLanes } from "../matmul/_lanes_plan.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { convFlops, eachAxis, type Geometry, type Volume } from "./_geometry.ts";
import { deliver, storeWidth, total } from "./_kernel.ts";
import { imageKernel, type Window } from "./_lanes_image.ts";
import { weightKernel } from "./_lanes_weight.ts";

/** Workgroups that keep the cores of a usual machine busy to the end. */
const ENOUGH_WORKGROUPS = 64;
/** The widest kernel, and the largest stride, that is unrolled. */
const WIDEST_WINDOW = 11;
/** Products that an invocation may have in its innermost loop: beyond, compiling takes longer than it gains. */
const MOST_PRODUCTS = 448;

/** Below this many operations one kernel serves all strides, dilations and widths. */
const SMALL_FLOPS = 2e6;

/**
 * Whether there is enough to do for a kernel that is made for its sizes: otherwise compiling takes longer than it
 * gains.
 */
export function unrolls(g: Geometry): boolean {
  return convFlops(g) >= SMALL_FLOPS;
}

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
function rowsFor(channels: number, most: number): number {
  return Math.min(cheapest(channels, [16, 1, 2, 4, 6, 8], 3), most);
}

/** What slides over what: the result's line o meets, under tap t, line (o·step + t·spacing + start) / every. */
interface Slide {
  readonly rows: number;
  readonly channels: number;
  readonly weightRow: number;
  readonly weightChannel: number;
  readonly size: Volume;
  readonly out: Volume;
  readonly step: Volume;
  readonly spacing: Volume;
  readonly start: Volume;
  readonly every: Volume;
}

const ONES: Volume = [1, 1, 1];

/** y = conv(x, w): the image slides under the kernel. */
export function lanesForward(x: Tensor, w: Tensor, target: Target, g: Geometry): void {
  const taps = total(g.kernel), channels = g.inChannels / g.groups;
  slide(x, w, target, {
    rows: g.outChannels / g.groups,
    channels,
    weightRow: channels * taps,
    weightChannel: taps,
    size: g.size,
    out: g.out,
    step: g.stride,
    spacing: g.dilation,
    start: eachAxis((i) => -g.before[i]),
    every: ONES,
  }, g);
}

/** dx, the gradient of the image: `dy` slides under the kernel with rows and channels exchanged, backwards. */
export function lanesInput(dy: Tensor, w: Tensor, target: Target, g: Geometry): void {
  const taps = total(g.kernel), rows = g.inChannels / g.groups;
  slide(dy, w, target, {
    rows,
    channels: g.outChannels / g.groups,
    weightRow: taps,
    weightChannel: rows * taps,
    size: g.out,
    out: g.size,
    step: ONES,
    spacing: eachAxis((i) => -g.dilation[i]),
    start: g.before,
    every: g.stride,
  }, g);
}

/** The largest multiple of `of` that is not above `n`. */
function floorTo(n: number, of: number): number {
  return Math.floor(n / of) * of;
}

function slide(x: Tensor, w: Tensor, target: Target, s: Slide, g: Geometry): void {
  const { device } = (target.y ?? target.through!.into).storage;
  const { lanes, broadcast } = subgroupLanes(device);
  const [, , every] = s.every, [, , step] = s.step, [, , taps] = g.kernel, [, , outWidth] = s.out;
  const known = taps <= WIDEST_WINDOW && every <= WIDEST_WINDOW && unrolls(g);
  // A block of columns begins at a multiple of the stride, so that all blocks meet the image alike.
  const wanted = columnsFor(outWidth);
  const columns = !known || every === 1 ? wanted : every * Math.max(1, Math.ceil((wanted === 4 ? 8 : 4) / every));
  const products = known ? Math.ceil(taps / every) * columns : columns;
  const most = broadcast ? 16 : 8;
  const rows = rowsFor(s.rows, Math.min(most, [16, 8, 6, 4, 2, 1].find((r) => r * products <= MOST_PRODUCTS) ?? 1));
  const blocks = Math.ceil(outWidth / columns), hop = columns * step / every;
  const from = Math.floor(s.start[2] / every);
  const quadsX = known && s.size[2] % 4 === 0 && hop % 4 === 0;
  const startX = !known ? s.start[2] : quadsX ? floorTo(from, 4) : from;
  const window: Window | null = known
    ? { taps, step, spacing: s.spacing[2], first: s.start[2] - startX * every, every }
    : null;
  const reach = (axis: 0 | 1 | 2, out: number) => {
    const last = s.spacing[axis] * (g.kernel[axis] - 1), begin = s.start[axis];
    const low = begin + Math.min(0, last), high = begin + s.step[axis] * (out - 1) + Math.max(0, last);
    return low < 0 || high >= s.size[axis] * s.every[axis];
  };
  const padded = reach(0, s.out[0]) || reach(1, s.out[1]) || reach(2, blocks * columns);
  const [phasesZ, phasesY] = s.every.map((n, axis) => Math.min(n, s.out[axis]));
  const gridDepth = Math.ceil(s.out[0] / phasesZ), gridHeight = Math.ceil(s.out[1] / phasesY);
  const positions = g.n * gridDepth * gridHeight * blocks;
  const rowTiles = Math.ceil(s.rows / rows), columnTiles = Math.ceil(positions / lanes);
  const width = storeWidth(columns, outWidth);
  deliver(target, { count: g.n * g.groups * s.rows * total(s.out), rows: 0, slices: 1, width }, (end) =>
    launch(
      imageKernel({
        lanes,
        broadcast,
        rows,
        columns,
        typeX: x.dtype,
        typeW: w.dtype,
        window,
        quadsX,
        padded,
        spread: s.every.some((n) => n > 1),
        deep: g.kernel[0] > 1 || s.out[0] > 1 || s.size[0] > 1,
        ragged: blocks * columns !== outWidth,
        width,
        sink: end.sink,
      }),
      { x, w, ...end.ends },
      {
        rowTiles,
        columnTiles,
        groups: g.groups,
        positions,
        blocks,
        gridDepth,
        gridHeight,
        rows: s.rows,
        channels: s.channels,
        ...sizes(s.size, s.out, g.kernel),
        weightRow: s.weightRow,
        weightChannel: s.weightChannel,
        weightGroup: (g.outChannels / g.groups) * (g.inChannels / g.groups) * total(g.kernel),
        phasesZ,
        phasesY,
        hop,
        ...alongAxes("step", s.step),
        ...alongAxes("spacing", s.spacing),
        ...alongAxes("start", [s.start[0], s.start[1], startX]),
        ...alongAxes("every", s.every),
        ...end.params,
      },
      rowTiles * columnTiles * g.groups * phasesZ * phasesY,
    ));
}

/** A parameter for each axis. */
function alongAxes(name: string, [z, y, x]: Volume): Record<string, number> {
  return { [`${name}Z`]: z, [`${name}Y`]: y, [`${name}X`]: x };
}

/** The parameters for the sizes of image, result and kernel. */
function sizes(size: Volume, out: Volume, kernel: Volume): Record<string, number> {
  return {
    depth: size[0],
    height: size[1],
    width: size[2],
    outDepth: out[0],
    outHeight: out[1],
    outWidth: out[2],
    kernelDepth: kernel[0],
    kernelHeight: kernel[1],
    kernelWidth: kernel[2],
  };
}

/** dw, the gradient of the weight: sums over all images and positions, in parts that are added in order. */
export function lanesWeight(x: Tensor, dy: Tensor, target: Target, g: Geometry): void {
  const { device } = (target.y ?? target.through!.into).storage;
  const { lanes, broadcast } = subgroupLanes(device);
  const rowsPerGroup = g.outChannels / g.groups, channels = g.inChannels / g.groups;
  const [depth, height, width] = g.kernel, [outDepth, outHeight, outWidth] = g.out;
  const rows = rowsFor(rowsPerGroup, broadcast ? 16 : 8);
  const small = !unrolls(g);
  const taps = small ? 1 : Math.ceil(width / Math.ceil(width / 7));
  const blocks = Math.ceil(width / taps);
  const quads = !small && outWidth % 4 === 0;
  const quadsX = quads && blocks === 1 && g.size[2] % 4 === 0;
  const steps = small || outWidth < 4 ? 1 : 4;
  const columns = channels * depth * height * blocks;
  const lines = g.n * outDepth * outHeight;
  const rowTiles = Math.ceil(rowsPerGroup / rows), columnTiles = Math.ceil(columns / lanes);
  const tiles = rowTiles * columnTiles * g.groups;
  const least = Math.ceil(64 / outWidth);
  const enough = family() === "lanes" ? ENOUGH_WORKGROUPS : 4 * ENOUGH_WORKGROUPS;
  const slice = Math.max(least, Math.ceil(lines / Math.max(1, Math.floor(enough / tiles))));
  const slices = Math.max(1, Math.ceil(lines / slice));
  const startX = quadsX ? floorTo(-g.before[2], 4) : -g.before[2];
  const count = g.groups * rowsPerGroup * channels * total(g.kernel);
  deliver(target, { count, rows: g.outChannels, slices, width: 1 }, (end) =>
    launch(
      weightKernel({
        lanes,
        broadcast,
        rows,
        taps,
        steps,
        typeX: x.dtype,
        typeDy: dy.dtype,
        quads,
        quadsX,
        step: steps === 1 ? 1 : g.stride[2],
        spacing: taps === 1 ? 1 : g.dilation[2],
        first: -g.before[2] - startX,
        deep: depth > 1 || outDepth > 1 || g.size[0] > 1,
        sink: end.sink,
      }),
      { x, dy, ...end.ends },
      {
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
        ...sizes(g.size, g.out, g.kernel),
        ...alongAxes("step", g.stride),
        ...alongAxes("spacing", g.dilation),
        ...alongAxes("start", [-g.before[0], -g.before[1], startX]),
        ...end.params,
      },
      tiles * slices,
    ));
}
