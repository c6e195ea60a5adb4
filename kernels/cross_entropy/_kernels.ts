import { isHalf } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { family } from "../_family.ts";
import { itemKernel, laneGroup, pack, type Packed, type Rows, rowWidth, sharesRows } from "../_rows.ts";
import { launch } from "../_run.ts";
import { crossEntropy, crossEntropyGrad, crossEntropyTotal, crossEntropyTree } from "../_wgsl.ts";
import { reduceInto, type Reduction, temporary } from "../reduce/_reduce.ts";

/** What the kernels are told. */
export interface LossAttrs {
  /** Rows of classes: [batch, classes, other axes]. */
  readonly rows: Rows;
  readonly reduction: "mean" | "sum" | "none";
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  /** Whether the input holds log-probabilities already. */
  readonly logarithms: boolean;
}

/** Rows are taken one by one, since each has its own label; only items along a row are packed. */
function packed({ rows, logarithms }: LossAttrs, pairs: boolean): Packed {
  const { outer, length, inner } = rows;
  const packed = pack(rows, pairs);
  if (packed.packing === "along" && !logarithms) return packed;
  return { packing: "single", parts: 1, rows: outer * inner, length, inner };
}

/** Functions that depend on the packing, the weights, and on what the input holds. */
function functionsOf(packed: Packed, weighted: boolean): Record<string, string> {
  const { parts } = packed;
  const part = (name: string, c: string) =>
    parts === 1 ? `${name}[${c}]` : `${name}[${c} / ${parts}u][${c} % ${parts}u]`;
  const functions: Record<string, string> = { ...itemKernel(packed).functions };
  if (weighted) {
    functions.weight_of = `fn weight_of(c: u32) -> f32 { return ${part("weight", "c")}; }`;
    functions.weights_at = "fn weights_at(r: u32) -> Item { return weight[r]; }";
  }
  return functions;
}

/** Losses of rows and what the gradient needs: `total` and `factor`, or `total` by row without a reduction. */
export function lossForward(
  x: Tensor,
  labels: Tensor,
  weight: Tensor | null,
  attrs: LossAttrs,
  total: Tensor,
  stats: Tensor,
  factor: Tensor,
): void {
  const { rows, reduction, logarithms } = attrs;
  const items = packed(attrs, false);
  const { rows: count, length, inner, parts } = items;
  const { aliases } = itemKernel(items);
  const functions = functionsOf(items, weight !== null);
  const shared = sharesRows(rows) && !logarithms;
  if (parts > 1) {
    functions.element = `fn element(base: u32, c: u32) -> f32 { return x[base + c / ${parts}u][c % ${parts}u]; }`;
  }
  if (logarithms) {
    functions.row_exponentials =
      "fn row_exponentials(base: u32) -> Exponentials { return Exponentials(0.0, 1.0, 0u); }";
  }
  const none = reduction === "none";
  const losses = none ? total : temporary([count], "f32", "crossEntropy");
  const counts = temporary([count], "f32", "crossEntropy");
  const buffers = { x, labels, weight: weight ?? x, losses, counts, stats };
  const params = {
    rows: count,
    length,
    classes: rows.length,
    ignore: attrs.ignoreIndex,
    smoothing: attrs.labelSmoothing,
  };
  const smooth_labels = attrs.labelSmoothing > 0 ? 1 : 0;
  if (shared) {
    const width = rowWidth(length);
    launch(crossEntropyTree, buffers, params, Math.ceil(count * width / 256), {
      aliases,
      functions,
      overrides: { width, smooth_labels },
    });
  } else {
    const group = laneGroup(count);
    launch(crossEntropy, buffers, { ...params, inner }, Math.ceil(count / group), {
      aliases,
      functions,
      overrides: { group, smooth_labels },
    });
  }
  if (!none) {
    addUp(losses, counts, count, reduction === "mean", total, factor);
    losses.dispose();
  }
  counts.dispose();
}

/** More rows than this are added up by many workgroups first. */
const ROWS_OF_ONE_WORKGROUP = 1 << 16;

function addUp(losses: Tensor, counts: Tensor, rows: number, averaged: boolean, total: Tensor, factor: Tensor): void {
  if (rows <= ROWS_OF_ONE_WORKGROUP) {
    launch(crossEntropyTotal, { losses, counts, total, factor }, { rows }, 1, {
      overrides: { averaged: averaged ? 1 : 0 },
    });
    return;
  }
  const adding: Reduction = { read: "f32", word: "f32", start: "0.0", load: "v", combine: "a + b", finish: "v" };
  const sums = [losses, counts].map((t) => {
    const sum = temporary([], "f32", "crossEntropy");
    reduceInto("crossEntropy", adding, t, [0], sum);
    return sum;
  });
  addUp(sums[0], sums[1], 1, averaged, total, factor);
  for (const sum of sums) sum.dispose();
}

/** The gradient of the input. */
export function lossBackward(
  dy: Tensor,
  x: Tensor,
  labels: Tensor,
  weight: Tensor | null,
  stats: Tensor,
  factor: Tensor | null,
  attrs: LossAttrs,
  dx: Tensor,
): void {
  const items = packed(attrs, isHalf(dx.dtype));
  const { rows: count, length, inner, parts: width } = items;
  const { aliases } = itemKernel(items);
  const functions = functionsOf(items, weight !== null);
  if (width > 1) {
    const vector = `vec${width}i`, places = [0, 1, 2, 3].slice(0, width).join(", ");
    functions.is_class = `fn is_class(r: u32, c: i32) -> Item {
      return select(Item(0), Item(1), ${vector}(i32(r * ${width}u)) + ${vector}(${places}) == ${vector}(c));
    }`;
  }
  if (attrs.logarithms) functions.share = "fn share(v: Item, stat: vec4f) -> Item { return Item(0); }";
  if (attrs.reduction === "none") functions.slope = "fn slope(row: u32) -> f32 { return dy[row]; }";
  const shared = family() === "groups" && inner === 1;
  const wanted = family() === "lanes" ? 512 : 65536;
  const parts = shared
    ? Math.ceil(length / 4)
    : Math.max(1, Math.min(Math.ceil(wanted / count), Math.floor(length / 64)));
  const group = laneGroup(count * parts);
  launch(
    crossEntropyGrad,
    { x, labels, weight: weight ?? x, stats, dy, factor: factor ?? dy, dx },
    {
      rows: count,
      length,
      classes: attrs.rows.length,
      inner,
      parts,
      run: Math.ceil(length / parts),
      ignore: attrs.ignoreIndex,
      smoothing: attrs.labelSmoothing,
    },
    Math.ceil(count * parts / group),
    {
      aliases,
      functions,
      overrides: { group, shared_rows: shared ? 1 : 0, smooth_labels: attrs.labelSmoothing > 0 ? 1 : 0 },
    },
  );
}
