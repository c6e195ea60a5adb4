import type { Device } from "../../device/mod.ts";
import { family } from "../_family.ts";
import { aligned, type Gemm, kindOf, type Plan, transposed } from "./_gemm.ts";
import { lanesKernel } from "./_lanes.ts";
import type { Sink } from "./_sink.ts";
import { tunedTile } from "./tuning.ts";

/** Workgroups that keep the cores of a usual machine busy to the end. */
const ENOUGH_WORKGROUPS = 32;
/** Steps of k that a slice should at least have: below, storing and adding the parts costs more than it gains. */
const LEAST_SLICE = 64;
/** Operations that a slice should at least have, to be worth a dispatch that adds it. */
const LEAST_SLICE_FLOPS = 1e5;

/** Terms from which on a sum is made of parts for its own sake: n terms added up in parts of p err by about √(n·p). */
const LONG_SUM = 4096;
/** Terms of such a part. */
const PART_OF_LONG_SUM = 512;
/** Elements of parts that are worth the exactness of short sums. */
const MOST_PARTS = 2 ** 22;

/** Names of the tiles that a tuning may choose: rows of the result that an invocation makes. */
export const LANE_TILES: readonly string[] = ["8", "16", "32"];

/** Tiles and kernel for a software adapter. */
export function lanesPlan(given: Gemm, { sums }: Sink, device: Device): Plan {
  const { lanes, broadcast } = subgroupLanes(device);
  // Lanes lie along the longer side.
  const swapped = given.m > given.n && given.n < 4 * lanes && sums === null;
  const problem = swapped ? transposed(given) : given;
  const { a, b, m, n, k, batch, reduce } = problem;
  // A single step of k, or a single row or column, has neighbours along any axis.
  const alongB = b.row === 1 || k === 1 ? "k" as const : "column" as const;
  const quadsB = alongB === "k"
    ? (k % 4 === 0 || b.padded === true) && aligned(problem, "b", b.column)
    : (n % 4 === 0 || b.padded === true) && aligned(problem, "b", b.row);
  const alongA = a.column === 1 || k === 1 ? "k" as const : "row" as const;
  const quadsA = alongA === "k"
    ? (k % 4 === 0 || a.padded === true) && aligned(problem, "a", a.row)
    : m % 4 === 0 && aligned(problem, "a", a.column);
  const columns = alongB === "column" && quadsB ? 4 : n > lanes ? 2 : 1;
  // Few sizes of tiles, so that few kernels are compiled; the largest pays where there is much to do.
  const flops = 2 * m * n * k * batch.sizes.reduce((x, y) => x * y, 1);
  const chosen = tunedTile(kindOf(given, batch.sizes.reduce((x, y) => x * y, 1)));
  const rows = m <= 4
    ? [1, 1, 2, 4, 4][m]
    : m <= 8 || !broadcast
    ? 8
    : chosen !== null && LANE_TILES.includes(chosen)
    ? Number(chosen)
    : m > 16 && flops > 5e8 && quadsA && quadsB
    ? 32
    : 16;
  const rowTiles = Math.ceil(m / rows), columnTiles = Math.ceil(n / (columns * lanes));
  const tiles = rowTiles * columnTiles * batch.sizes.reduce((x, y) => x * y, 1);
  const steps = reduce.sizes.reduce((x, y) => x * y, 1);
  const results = m * n * batch.sizes.reduce((x, y) => x * y, 1), terms = steps * k;
  const exact = terms <= LONG_SUM ? 1 : Math.min(terms / PART_OF_LONG_SUM, MOST_PARTS / results);
  const busy = Math.min(ENOUGH_WORKGROUPS / tiles, flops * steps / LEAST_SLICE_FLOPS);
  const wanted = Math.max(1, Math.floor(busy), Math.ceil(exact));
  let slice: number;
  if (steps > 1) slice = Math.max(Math.ceil(steps / wanted), Math.ceil(LEAST_SLICE / k));
  else slice = Math.max(Math.ceil(k / wanted / 4) * 4, LEAST_SLICE);
  const slices = Math.max(1, Math.ceil((steps > 1 ? steps : k) / slice));
  const width = swapped ? 1 : columns === 4 && n % 4 === 0 ? 4 : columns === 2 && n % 2 === 0 ? 2 : 1;
  const spec = {
    lanes,
    broadcast,
    rows,
    columns,
    typeA: a.tensor.dtype,
    typeB: b.tensor.dtype,
    a: alongA,
    quadsA,
    b: alongB,
    quadsB,
    ragged: k % 4 !== 0,
    width,
    batchAxes: batch.sizes.length,
    reduceAxes: reduce.sizes.length,
    swapped,
  } as const;
  return {
    kernel: (sink) => lanesKernel({ ...spec, sink }),
    width,
    rowTiles,
    tileRows: rows,
    columnTiles,
    slices,
    slice,
    swapped,
  };
}

let broadcasting = true;

/** Runs `fn` without broadcasts between lanes, as on an adapter without subgroup operations; for tests. */
export async function withoutBroadcast(fn: () => void | Promise<void>): Promise<void> {
  broadcasting = false;
  try {
    await fn();
  } finally {
    broadcasting = true;
  }
}

/**
 * Lanes of a workgroup (on software adapters one subgroup), and whether a lane's value can be broadcast to the others:
 * where the adapter tells how many lanes a subgroup has, and never has others.
 */
export function subgroupLanes(device: Device): { lanes: number; broadcast: boolean } {
  if (family() === "groups") return { lanes: 64, broadcast: false };
  const { subgroupMinSize, subgroupMaxSize } = device.gpu.adapterInfo as GPUAdapterInfo & {
    subgroupMinSize?: number;
    subgroupMaxSize?: number;
  };
  const width = subgroupMinSize ?? 0;
  const broadcast = broadcasting && device.features.has("subgroups") && width === subgroupMaxSize && width >= 4 &&
    width <= 16;
  return { lanes: broadcast ? width : 8, broadcast };
}
