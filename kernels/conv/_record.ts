import type { Tensor } from "../../tensor/tensor.ts";
import { family } from "../_family.ts";
import { gemm, GEMM_PARAMS, type Target } from "../matmul/_gemm.ts";
import type { Matrices } from "../matmul/_operand.ts";
import type { Geometry } from "./_geometry.ts";
import { groupsForward, groupsInput, groupsWeight } from "./_groups.ts";
import { UNFOLD_PARAMS } from "./_groups_functions.ts";
import { total } from "./_kernel.ts";
import { IMAGE_PARAMS } from "./_lanes_image.ts";
import { lanesForward, lanesInput, lanesWeight, unrolls } from "./_lanes_plan.ts";
import { planesForward, planesInput, planesWeight, suitsPlanes } from "./_plane_plan.ts";

/** The most words that the parameters of one of the kernels take. */
export const CONV_WORDS: number = Math.max(
  ...[UNFOLD_PARAMS, IMAGE_PARAMS, GEMM_PARAMS].map((params) =>
    Object.values(params).reduce((words, type) => words + (type === "vec4u" ? 4 : 1), 0)
  ),
);

const ALL = [0, 1, 2] as const;

/** Whether each position of the result sees one position of the image, the same one. */
function pointwise(g: Geometry): boolean {
  return ALL.every((i) => g.kernel[i] === 1 && g.stride[i] === 1 && g.before[i] === 0 && g.out[i] === g.size[i]);
}

/** A pointwise convolution of lines instead of images: their positions are one after the other. */
function alongLines(g: Geometry): Geometry {
  const line = [1, 1, total(g.size)] as const;
  return { ...g, size: line, out: line };
}

/**
 * Whether kernels that slide are the faster ones for a pointwise convolution, too; else it is a product of matrices.
 */
function slides(g: Geometry, bias: boolean): boolean {
  return pointwise(g) && (bias || (family() === "lanes" && unrolls(g)));
}

/** Whether the kernel covers the image, so that the result has one position. */
function whole(g: Geometry): boolean {
  return g.groups === 1 && ALL.every((i) => g.kernel[i] === g.size[i] && g.before[i] === 0 && g.out[i] === 1);
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
export function recordForward(x: Tensor, w: Tensor, target: Target, g: Geometry): void {
  const m = g.outChannels / g.groups, k = g.inChannels / g.groups;
  if (whole(g)) {
    const inner = g.inChannels * total(g.size);
    gemm({ a: flat(x, inner), b: flipped(flat(w, inner)), m: g.n, n: m, k: inner, batch: NONE, reduce: NONE }, target);
  } else if (slides(g, Boolean(target.bias))) slide(true, x, w, target, alongLines(g));
  else if (pointwise(g)) {
    const positions = total(g.size);
    const a = outByIn(w, g), b = channelsByPositions(x, g.inChannels, positions, g.groups);
    gemm({ a, b, m, n: positions, k, batch: { sizes: [g.n, g.groups], a: a.batch, b: b.batch }, reduce: NONE }, target);
  } else if (unrolls(g) && suitsPlanes(g, m)) planesForward(x, w, target, g);
  else slide(true, x, w, target, g);
}

/** Records the kernel that slides, of the family that suits. */
function slide(forward: boolean, x: Tensor, w: Tensor, target: Target, g: Geometry): void {
  if (direct(g)) (forward ? lanesForward : lanesInput)(x, w, target, g);
  else (forward ? groupsForward : groupsInput)(x, w, target, g);
}

/** Records dx, the gradient of the image. */
export function recordInput(dy: Tensor, w: Tensor, target: Target, g: Geometry): void {
  const m = g.inChannels / g.groups, k = g.outChannels / g.groups;
  if (whole(g) && !target.bias) {
    const inner = g.inChannels * total(g.size);
    gemm({ a: flat(dy, k), b: flat(w, inner), m: g.n, n: inner, k, batch: NONE, reduce: NONE }, target);
  } else if (slides(g, Boolean(target.bias))) slide(false, dy, w, target, alongLines(g));
  else if (pointwise(g)) {
    const positions = total(g.size);
    const a = flipped(outByIn(w, g)), b = channelsByPositions(dy, g.outChannels, positions, g.groups);
    gemm({ a, b, m, n: positions, k, batch: { sizes: [g.n, g.groups], a: a.batch, b: b.batch }, reduce: NONE }, target);
  } else if (unrolls(g) && suitsPlanes(g, m)) planesInput(dy, w, target, g);
  else slide(false, dy, w, target, g);
}

/** Records dw, the gradient of the kernel, and the sums over all positions of `dy` where the target asks for them. */
export function recordWeight(x: Tensor, dy: Tensor, target: Target, g: Geometry): void {
  const m = g.outChannels / g.groups, n = g.inChannels / g.groups;
  const sums = target.sums ?? null;
  if (whole(g)) {
    const inner = g.inChannels * total(g.size);
    gemm({ a: flipped(flat(dy, m)), b: flat(x, inner), m, n: inner, k: g.n, batch: NONE, reduce: NONE }, target);
  } else if (pointwise(g) && (sums === null || g.groups === 1)) {
    const positions = total(g.size);
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
    }, target);
  } else if (unrolls(g) && suitsPlanes(g, Math.max(m, n))) planesWeight(x, dy, target, g);
  else if (direct(g)) lanesWeight(x, dy, target, g);
  else groupsWeight(x, dy, target, g);
}
