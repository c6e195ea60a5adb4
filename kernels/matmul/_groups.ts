import type { Device } from "../../device/mod.ts";
import type { DType } from "../../tensor/dtype.ts";
import type { Width } from "../elementwise/stored.ts";
import { functionsFor } from "../elementwise/functions.ts";
import { aligned, type Gemm, type GemmKernel, gemmKernel, kindOf, type Plan, transposed } from "./_gemm.ts";
import { offsetExpression, paramsStruct } from "./_lanes.ts";
import { readOperand, type Sink, sinkKey, writeOperand, writeSink } from "./_sink.ts";
import { type TileShape, writeTiles } from "./_tiles.ts";
import { tunedTile } from "./tuning.ts";

/** What the text of a product's kernel depends on. */
export interface GroupsKernel {
  readonly shape: TileShape;
  /** Types of the operands' elements. */
  readonly typeA: DType;
  readonly typeB: DType;
  /** The axis along which an operand's elements are neighbours: `"k"`, or its rows (columns). */
  readonly a: "k" | "outer";
  readonly quadsA: boolean;
  readonly b: "k" | "outer";
  readonly quadsB: boolean;
  /** Neighbouring columns of the result that are stored at once. */
  readonly width: Width;
  /** Steps of k that are written out. */
  readonly unrolled: number;
  readonly batchAxes: number;
  readonly reduceAxes: number;
  /** Whether the transpose is computed, so that the bias belongs to rows. */
  readonly swapped: boolean;
  /** What becomes of the sums. */
  readonly sink: Sink;
}

/** Tiles by the shape of the product; sides are those of the result. */
export const TILES: Readonly<Record<"large" | "wide" | "square" | "small" | "flat", TileShape>> = {
  large: { rows: 128, columns: 128, depth: 8, threadRows: 8, threadColumns: 8 },
  wide: { rows: 64, columns: 128, depth: 16, threadRows: 4, threadColumns: 8 },
  square: { rows: 64, columns: 64, depth: 16, threadRows: 4, threadColumns: 4 },
  small: { rows: 32, columns: 32, depth: 16, threadRows: 4, threadColumns: 2 },
  flat: { rows: 8, columns: 128, depth: 16, threadRows: 2, threadColumns: 4 },
};

/** Names of the tiles that a tuning may choose. */
export const GROUP_TILES: readonly string[] = Object.keys(TILES);

/** Workgroups that fill a GPU; with fewer, long sums are cut into slices. */
const ENOUGH_WORKGROUPS = 128;
/** Steps of k that a slice should at least have. */
const LEAST_SLICE = 256;

/** The kernel of a description, written the first time. */
function groupsKernel(spec: GroupsKernel): GemmKernel {
  const { shape, sink, ...rest } = spec;
  const key = `matmul groups ${Object.values(shape).join("x")} ${Object.values(rest).join(" ")} ${sinkKey(sink)}`;
  return gemmKernel(key, sink, () => writeGroups(spec));
}

