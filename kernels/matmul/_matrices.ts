import type { Device, MatrixShape } from "../../device/mod.ts";
import { SUBGROUP_MATRIX } from "../../device/subgroup_matrices.ts";
import { functionsFor } from "../elementwise/functions.ts";
import { aligned, type Gemm, type GemmKernel, gemmKernel, kindOf, type Plan } from "./_gemm.ts";
import { slicesFor } from "./_groups.ts";
import { offsetExpression, paramsStruct } from "./_lanes.ts";
import { FLAGGED, type MatrixOps, NAMED } from "./_matrix_ops.ts";
import { PLAIN, type Sink, sinkKey } from "./_sink.ts";
import { tunedTile } from "./tuning.ts";

/** A kernel of products whose subgroups multiply small matrices. */
export interface MatricesKernel {
  readonly ops: MatrixOps;
  readonly shape: MatrixShape;
  /** The most invocations of a subgroup. */
  readonly lanes: number;
  /** Subgroups of a workgroup along rows, and as many along columns. */
  readonly side: number;
  /** Small matrices that a subgroup makes along rows and along columns. */
  readonly rows: number;
  readonly columns: number;
  /** Whether the columns of an operand are contiguous, not its rows. */
  readonly columnsA: boolean;
  readonly columnsB: boolean;
  readonly batchAxes: number;
  readonly reduceAxes: number;
}

/** What multiplies small matrices on an adapter. */
export interface MatrixUnit {
  readonly ops: MatrixOps;
  readonly shapes: readonly MatrixShape[];
  readonly lanes: number;
}

/** Rows, and columns, that a subgroup makes at most: their sums take 32 registers of 32 invocations. */
const BLOCK = 32;
/** Bytes at whose multiples lines must lie for every backend. */
const LINE_BYTES = 16;

let forced: MatrixUnit | null = null;

/** Runs `fn` with something in the place of the adapter's unit, so that the arithmetic can be tested without one. */
export async function withMatrixUnit<T>(unit: MatrixUnit, fn: () => T | Promise<T>): Promise<T> {
  const before = forced;
  forced = unit;
  try {
    return await fn();
  } finally {
    forced = before;
  }
}

/** The unit of a device, or `null`. */
function unitOf({ info: { software, subgroupMatrices: found }, features }: Device): MatrixUnit | null {
  if (forced !== null) return forced;
  if (software || found === null || !features.has(SUBGROUP_MATRIX)) return null;
  const shapes = found.shapes.filter(({ component }) => component === "f32" || features.has("shader-f16"));
  return { ops: found.namesOrder ? NAMED : FLAGGED, shapes, lanes: found.lanes };
}

