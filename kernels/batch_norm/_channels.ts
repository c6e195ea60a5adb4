import { copyInto } from "../elementwise/copy_into.ts";
import { to } from "../elementwise/cast.ts";
import { numel } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { itemKernel, laneGroup, pack, type Rows, rowWidth, sharesRows } from "../_rows.ts";
import { launch } from "../_run.ts";
import { batchStatistics, channelSums, channelSumsTree } from "../_wgsl.ts";
import { cut, momentsOf, partial } from "../reduce/_moments.ts";
import { addPairs } from "../reduce/_pairs.ts";
import { temporary } from "../reduce/_reduce.ts";

/** The elements of each channel of [N, C, …] as rows: part k of channel c of what is made of slices lies at k·C + c. */
interface Channels {
  readonly rows: Rows;
  readonly channels: number;
  /** Parts with the same place in their rows: one for each sample where a channel has many elements in a sample. */
  readonly repeat: number;
}

function channelsOf(x: Tensor): Channels {
  const [samples, channels] = x.shape;
  const area = numel(x.shape.slice(2));
  return area === 1
    ? { rows: { outer: 1, length: samples, inner: channels }, channels, repeat: 1 }
    : { rows: { outer: samples * channels, length: area, inner: 1 }, channels, repeat: samples };
}

/** Running statistics, which change by `momentum` of the way to the new ones. */
export interface Running {
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly momentum: number;
}

/**
 * Mean and biased variance of each channel; running statistics change in place (their variance is the unbiased one).
 */
export function channelMoments(x: Tensor, running: Running | null, mean: Tensor, variance: Tensor): void {
  const { rows, channels, repeat } = channelsOf(x);
  const parts = cut(rows);
  const { means, squares } = partial(rows, parts, "batchNorm");
  momentsOf(x, rows, parts, means, squares);
  // The kernel writes f32; 16-bit statistics go through a copy.
  const wide = (t: Tensor | undefined) => {
    if (t === undefined) return temporary([1], "f32", "batchNorm");
    if (t.dtype !== "f32") return to(t, "f32");
    t.storage.willChange();
    return t;
  };
  const runningMean = wide(running?.mean), runningVariance = wide(running?.variance);
  const n = x.numel / channels;
  const group = laneGroup(channels);
  launch(
    batchStatistics,
    { means, squares, mean, variance, running_mean: runningMean, running_variance: runningVariance },
    {
      channels,
      parts: parts.slices * repeat,
      repeat,
      count: parts.count,
      rest: parts.rest,
      share: 1 / n,
      unbiased: n / (n - 1),
      momentum: running?.momentum ?? 0,
    },
    Math.ceil(channels / group),
    { overrides: { group, running: running === null ? 0 : 1 } },
  );
  means.dispose();
  squares.dispose();
  for (const [own, used] of [[running?.mean, runningMean], [running?.variance, runningVariance]]) {
    if (own === used) continue;
    if (own !== undefined) copyInto(own, used!);
    used!.dispose();
  }
}

/** Σ dy · (x − mean) · rstd into `a` and Σ dy into `b`, for each channel. */
export function channelGradSums(
  x: Tensor,
  dy: Tensor,
  means: Tensor,
  variances: Tensor,
  eps: number,
  a: Tensor,
  b: Tensor,
): void {
  const { rows, channels, repeat } = channelsOf(x);
  const packed = pack(rows);
  const { packing, rows: count, length, inner } = packed;
  const kernel = itemKernel(packed);
  const { slices, count: elements } = cut(rows);
  const parts = slices * repeat;
  const slice = packing === "along" ? elements / 4 : elements;
  const into = parts === 1 ? { a, b } : {
    a: temporary([parts, channels], "f32", "batchNormGrad"),
    b: temporary([parts, channels], "f32", "batchNormGrad"),
  };
  const buffers = { x, dy, means, variances, ...into };
  const params = {
    rows: count,
    length,
    channels: packing === "across" ? channels / 4 : channels,
    slices,
    slice,
    eps,
  };
  if (sharesRows(rows)) {
    const width = rowWidth(slice);
    launch(channelSumsTree, buffers, params, Math.ceil(count * slices * width / 256), {
      ...kernel,
      overrides: { width },
    });
  } else {
    const group = laneGroup(count * slices);
    launch(channelSums, buffers, { ...params, inner }, Math.ceil(count * slices / group), {
      ...kernel,
      overrides: { group },
    });
  }
  if (parts === 1) return;
  addPairs(into.a, into.b, parts, channels, a, b);
  into.a.dispose();
  into.b.dispose();
}