/** Writes the kernel. */
export function writeGroups(spec: GroupsKernel): string {
  const { shape, quadsA, quadsB, width, batchAxes, reduceAxes, sink } = spec;
  const type = (quads: boolean) => quads ? "vec4f" : "f32";
  const offset = (index: string, kind: "batch" | "reduce", side: "A" | "B") =>
    offsetExpression(index, kind === "batch" ? batchAxes : reduceAxes, `${kind}Sizes`, `${kind}${side}`);
  const base = (side: "A" | "B") =>
    reduceAxes > 0 ? `batch${side} + ${offset("step", "reduce", side)}` : `batch${side}`;
  const stored = width === 1 ? "f32" : `vec${width}f`;
  const biases = [0, 1, 2, 3].slice(0, width).map((c) => `bias_at(j + ${c}u)`).join(", ");
  const added = sink.bias === null ? "" : spec.swapped ? " + bias_at(i)" : ` + ${stored}(${biases})`;
  const text = writeTiles({
    shape,
    a: { axis: spec.a, quads: quadsA },
    b: { axis: spec.b, quads: quadsB },
    quadsY: width === 4,
    pairsY: width === 2,
    sums: sink.sums !== null,
    unrolled: spec.unrolled,
    declarations: [
      writeOperand("a", 0, spec.typeA, quadsA),
      writeOperand("b", 1, spec.typeB, quadsB),
      writeSink(sink, width, 2),
      "@group(0) @binding(32) var<uniform> params: Params;",
      "var<private> base_a: u32;",
      "var<private> base_b: u32;",
      "var<private> base_y: u32;",
      ...(sink.sums === null ? [] : ["var<private> base_sums: u32;"]),
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
      `  return ${readOperand("a", spec.typeA, quadsA, "place + k * params.columnA")};`,
      "}",
      `fn load_b(place: u32, k: u32) -> ${type(quadsB)} {`,
      "  if (place == NOWHERE || k >= end) {",
      `    return ${type(quadsB)}();`,
      "  }",
      `  return ${readOperand("b", spec.typeB, quadsB, "place + k * params.rowB")};`,
      "}",
      `fn store(i: u32, j: u32, value: ${stored}) {`,
      "  if (i < params.m && j < params.n) {",
      `    put(base_y + i * params.rowY + j * params.columnY, value${added});`,
      "  }",
      "}",
      ...(sink.sums === null ? [] : [
        "fn store_sums(i: u32, value: f32) {",
        "  if (i < params.m && base_sums != NOWHERE) {",
        "    put_sum(base_sums + i, value);",
        "  }",
        "}",
      ]),
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
      "base_y = slice * params.sliceSize + batch * params.m * params.n;",
      ...(sink.sums === null
        ? []
        : ["base_sums = select(NOWHERE, params.sumsAt + slice * params.sliceSize, column == 0u);"]),
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
  return [
    "// y[batch, i, j] = Σ_reduce Σ_k a[batch, reduce, i, k] · b[batch, reduce, k, j]",
    `// A workgroup makes a tile of ${shape.rows} × ${shape.columns}, an invocation ${shape.threadRows} × ${shape.threadColumns} of it.`,
    paramsStruct(sink),
    functionsFor(text),
    text,
  ].join("\n");
}

/**
 * Steps of k that kernels of tiles write out. Software adapters use these kernels in tests alone, and compile them
 * slowly.
 */
export function unrolledFor(device: Device): number {
  return device.info.software ? 1 : 4;
}

/**
 * Parts of a sum that keep a GPU busy.
 *
 * @param tiles Workgroups of one part
 * @param steps Sums of length k that are added up
 * @param k Their length
 * @param depth What a part of one sum is a multiple of
 */
export function slicesFor(tiles: number, steps: number, k: number, depth: number): { slices: number; slice: number } {
  const wanted = Math.max(1, Math.floor(ENOUGH_WORKGROUPS / tiles));
  const slice = steps > 1
    ? Math.max(Math.ceil(steps / wanted), Math.ceil(LEAST_SLICE / Math.max(k, 1)))
    : Math.max(Math.ceil(k / wanted / depth) * depth, LEAST_SLICE);
  return { slices: Math.max(1, Math.ceil((steps > 1 ? steps : k) / slice)), slice };
}

/** Tiles and kernel for a GPU. */
export function groupsPlan(given: Gemm, sink: Sink, device: Device): Plan {
  const swapped = given.n <= 16 && given.m > given.n && sink.sums === null;
  const problem = swapped ? transposed(given) : given;
  const { a, b, m, n, k, batch, reduce } = problem;
  const total = (sizes: readonly number[]) => sizes.reduce((x, y) => x * y, 1);
  const batches = total(batch.sizes), steps = total(reduce.sizes);
  const tilesOf = (shape: TileShape) => Math.ceil(m / shape.rows) * Math.ceil(n / shape.columns) * batches;
  const chosen = tunedTile(kindOf(given, batches));
  const shape = chosen !== null && chosen in TILES
    ? TILES[chosen as keyof typeof TILES]
    : m <= 16
    ? TILES.flat
    : tilesOf(TILES.large) >= ENOUGH_WORKGROUPS
    ? TILES.large
    : tilesOf(TILES.square) >= ENOUGH_WORKGROUPS / 4 && m > 32 && n > 32
    ? TILES.square
    : TILES.small;
  // A single step of k, or a single row or column, has neighbours along any axis.
  const alongA = a.column === 1 || k === 1 ? "k" as const : "outer" as const;
  const alongB = b.row === 1 || k === 1 ? "k" as const : "outer" as const;
  const width = swapped ? 1 : n % 4 === 0 && shape.threadColumns % 4 === 0 ? 4 : n % 2 === 0 ? 2 : 1;
  const spec = {
    shape,
    typeA: a.tensor.dtype,
    typeB: b.tensor.dtype,
    a: alongA,
    quadsA: alongA === "k"
      ? k % 4 === 0 && aligned(problem, "a", a.row)
      : m % 4 === 0 && aligned(problem, "a", a.column),
    b: alongB,
    quadsB: alongB === "k"
      ? k % 4 === 0 && aligned(problem, "b", b.column)
      : n % 4 === 0 && aligned(problem, "b", b.row),
    width,
    unrolled: unrolledFor(device),
    batchAxes: batch.sizes.length,
    reduceAxes: reduce.sizes.length,
    swapped,
  } as const;
  const rowTiles = Math.ceil(m / shape.rows), columnTiles = Math.ceil(n / shape.columns);
  return {
    kernel: (sink) => groupsKernel({ ...spec, sink }),
    width,
    rowTiles,
    tileRows: shape.rows,
    columnTiles,
    ...slicesFor(tilesOf(shape), steps, k, shape.depth),
    swapped,
  };
}