/** The kernel of a description, written the first time. */
export function matricesKernel(spec: MatricesKernel, sink: Sink): GemmKernel {
  const { ops, shape, ...rest } = spec;
  const key = [ops.name, ...Object.values(shape), ...Object.values(rest), sinkKey(sink)].join(" ");
  return gemmKernel(`matmul matrices ${key}`, sink, () => writeMatrices(spec));
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Writes the kernel. */
export function writeMatrices(spec: MatricesKernel): string {
  const { ops, shape, lanes, side, rows, columns, columnsA, columnsB, batchAxes, reduceAxes } = spec;
  const blockRows = rows * shape.m, blockColumns = columns * shape.n;
  const batchOffset = (of: "A" | "B") => offsetExpression("batch", batchAxes, "batchSizes", `batch${of}`);
  const stepOffset = (of: "A" | "B") => offsetExpression("step", reduceAxes, "reduceSizes", `reduce${of}`);
  const lineA = columnsA ? "params.columnA" : "params.rowA", lineB = columnsB ? "params.columnB" : "params.rowB";
  const each = range(rows).flatMap((r) => range(columns).map((c) => ({ r, c, sum: `s${r}_${c}` })));
  const loadA = (r: number) =>
    ops.load("left", shape, "a", `baseA + ${r * shape.m}u * params.rowA + k * params.columnA`, columnsA, lineA);
  const loadB = (c: number) =>
    ops.load("right", shape, "b", `baseB + ${c * shape.n}u * params.columnB + k * params.rowB`, columnsB, lineB);
  const body = [
    ...ops.declarations(shape),
    `@group(0) @binding(0) var<storage, read> a: array<${shape.component}>;`,
    `@group(0) @binding(1) var<storage, read> b: array<${shape.component}>;`,
    "@group(0) @binding(2) var<storage, read_write> y: array<f32>;",
    "@group(0) @binding(32) var<uniform> params: Params;",
    `@compute @workgroup_size(${lanes * side ** 2})`,
    "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(subgroup_size) size: u32) {",
    "  let own = subgroupBroadcastFirst(lane) / size;",
    "  var rest = workgroup_index(id, groups);",
    `  let row = (rest % params.rowTiles * ${side}u + own % ${side}u) * ${blockRows}u;`,
    "  rest = rest / params.rowTiles;",
    `  let column = (rest % params.columnTiles * ${side}u + own / ${side}u) * ${blockColumns}u;`,
    "  rest = rest / params.columnTiles;",
    "  let batch = rest % params.batches;",
    "  let slice = rest / params.batches;",
    // Where subgroups are smaller than they may be, there are more of them than blocks.
    `  if (slice >= params.slices || own >= ${side ** 2}u || row >= params.m || column >= params.n) {`,
    "    return;",
    "  }",
    `  let placeA = params.offsetA + ${batchOffset("A")} + row * params.rowA;`,
    `  let placeB = params.offsetB + ${batchOffset("B")} + column * params.columnB;`,
    ...each.map(({ sum }) => `  var ${sum}: ${ops.type("result", shape)};`),
    ...(reduceAxes > 0
      ? [
        "  let first = 0u;",
        "  let last = params.k;",
        "  let lastStep = min((slice + 1u) * params.slice, params.reduce);",
        "  for (var step = slice * params.slice; step < lastStep; step++) {",
        `    let baseA = placeA + ${stepOffset("A")};`,
        `    let baseB = placeB + ${stepOffset("B")};`,
      ]
      : [
        "  let first = slice * params.slice;",
        "  let last = min(first + params.slice, params.k);",
        "  {",
        "    let baseA = placeA;",
        "    let baseB = placeB;",
      ]),
    `    for (var k = first; k < last; k += ${shape.k}u) {`,
    ...range(rows).map((r) => `      let a${r} = ${loadA(r)};`),
    ...range(columns).map((c) => `      let b${c} = ${loadB(c)};`),
    ...each.map(({ r, c, sum }) => `      ${ops.multiplyAdd(`a${r}`, `b${c}`, sum)}`),
    "    }",
    "  }",
    "  let place = slice * params.sliceSize + batch * params.m * params.n + row * params.rowY + column;",
    ...each.map(({ r, c, sum }) =>
      `  ${ops.store("y", `place + ${r * shape.m}u * params.rowY + ${c * shape.n}u`, sum, "params.rowY")}`
    ),
    "}",
    "",
  ].join("\n");
  return [
    "// y[batch, i, j] = Σ_reduce Σ_k a[batch, reduce, i, k] · b[batch, reduce, k, j]",
    `// A subgroup makes ${rows} × ${columns} matrices of ${shape.m} × ${shape.n}, a workgroup ${side} × ${side} times that.`,
    ...ops.directives(shape),
    paramsStruct(PLAIN),
    functionsFor(body),
    body,
  ].join("\n");
}

/** Matrices that a subgroup makes along a side: as many as fill a block, and as divide the side. */
function matricesAlong(length: number, one: number): number {
  return [4, 2].find((count) => count * one <= BLOCK && length % (count * one) === 0) ?? 1;
}

/**
 * Whether every line of an operand lies where a small matrix can be loaded from: lines may neither be repeated nor
 * overlap.
 */
function loadable(problem: Gemm, side: "a" | "b", line: number, length: number, bytes: number): boolean {
  return line >= length && aligned(problem, side, line, LINE_BYTES / bytes);
}

/**
 * Tiles and kernel for a unit of small matrices; `null` where the device has none, or none that divides the sizes and
 * has f32 sums, or where a tuning prefers other tiles.
 */
export function matricesPlan(problem: Gemm, { sums }: Sink, device: Device): Plan | null {
  const unit = unitOf(device);
  const { a, b, m, n, k, batch, reduce } = problem, { dtype } = a.tensor;
  if (unit === null || sums !== null || b.tensor.dtype !== dtype || m * n * k === 0) return null;
  const shape = unit.shapes.find((shape) =>
    shape.component === dtype && shape.result === "f32" &&
    m % shape.m === 0 && n % shape.n === 0 && k % shape.k === 0
  );
  const columnsA = a.column !== 1, columnsB = b.column !== 1;
  if (shape === undefined || (columnsA && a.row !== 1) || (columnsB && b.row !== 1)) return null;
  const bytes = dtype === "f16" ? 2 : 4;
  if (!loadable(problem, "a", columnsA ? a.column : a.row, columnsA ? m : k, bytes)) return null;
  if (!loadable(problem, "b", columnsB ? b.column : b.row, columnsB ? k : n, bytes)) return null;
  const total = (sizes: readonly number[]) => sizes.reduce((x, y) => x * y, 1);
  const batches = total(batch.sizes);
  if (tunedTile(kindOf(problem, batches)) !== null) return null;
  const { maxComputeInvocationsPerWorkgroup: most, maxComputeWorkgroupSizeX: mostAlong } = device.limits;
  const side = 4 * unit.lanes <= Math.min(most, mostAlong) ? 2 : 1;
  const rows = matricesAlong(m, shape.m), columns = matricesAlong(n, shape.n);
  const tileRows = side * rows * shape.m;
  const rowTiles = Math.ceil(m / tileRows), columnTiles = Math.ceil(n / (side * columns * shape.n));
  const spec: MatricesKernel = {
    ops: unit.ops,
    shape,
    lanes: unit.lanes,
    side,
    rows,
    columns,
    columnsA,
    columnsB,
    batchAxes: batch.sizes.length,
    reduceAxes: reduce.sizes.length,
  };
  return {
    kernel: (sink) => matricesKernel(spec, sink),
    width: 1,
    plain: true,
    rowTiles,
    tileRows,
    columnTiles,
    ...slicesFor(rowTiles * columnTiles * batches, total(reduce.sizes), k, shape.k),
    swapped: false,
  };
}
