/**
 * Writes kernels that multiply tiles in workgroup memory, for GPUs: the workgroup brings a tile of each operand, every
 * invocation multiplies its rows by its columns in registers, unrolled. What the operands are is a matter of two WGSL
 * functions each, so matrices and unfolded images are multiplied by the same text.
 */

/** Sizes of a tile and of an invocation's part of it. */
export interface TileShape {
  readonly rows: number;
  readonly columns: number;
  /** Steps of k in workgroup memory at once. */
  readonly depth: number;
  readonly threadRows: number;
  readonly threadColumns: number;
}

/** How an operand comes into workgroup memory. */
export interface TileOperand {
  /** The axis along which neighbours are read by neighbouring invocations: `"k"`, or the rows (columns) of the tile. */
  readonly axis: "k" | "outer";
  /** Whether `load` gives four neighbours along that axis. */
  readonly quads: boolean;
}

/** A kernel around the tiles. */
export interface TileKernel {
  readonly shape: TileShape;
  readonly a: TileOperand;
  readonly b: TileOperand;
  /**
   * Everything outside of `main`: bindings, parameters, and the functions `place_a(row) -> P`,
   * `load_a(place: P, k) -> f32` (vec4f with quads), the same for b with columns; and `store(row, column, value)`, or
   * with `quadsY` `store(row, column, quad)`. A place may be anything; loads give zeros beyond the end.
   */
  readonly declarations: readonly string[];
  /** Lines that find the tile: they declare `row`, `column` (its first), and may leave when there is nothing to do. */
  readonly place: readonly string[];
  /** Lines around the loop over k, which runs from `first` to `last`: an outer loop, for instance. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Whether four neighbouring columns are stored at once. */
  readonly quadsY: boolean;
  /** Whether two are, where four are not: `store(row, column, pair)`. */
  readonly pairsY?: boolean;
  /** Whether `store_sums(row, sum)` takes the sum of each row of `a`; the function leaves out rows beyond the end. */
  readonly sums?: boolean;
  /**
   * Steps of k that are written out, a part of the depth. With 1 the loop has a length that compilers do not know, and
   * do not unroll either.
   */
  readonly unrolled: number;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const LETTERS = "xyzw";

/** Invocations of a workgroup. */
function tileThreads({ rows, columns, threadRows, threadColumns }: TileShape): number {
  return (rows / threadRows) * (columns / threadColumns);
}

/**
 * Length of a line of a tile in workgroup memory: a little more than the tile, so that lines start in different banks.
 */
function lineOf(outer: number): number {
  return outer + 2;
}

/** Writes the kernel. */
export function writeTiles(kernel: TileKernel): string {
  const { shape } = kernel;
  const threads = tileThreads(shape);
  const across = shape.columns / shape.threadColumns;
  return [
    ...kernel.declarations,
    `var<workgroup> tile_a: array<f32, ${shape.depth * lineOf(shape.rows)}>;`,
    `var<workgroup> tile_b: array<f32, ${shape.depth * lineOf(shape.columns)}>;`,
    `@compute @workgroup_size(${threads})`,
    "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {",
    ...[
      ...kernel.place,
      `let own_column = thread % ${across}u;`,
      `let own_row = thread / ${across}u;`,
      ...range(shape.threadRows).flatMap((i) => range(shape.threadColumns).map((j) => `var s${i}_${j} = 0.0;`)),
      ...(kernel.sums ? shares(kernel).map(({ name, type }) => `var ${name} = ${type}();`) : []),
      ...kernel.before,
      ...places("a", kernel.a, shape.rows, shape.depth, threads),
      ...places("b", kernel.b, shape.columns, shape.depth, threads),
      `for (var k = first; k < last; k += ${shape.depth}u) {`,
      ...[
        ...fill("a", kernel.a, shape.rows, shape.depth, threads, kernel.sums),
        ...fill("b", kernel.b, shape.columns, shape.depth, threads),
        "workgroupBarrier();",
        ...products(shape, kernel.unrolled),
        "workgroupBarrier();",
      ].map((line) => `  ${line}`),
      "}",
      ...kernel.after,
      ...store(kernel),
      ...(kernel.sums ? storeSums(kernel) : []),
    ].map((line) => `  ${line}`),
    "}",
    "",
  ].join("\n");
}

/** One of the loads by which an invocation helps to fill a tile: which row or column, and which k. */
interface Item {
  /** Text of the row or column in the tile, and the part of it that is known when writing. */
  readonly outer: string;
  readonly k: string;
  /** Text of a condition where there are more invocations than items. */
  readonly only: string | null;
}

/** The loads of an invocation. */
function items({ axis, quads }: TileOperand, outer: number, depth: number, threads: number): Item[] {
  const width = (axis === "k" ? depth : outer) / (quads ? 4 : 1);
  const lines = axis === "k" ? outer : depth;
  const all = width * lines;
  return range(Math.ceil(all / threads)).map((i) => {
    const simple = threads % width === 0;
    const index = i === 0 ? "thread" : `(thread + ${i * threads}u)`;
    const along = simple ? `thread % ${width}u` : `${index} % ${width}u`;
    const line = simple ? `thread / ${width}u${i === 0 ? "" : ` + ${i * threads / width}u`}` : `${index} / ${width}u`;
    const scaled = quads ? `(${along}) * 4u` : `(${along})`;
    const only = (i + 1) * threads > all ? `${index} < ${all}u` : null;
    return axis === "k" ? { outer: `(${line})`, k: scaled, only } : { outer: scaled, k: `(${line})`, only };
  });
}

/** Declares the place of each load, equal ones once. */
function places(side: "a" | "b", operand: TileOperand, outer: number, depth: number, threads: number): string[] {
  const first = side === "a" ? "row" : "column";
  const all = items(operand, outer, depth, threads);
  return all.flatMap((item, i) =>
    placeOf(all, i) === i ? [`let place_${side}${i} = place_${side}(${first} + ${item.outer});`] : []
  );
}

/** The first load with the same place. */
function placeOf(all: readonly Item[], i: number): number {
  return all.findIndex(({ outer }) => outer === all[i].outer);
}

/** Brings an invocation's share of a tile into workgroup memory; with `sums`, adds it to `t0`, `t1`, … on the way. */
function fill(
  side: "a" | "b",
  operand: TileOperand,
  outer: number,
  depth: number,
  threads: number,
  sums = false,
): string[] {
  const all = items(operand, outer, depth, threads);
  return all.flatMap((item, i) => {
    const value = `${side}${i}`;
    return onlyFor(item, [
      `let ${value} = load_${side}(place_${side}${placeOf(all, i)}, k + ${item.k});`,
      ...intoTile(side, operand, outer, item, value),
      ...(sums ? [`t${i} += ${value};`] : []),
    ]);
  });
}

/** Writes what one load brought to its place in the tile. */
function intoTile(side: "a" | "b", { axis, quads }: TileOperand, outer: number, item: Item, value: string): string[] {
  const line = lineOf(outer);
  const at = `(${item.k}) * ${line}u + ${item.outer}`;
  if (!quads) return [`tile_${side}[${at}] = ${value};`];
  const step = axis === "k" ? line : 1;
  return range(4).map((c) => `tile_${side}[${at} + ${c * step}u] = ${value}.${LETTERS[c]};`);
}

/** Lines of a load, for the invocations that have one. */
function onlyFor({ only }: Item, lines: string[]): string[] {
  return only === null ? lines : [`if (${only}) {`, ...lines.map((text) => `  ${text}`), "}"];
}

/** An invocation's loads of `a`, and the variables that add them up over k. */
function shares({ a, shape }: TileKernel): { item: Item; name: string; type: string }[] {
  return items(a, shape.rows, shape.depth, tileThreads(shape)).map((item, i) => ({
    item,
    name: `t${i}`,
    type: a.quads ? "vec4f" : "f32",
  }));
}

/** Adds up the shares of all invocations through the tile, in which they have the places of what was loaded. */
function storeSums(kernel: TileKernel): string[] {
  const { rows, depth } = kernel.shape;
  return [
    ...shares(kernel).flatMap(({ item, name }) => onlyFor(item, intoTile("a", kernel.a, rows, item, name))),
    "workgroupBarrier();",
    `for (var i = thread; i < ${rows}u; i += ${tileThreads(kernel.shape)}u) {`,
    "  var total = 0.0;",
    `  for (var d = 0u; d < ${depth}u; d++) {`,
    `    total += tile_a[d * ${lineOf(rows)}u + i];`,
    "  }",
    "  store_sums(row + i, total);",
    "}",
  ];
}

/** Rows (columns) of an invocation lie in fours, the fours spread over the tile. */
function own(index: number, part: number, whole: number, name: string): string {
  const four = Math.min(4, part);
  const spread = Math.floor(index / four) * (whole / (part / four)) + index % four;
  return `${name} * ${four}u + ${spread}u`;
}

/** Multiplies the tiles. */
function products({ rows, columns, depth, threadRows, threadColumns }: TileShape, unrolled: number): string[] {
  const length = unrolled === 1 ? `min(${depth}u, last - k)` : `${depth}u`;
  const lines = [`for (var step = 0u; step < ${length}; step += ${unrolled}u) {`];
  for (const k of range(unrolled)) {
    lines.push("  {");
    lines.push(
      `    let at_a = (step + ${k}u) * ${lineOf(rows)}u;`,
      `    let at_b = (step + ${k}u) * ${lineOf(columns)}u;`,
    );
    for (const i of range(threadRows)) {
      lines.push(`    let a${i} = tile_a[at_a + ${own(i, threadRows, rows, "own_row")}];`);
    }
    for (const j of range(threadColumns)) {
      lines.push(`    let b${j} = tile_b[at_b + ${own(j, threadColumns, columns, "own_column")}];`);
    }
    for (const i of range(threadRows)) {
      for (const j of range(threadColumns)) lines.push(`    s${i}_${j} = fma(a${i}, b${j}, s${i}_${j});`);
    }
    lines.push("  }");
  }
  return [...lines, "}"];
}

function store({ shape, quadsY, pairsY = false }: TileKernel): string[] {
  const { rows, columns, threadRows, threadColumns } = shape;
  return range(threadRows).flatMap((i) => {
    const row = `row + ${own(i, threadRows, rows, "own_row")}`;
    const column = (j: number) => `column + ${own(j, threadColumns, columns, "own_column")}`;
    if (!quadsY && !pairsY) return range(threadColumns).map((j) => `store(${row}, ${column(j)}, s${i}_${j});`);
    const width = quadsY ? 4 : 2;
    return range(threadColumns / width).map((g) => {
      const values = range(width).map((c) => `s${i}_${width * g + c}`).join(", ");
      return `store(${row}, ${column(width * g)}, vec${width}f(${values}));`;
    });
  });
}
