import type { Device } from "../../device/mod.ts";
import { shared } from "../_wgsl.ts";
import { aligned, type Gemm, GEMM_PARAMS, type GemmKernel, type Plan, transposed } from "./_gemm.ts";
import { offsetExpression, paramsStruct } from "./_lanes.ts";
import { type TileShape, writeTiles } from "./_tiles.ts";

/** What the text of a product's kernel depends on. */
export interface GroupsKernel {
  readonly shape: TileShape;
  /** The axis along which an operand's elements are neighbours: `"k"`, or its rows (columns). */
  readonly a: "k" | "outer";
  readonly quadsA: boolean;
  readonly b: "k" | "outer";
  readonly quadsB: boolean;
  readonly quadsY: boolean;
  /** Steps of k that are written out. */
  readonly unrolled: number;
  readonly batchAxes: number;
  readonly reduceAxes: number;
}

/** Tiles by the shape of the product; sides are those of the result. */
export const TILES: Readonly<Record<"large" | "square" | "small" | "flat", TileShape>> = {
  large: { rows: 128, columns: 128, depth: 8, threadRows: 8, threadColumns: 8 },
  square: { rows: 64, columns: 64, depth: 16, threadRows: 4, threadColumns: 4 },
  small: { rows: 32, columns: 32, depth: 16, threadRows: 4, threadColumns: 2 },
  flat: { rows: 8, columns: 128, depth: 16, threadRows: 2, threadColumns: 4 },
};

/** Workgroups that fill a GPU; with fewer, long sums are cut into slices. */
const ENOUGH_WORKGROUPS = 128;
/** Steps of k that a slice should at least have. */
const LEAST_SLICE = 256;

const kernels = new Map<string, GemmKernel>();

/** The kernel of a description, written the first time. */
export function groupsKernel(spec: GroupsKernel): GemmKernel {
  const { shape, ...rest } = spec;
  const key = `matmul groups ${Object.values(shape).join("x")} ${Object.values(rest).join(" ")}`;
  let kernel = kernels.get(key);
  if (kernel === undefined) {
    const bindings = { a: "read", b: "read", y: "read_write" } as const;
    kernels.set(key, kernel = { name: key, bindings, params: GEMM_PARAMS, code: writeGroups(spec) });
  }
  return kernel;
}

/** Writes the kernel. */
export function writeGroups(spec: GroupsKernel): string {
  const { shape, quadsA, quadsB, quadsY, batchAxes, reduceAxes } = spec;
  const type = (quads: boolean) => quads ? "vec4f" : "f32";
  const offset = (index: string, kind: "batch" | "reduce", side: "A" | "B") =>
    offsetExpression(index, kind === "batch" ? batchAxes : reduceAxes, `${kind}Sizes`, `${kind}${side}`);
  const at = (quads: boolean, index: string) => quads ? `[(${index}) >> 2u]` : `[${index}]`;
  const base = (side: "A" | "B") =>
    reduceAxes > 0 ? `batch${side} + ${offset("step", "reduce", side)}` : `batch${side}`;
  return writeTiles({
    shape,
    a: { axis: spec.a, quads: quadsA },
    b: { axis: spec.b, quads: quadsB },
    quadsY,
    unrolled: spec.unrolled,
    declarations: [
      "// y[batch, i, j] = Σ_reduce Σ_k a[batch, reduce, i, k] · b[batch, reduce, k, j]",
      `// A workgroup makes a tile of ${shape.rows} × ${shape.columns}, an invocation ${shape.threadRows} × ${shape.threadColumns} of it.`,
      paramsStruct(),
      `@group(0) @binding(0) var<storage, read> a: array<${type(quadsA)}>;`,
      `@group(0) @binding(1) var<storage, read> b: array<${type(quadsB)}>;`,
      `@group(0) @binding(2) var<storage, read_write> y: array<${type(quadsY)}>;`,
      "@group(1) @binding(0) var<uniform> params: Params;",
      shared.place.trim(),
      "var<private> base_a: u32;",
      "var<private> base_b: u32;",
      "var<private> base_y: u32;",
      "var<private> end: u32;",
      "const NOWHERE = 0xffffffffu;",
      "fn place_a(i: u32) -> u32 {",
      "  return select(NOWHERE, base_a + i * params.rowA, i < params.m);",
      "}",
      "fn place_b(j: u32) -> u32 {",
      "  return select(NOWHERE, base_b + j * params.columnB, j < params.n);",
      "}",
      `fn load_a(place: u32, k: u32) -> ${type(quadsA)} {`,
      "  if (place == NOWHERE || k >= end) {",
      `    return ${type(quadsA)}();`,
      "  }",
      `  return a${at(quadsA, "place + k * params.columnA")};`,
      "}",
      `fn load_b(place: u32, k: u32) -> ${type(quadsB)} {`,
      "  if (place == NOWHERE || k >= end) {",
      `    return ${type(quadsB)}();`,
      "  }",
      `  return b${at(quadsB, "place + k * params.rowB")};`,
      "}",
      `fn store(i: u32, j: u32, value: ${type(quadsY)}) {`,
      "  if (i < params.m && j < params.n) {",
      `    y${at(quadsY, "base_y + i * params.rowY + j * params.columnY")} = value;`,
      "  }",
      "}",
    ],
    place: [
      "var rest = workgroup_index(id, groups);",
      `let row = rest % params.rowTiles * ${shape.rows}u;`,
      "rest = rest / params.rowTiles;",
      `let column = rest % params.columnTiles * ${shape.columns}u;`,
      "rest = rest / params.columnTiles;",
      "let batch = rest % params.batches;",
      "let slice = rest / params.batches;",
      "if (slice >= params.slices) {",
      "  return;",
      "}",
      "base_y = (slice * params.batches + batch) * params.m * params.n;",
      `let batchA = params.offsetA + ${offset("batch", "batch", "A")};`,
      `let batchB = params.offsetB + ${offset("batch", "batch", "B")};`,
    ],
    before: [
      ...(reduceAxes > 0
        ? [
          "let first = 0u;",
          "let last = params.k;",
          "let lastStep = min((slice + 1u) * params.slice, params.reduce);",
          "for (var step = slice * params.slice; step < lastStep; step++) {",
        ]
        : ["let first = slice * params.slice;", "let last = min(first + params.slice, params.k);", "{"]),
      "end = last;",
      `base_a = ${base("A")};`,
      `base_b = ${base("B")};`,
    ],
    after: ["}"],
  });
}

