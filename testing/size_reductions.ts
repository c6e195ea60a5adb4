/** Reductions, and what goes along rows, each at any size: see `tests/sizes_test.ts`. */
import * as f from "../mod.ts";
import type { Tensor } from "../mod.ts";
import { mapRows, narrowTo, type NDArray, reduce, total } from "./reference.ts";
import type { SizeRow } from "./sizes.ts";

/** Rows of five, as many as the size. */
export const ROWS = (n: number) => [[n, 5]];
const rows = (name: string, run: (x: Tensor) => Tensor, of: (row: number[]) => number[], more?: Partial<SizeRow>) => ({
  name,
  inputs: ROWS,
  run: ([x]: Tensor[]) => run(x),
  reference: ([x]: NDArray[]) => mapRows(x, (row) => of([...row])),
  ...more,
});

// Reductions: along the rows, so that there are many results, and over everything, so that there are many parts.
const reduction = (
  name: string,
  run: (x: Tensor, options?: { dim: number }) => Tensor,
  of: (values: number[]) => number,
  more?: Partial<SizeRow>,
): SizeRow[] => {
  const both = (dim?: number) => ({
    name: `${name} ${dim === undefined ? "of everything" : "of rows"}`,
    inputs: dim === undefined ? (n: number) => [[n]] : ROWS,
    run: ([x]: Tensor[]) => dim === undefined ? run(x) : run(x, { dim }),
    reference: ([x]: NDArray[]) => reduce(x, of, dim),
    ...more,
  });
  const { refuses: _, ...alongRows } = both(1) as SizeRow;
  return [{ ...both(), folds: false }, alongRows];
};
export const mean = (values: number[]) => total(values) / values.length;
export const spread = (values: number[], correction = 1) => {
  const middle = mean(values);
  return total(values.map((v) => (v - middle) ** 2)) / Math.max(0, values.length - correction);
};
export const logsumexp = (values: number[]) => {
  const top = Math.max(...values);
  return top === -Infinity ? top : top + Math.log(total(values.map((v) => Math.exp(v - top))));
};
const firstOf = (values: number[], wanted: number) => values.indexOf(wanted);

export const REDUCTIONS: readonly SizeRow[] = [
  ...reduction("sum", f.sum, total),
  ...reduction("mean", f.mean, mean),
  ...reduction("prod", f.prod, (v) => v.reduce((a, b) => a * b, 1), { draw: { low: 0.999, high: 1.001 } }),
  ...reduction("amax", f.amax, (v) => Math.max(...v), { draw: "distinct", refuses: ["amax", "[0]"] }),
  ...reduction("amin", f.amin, (v) => Math.min(...v), { draw: "distinct", refuses: ["amin", "[0]"] }),
  ...reduction("argmax", f.argmax, (v) => firstOf(v, Math.max(...v)), {
    ...{ draw: "distinct", grad: false, refuses: ["argmax", "[0]"] },
  }),
  ...reduction("argmin", f.argmin, (v) => firstOf(v, Math.min(...v)), {
    ...{ draw: "distinct", grad: false, refuses: ["argmin", "[0]"] },
  }),
  ...reduction("max", (x, o) => o ? f.max(x, o)[0] : f.max(x), (v) => Math.max(...v), {
    ...{ draw: "distinct", refuses: ["max", "[0]"] },
  }),
  ...reduction("min", (x, o) => o ? f.min(x, o)[0] : f.min(x), (v) => Math.min(...v), {
    ...{ draw: "distinct", refuses: ["min", "[0]"] },
  }),
  ...reduction("all", f.all, (v) => Number(v.every((x) => x !== 0)), { grad: false }),
  ...reduction("any", f.any, (v) => Number(v.some((x) => x !== 0)), { grad: false }),
  ...reduction("norm", f.norm, (v) => Math.sqrt(total(v.map((x) => x * x)))),
  ...reduction("logsumexp", (x, o) => f.logsumexp(x, o ?? { dim: 0 }), logsumexp),
  ...reduction("variance", (x, o) => f.variance(x, o), (v) => spread(v), { grad: false }),
  ...reduction("var", (x, o) => f.var(x, { ...o, correction: 0 }), (v) => spread(v, 0)),
  ...reduction("std", (x, o) => f.std(x, o), (v) => Math.sqrt(spread(v)), { grad: false }),
];

const running = (step: (before: number, x: number) => number) => (row: number[]) => {
  const out: number[] = [];
  for (const x of row) out.push(out.length === 0 ? x : step(out.at(-1)!, x));
  return out;
};
export const softmax = (row: number[]) => {
  const whole = logsumexp(row);
  return row.map((x) => Math.exp(x - whole));
};
const normalised = (row: number[]) => row.map((x) => (x - mean(row)) / Math.sqrt(spread(row, 0) + 1e-5));
const sorted = (row: number[]) => [...row].sort((a, b) => a - b);
const order = (row: number[]) => row.map((_, i) => i).sort((a, b) => row[a] - row[b]);

export const ALONG_ROWS: readonly SizeRow[] = [
  rows("softmax", (x) => f.softmax(x, { dim: 1 }), softmax),
  rows("softmax of columns", (x) => f.softmax(x, { dim: 0 }), (row) => row, {
    reference: ([x]) => mapRows(x, (row) => softmax([...row]), 0),
    folds: false,
  }),
  rows("logSoftmax", (x) => f.logSoftmax(x, { dim: 1 }), (row) => row.map((x) => x - logsumexp(row))),
  rows("layerNorm", (x) => f.layerNorm(x, { normalizedShape: [5] }), normalised),
  rows(
    "rmsNorm",
    (x) => f.rmsNorm(x, { normalizedShape: [5], eps: 1e-5 }),
    (row) => row.map((x) => x / Math.sqrt(mean(row.map((v) => v * v)) + 1e-5)),
  ),
  rows("cumsum", (x) => f.cumsum(x, { dim: 1 }), running((a, b) => a + b)),
  rows("cumprod", (x) => f.cumprod(x, { dim: 1 }), running((a, b) => a * b), { draw: "positive" }),
  rows("cummax", (x) => f.cummax(x, { dim: 1 })[0], running(Math.max), { draw: "distinct" }),
  rows("cummin", (x) => f.cummin(x, { dim: 1 })[0], running(Math.min), { draw: "distinct" }),
  rows("logcumsumexp", (x) => f.logcumsumexp(x, { dim: 1 }), running((a, b) => logsumexp([a, b]))),
  rows("sort", (x) => f.sort(x, { dim: 1 })[0], sorted, { draw: "distinct" }),
  rows("argsort", (x) => f.argsort(x, { dim: 1 }), order, { draw: "distinct", grad: false }),
  rows("topk", (x) => f.topk(x, 2, { dim: 1 })[0], (row) => row, {
    draw: "distinct",
    reference: ([x]) => narrowTo(mapRows(x, (row) => sorted([...row]).reverse()), [x.shape[0], 2]),
  }),
  rows("flip", (x) => f.flip(x, [1]), (row) => [...row].reverse()),
  rows("roll", (x) => f.roll(x, 2, { dims: 1 }), (row) => [...row.slice(3), ...row.slice(0, 3)]),
];
