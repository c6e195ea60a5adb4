import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import type { Target } from "../matmul/_gemm.ts";
import { subgroupLanes } from "../matmul/_lanes_plan.ts";
import type { Geometry, Volume } from "./_geometry.ts";
import { deliver, storeWidth, total } from "./_kernel.ts";
import type { Window } from "./_lanes_image.ts";
import { planeKernel } from "./_lanes_plane.ts";
import { planeWeightKernel } from "./_lanes_plane_weight.ts";

/** Products that an invocation may have in its innermost loop: beyond, compiling takes longer than it gains. */
const MOST_PRODUCTS = 320;
/** The largest kernel, and the largest stride, that is unrolled. */
const MOST_TAPS = 49;
const MOST_STRIDE = 4;
/** Workgroups that keep the cores of a usual machine busy to the end. */
const ENOUGH_WORKGROUPS = 64;

/**
 * Whether a convolution of planes makes so few channels of each group that what is loaded is best used within the
 * plane.
 */
export function suitsPlanes(g: Geometry, perGroup: number): boolean {
  return g.groups > 1 && perGroup <= 2 && g.kernel[0] === 1 && g.size[0] === 1 && g.out[0] === 1 &&
    total(g.kernel) <= MOST_TAPS && g.stride.every((step) => step <= MOST_STRIDE);
}

/** How a plane of the result meets one of the image along an axis: (o·step + t·spacing + start) / every. */
interface Meeting {
  readonly taps: number;
  readonly step: number;
  readonly spacing: number;
  readonly start: number;
  readonly every: number;
}

/** A window with its beginning at a multiple of `align`, and that beginning. */
function windowOf({ taps, step, spacing, start, every }: Meeting, align: number): { window: Window; begin: number } {
  const begin = Math.floor(Math.floor(start / every) / align) * align;
  return { window: { taps, step, spacing, first: start - begin * every, every }, begin };
}

/** Lines and columns of a patch, and what it meets. */
function patchOf(down: Meeting, across: Meeting, width: number, outWidth: number) {
  const columns = across.every * Math.max(1, Math.floor(4 / across.every));
  const perLine = columns * Math.ceil(down.taps / down.every) * Math.ceil(across.taps / across.every);
  const most = Math.max(1, Math.floor(Math.min(4, MOST_PRODUCTS / perLine) / down.every));
  const lines = down.every * most;
  const hopX = columns * across.step / across.every;
  const quadsX = width % 4 === 0 && hopX % 4 === 0;
  const y = windowOf(down, 1), x = windowOf(across, quadsX ? 4 : 1);
  return {
    windows: { lines, columns, windowY: y.window, windowX: x.window, quadsX },
    hops: { hopY: lines * down.step / down.every, hopX, startY: y.begin, startX: x.begin },
    blocks: Math.ceil(outWidth / columns),
  };
}

/** What slides over what. */
interface Planes {
  readonly rows: number;
  readonly channels: number;
  readonly weightRow: number;
  readonly weightChannel: number;
  readonly size: Volume;
  readonly out: Volume;
  readonly meeting: readonly [down: Meeting, across: Meeting];
}

/** How the result of a convolution meets its image, down and across. */
function forwards(g: Geometry): [Meeting, Meeting] {
  const along = (i: 1 | 2): Meeting => ({
    taps: g.kernel[i],
    step: g.stride[i],
    spacing: g.dilation[i],
    start: -g.before[i],
    every: 1,
  });
  return [along(1), along(2)];
}

/** How the image of a convolution meets its result, down and across. */
function backwards(g: Geometry): [Meeting, Meeting] {
  const along = (i: 1 | 2): Meeting => ({
    taps: g.kernel[i],
    step: 1,
    spacing: -g.dilation[i],
    start: g.before[i],
    every: g.stride[i],
  });
  return [along(1), along(2)];
}

/** y = conv(x, w). */
export function planesForward(x: Tensor, w: Tensor, target: Target, g: Geometry): void {
  const taps = total(g.kernel), channels = g.inChannels / g.groups;
  slide(x, w, target, {
    rows: g.outChannels / g.groups,
    channels,
    weightRow: channels * taps,
    weightChannel: taps,
    size: g.size,
    out: g.out,
    meeting: forwards(g),
  }, g);
}

/** dx, the gradient of the image. */
export function planesInput(dy: Tensor, w: Tensor, target: Target, g: Geometry): void {
  const taps = total(g.kernel), rows = g.inChannels / g.groups;
  slide(dy, w, target, {
    rows,
    channels: g.outChannels / g.groups,
    weightRow: taps,
    weightChannel: rows * taps,
    size: g.out,
    out: g.size,
    meeting: backwards(g),
  }, g);
}

function slide(x: Tensor, w: Tensor, target: Target, p: Planes, g: Geometry): void {
  const { lanes, broadcast } = subgroupLanes(x.storage.device);
  const [, outHeight, outWidth] = p.out, [, height, width] = p.size;
  const { windows, hops, blocks } = patchOf(...p.meeting, width, outWidth);
  const lineBlocks = Math.ceil(outHeight / windows.lines), positions = g.n * lineBlocks * blocks;
  const tiles = Math.ceil(positions / lanes), stored = storeWidth(windows.columns, outWidth);
  const count = g.n * g.groups * p.rows * outHeight * outWidth;
  deliver(target, { count, rows: 0, slices: 1, width: stored }, (end) =>
    launch(
      planeKernel({
        ...windows,
        lanes,
        broadcast,
        typeX: x.dtype,
        typeW: w.dtype,
        width: stored,
        sink: end.sink,
      }),
      { x, w, ...end.ends },
      {
        tiles,
        groups: g.groups,
        positions,
        blocks,
        lineBlocks,
        rows: p.rows,
        channels: p.channels,
        height,
        width,
        outHeight,
        outWidth,
        weightRow: p.weightRow,
        weightChannel: p.weightChannel,
        weightGroup: (g.outChannels / g.groups) * (g.inChannels / g.groups) * total(g.kernel),
        ...hops,
        ...end.params,
      },
      tiles * p.rows * g.groups,
    ));
}

/** dw, the gradient of the weight; lanes are slices that are added in order. */
export function planesWeight(x: Tensor, dy: Tensor, target: Target, g: Geometry): void {
  const { lanes } = subgroupLanes(x.storage.device);
  const [, outHeight, outWidth] = g.out, [, height, width] = g.size;
  const { windows, hops, blocks } = patchOf(...forwards(g), width, outWidth);
  const rows = g.outChannels / g.groups, channels = g.inChannels / g.groups;
  const lineBlocks = Math.ceil(outHeight / windows.lines), patches = g.n * lineBlocks * blocks;
  const pairs = g.groups * rows * channels;
  const chunks = Math.max(1, Math.min(Math.ceil(ENOUGH_WORKGROUPS / pairs), Math.floor(patches / (4 * lanes))));
  const made = { count: pairs * total(g.kernel), rows: g.outChannels, slices: chunks * lanes, width: 1 } as const;
  deliver(target, made, (end) =>
    launch(
      planeWeightKernel({
        ...windows,
        lanes,
        typeX: x.dtype,
        typeDy: dy.dtype,
        quads: outWidth % 4 === 0 && windows.columns % 4 === 0,
        sink: end.sink,
      }),
      { x, dy, ...end.ends },
      {
        groups: g.groups,
        rows,
        channels,
        chunks,
        patches,
        blocks,
        lineBlocks,
        height,
        width,
        outHeight,
        outWidth,
        ...hops,
        ...end.params,
      },
      chunks * pairs,
    ));
}