/**
 * Steps of k that kernels of tiles write out. Software adapters use these kernels in tests alone, and compile them slowly.
 */
export function unrolledFor(device: Device): number {
  return device.info.software ? 1 : 4;
}

/** Tiles and kernel for a GPU. */
export function groupsPlan(given: Gemm, device: Device): Plan {
  const swapped = given.n <= 16 && given.m > given.n;
  const problem = swapped ? transposed(given) : given;
  const { a, b, m, n, k, batch, reduce } = problem;
  const total = (sizes: readonly number[]) => sizes.reduce((x, y) => x * y, 1);
  const batches = total(batch.sizes), steps = total(reduce.sizes);
  const tilesOf = (shape: TileShape) => Math.ceil(m / shape.rows) * Math.ceil(n / shape.columns) * batches;
  const shape = m <= 16
    ? TILES.flat
    : tilesOf(TILES.large) >= ENOUGH_WORKGROUPS
    ? TILES.large
    : tilesOf(TILES.square) >= ENOUGH_WORKGROUPS / 4 && m > 32 && n > 32
    ? TILES.square
    : TILES.small;
  const wanted = Math.max(1, Math.floor(ENOUGH_WORKGROUPS / tilesOf(shape)));
  const slice = steps > 1
    ? Math.max(Math.ceil(steps / wanted), Math.ceil(LEAST_SLICE / Math.max(k, 1)))
    : Math.max(Math.ceil(k / wanted / shape.depth) * shape.depth, LEAST_SLICE);
  const slices = Math.max(1, Math.ceil((steps > 1 ? steps : k) / slice));
  // A single step of k, or a single row or column, has neighbours along any axis.
  const alongA = a.column === 1 || k === 1 ? "k" as const : "outer" as const;
  const alongB = b.row === 1 || k === 1 ? "k" as const : "outer" as const;
  const kernel = groupsKernel({
    shape,
    a: alongA,
    quadsA: alongA === "k"
      ? k % 4 === 0 && aligned(problem, "a", a.row)
      : m % 4 === 0 && aligned(problem, "a", a.column),
    b: alongB,
    quadsB: alongB === "k"
      ? k % 4 === 0 && aligned(problem, "b", b.column)
      : n % 4 === 0 && aligned(problem, "b", b.row),
    quadsY: !swapped && n % 4 === 0 && shape.threadColumns % 4 === 0,
    unrolled: unrolledFor(device),
    batchAxes: batch.sizes.length,
    reduceAxes: reduce.sizes.length,
  });
  const rowTiles = Math.ceil(m / shape.rows), columnTiles = Math.ceil(n / shape.columns);
  return { kernel, rowTiles, columnTiles, slices, slice, swapped };
}
