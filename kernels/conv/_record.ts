import type { Tensor } from "../../tensor/tensor.ts";
import { family } from "../_family.ts";
import { gemm } from "../matmul/_gemm.ts";
import type { Matrices } from "../matmul/_operand.ts";
import type { Geometry } from "./_geometry.ts";
import { groupsForward, groupsInput, groupsWeight } from "./_groups.ts";
import { lanesForward, lanesInput, lanesWeight } from "./_lanes_plan.ts";

/** Whether each position of the result sees one position of the image, the same one. */
function pointwise(g: Geometry): boolean {
  return g.kernelHeight === 1 && g.kernelWidth === 1 && g.strideY === 1 && g.strideX === 1 && g.padTop === 0 &&
    g.padLeft === 0 && g.outHeight === g.height && g.outWidth === g.width;
}

/** Whether the kernel covers the image, so that the result has one position. */
function whole(g: Geometry): boolean {
  return g.groups === 1 && g.kernelHeight === g.height && g.kernelWidth === g.width && g.padTop === 0 &&
    g.padLeft === 0 && g.outHeight === 1 && g.outWidth === 1;
}

/**
 * Whether the kernels that slide are used: on software adapters, and on GPUs where groups are so small that tiles of a
 * matrix product would be nearly empty (depthwise convolutions).
 */
function direct(g: Geometry): boolean {
  return family() === "lanes" || (g.groups > 1 && g.outChannels / g.groups <= 4 && g.inChannels / g.groups <= 4);
}

/** Images, or results, as matrices [n, groups, channels, positions]. */
function channelsByPositions(t: Tensor, channels: number, positions: number, groups: number): Matrices {
  const perGroup = channels / groups;
  return {
    tensor: t,
    own: false,
    offset: 0,
    batch: [channels * positions, perGroup * positions],
    row: positions,
    column: 1,
  };
}

/** The weight of a 1×1 convolution as matrices [1, groups, out, in]. */
function outByIn(w: Tensor, g: Geometry): Matrices {
  const rows = g.outChannels / g.groups, columns = g.inChannels / g.groups;
  return { tensor: w, own: false, offset: 0, batch: [0, rows * columns], row: columns, column: 1 };
}

/** The same matrices transposed. */
function flipped(x: Matrices): Matrices {
  return { ...x, row: x.column, column: x.row };
}

function flat(t: Tensor, columns: number): Matrices {
  return { tensor: t, own: false, offset: 0, batch: [], row: columns, column: 1 };
}

const NONE = { sizes: [], a: [], b: [] };

/** Records y = conv(x, w). */
export function convolve(x: Tensor, w: Tensor, y: Tensor, g: Geometry): void {
  const m = g.outChannels / g.groups, k = g.inChannels / g.groups;
  if (whole(g)) {
    const inner = g.inChannels * g.height * g.width;
    gemm({ a: flat(x, inner), b: flipped(flat(w, inner)), m: g.n, n: m, k: inner, batch: NONE, reduce: NONE }, y);
  } else if (pointwise(g)) {
    const positions = g.height * g.width;
    const a = outByIn(w, g), b = channelsByPositions(x, g.inChannels, positions, g.groups);
    gemm({ a, b, m, n: positions, k, batch: { sizes: [g.n, g.groups], a: a.batch, b: b.batch }, reduce: NONE }, y);
  } else if (direct(g)) lanesForward(x, w, y, g);
  else groupsForward(x, w, y, g);
}

/** Records dx, the gradient of the image. */
export function inputGradient(dy: Tensor, w: Tensor, dx: Tensor, g: Geometry): void {
  const m = g.inChannels / g.groups, k = g.outChannels / g.groups;
  if (whole(g)) {
    const inner = g.inChannels * g.height * g.width;
    gemm({ a: flat(dy, k), b: flat(w, inner), m: g.n, n: inner, k, batch: NONE, reduce: NONE }, dx);
  } else if (pointwise(g)) {
    const positions = g.height * g.width;
    const a = flipped(outByIn(w, g)), b = channelsByPositions(dy, g.outChannels, positions, g.groups);
    gemm({ a, b, m, n: positions, k, batch: { sizes: [g.n, g.groups], a: a.batch, b: b.batch }, reduce: NONE }, dx);
  } else if (direct(g)) lanesInput(dy, w, dx, g);
  else groupsInput(dy, w, dx, g);
}

/** Records dw, the gradient of the kernel. */
export function weightGradient(x: Tensor, dy: Tensor, dw: Tensor, g: Geometry): void {
  const m = g.outChannels / g.groups, n = g.inChannels / g.groups;
  if (whole(g)) {
    const inner = g.inChannels * g.height * g.width;
    gemm({ a: flipped(flat(dy, m)), b: flat(x, inner), m, n: inner, k: g.n, batch: NONE, reduce: NONE }, dw);
  } else if (pointwise(g)) {
    const positions = g.height * g.width;
    const a = channelsByPositions(dy, g.outChannels, positions, g.groups);
    const b = flipped(channelsByPositions(x, g.inChannels, positions, g.groups));
    gemm({
      a,
      b,
      m,
      n,
      k: positions,
      batch: { sizes: [g.groups], a: a.batch.slice(1), b: b.batch.slice(1) },
      reduce: { sizes: [g.n], a: a.batch.slice(0, 1), b: b.batch.slice(0, 1) },
    }, dw);
  } else if (direct(g)) lanesWeight(x, dy, dw, g);
  else groupsWeight(x, dy, dw, g);
}
