import { shared } from "../_wgsl.ts";
import { GEMM_PARAMS, type GemmKernel } from "./_gemm.ts";

/**
 * A kernel for adapters that compute on the processor's cores, where an instruction works on all lanes of a subgroup at once,
 * and loads are what costs: each lane's address is checked and fetched on its own.
 */
export interface LanesKernel {
  /** Lanes of a subgroup, a multiple of 4; a workgroup is one subgroup. */
  readonly lanes: number;
  /**
   * Whether a load gives each lane other elements of `a`, which are then broadcast lane by lane. Without subgroup
   * operations every lane loads them all.
   */
  readonly broadcast: boolean;
  /** Rows of the result that an invocation makes. */
  readonly rows: number;
  /** Columns of the result that an invocation makes. */
  readonly columns: number;
  /** The axis of `a` along which its elements are neighbours: `"k"` or rows. */
  readonly a: "k" | "row";
  /** Whether four neighbours of `a` are loaded at once. */
  readonly quadsA: boolean;
  /** The axis of `b` along which its elements are neighbours: `"k"` or columns. */
  readonly b: "k" | "column";
  /** Whether four neighbours of `b` are loaded at once. */
  readonly quadsB: boolean;
  /** Whether k is no multiple of four, so that loads beyond its end have to give zeros. */
  readonly ragged: boolean;
  /** Whether four neighbouring columns of the result are stored at once; asks for `quadsB` along columns. */
  readonly quadsY: boolean;
  /** Axes of the batch, and axes that are summed, after merging. */
  readonly batchAxes: number;
  readonly reduceAxes: number;
}

/** Steps of k that are taken at once. */
const STEP = 4;
const LETTERS = "xyzw";

const kernels = new Map<string, GemmKernel>();

/** The kernel of a description, written the first time. */
export function lanesKernel(spec: LanesKernel): GemmKernel {
  const key = `matmul lanes ${Object.values(spec).join(" ")}`;
  let kernel = kernels.get(key);
  if (kernel === undefined) {
    const bindings = { a: "read", b: "read", y: "read_write" } as const;
    kernels.set(key, kernel = { name: key, bindings, params: GEMM_PARAMS, code: writeLanes(spec) });
  }
  return kernel;
}

/** The text of `struct Params`. */
export function paramsStruct(): string {
  return ["struct Params {", ...Object.entries(GEMM_PARAMS).map(([name, type]) => `  ${name}: ${type},`), "}"].join(
    "\n",
  );
}

/**
 * Text of an offset: the index of a batch (or of a step of the summed axes), taken apart along its axes. Divisions are
 * dear, so there are only as many as there are axes.
 */
export function offsetExpression(index: string, axes: number, sizes: string, strides: string): string {
  const terms: string[] = [];
  let rest = index;
  for (let axis = 3; axis > 3 - axes; axis--) {
    const letter = LETTERS[axis];
    const own = axis === 4 - axes ? rest : `${rest} % params.${sizes}.${letter}`;
    terms.push(`${own} * params.${strides}.${letter}`);
    rest = `(${rest} / params.${sizes}.${letter})`;
  }
  return terms.join(" + ") || "0u";
}

/** Writes the kernel. */
export function writeLanes(spec: LanesKernel): string {
  const { rows, columns, lanes, broadcast } = spec;
  const writer = new Writer(spec);
  const itemA = spec.quadsA ? "vec4f" : "f32", itemB = spec.quadsB ? "vec4f" : "f32";
  return [
    "// y[batch, i, j] = Σ_reduce Σ_k a[batch, reduce, i, k] · b[batch, reduce, k, j]",
    `// A workgroup of ${lanes} lanes makes ${rows} rows; lanes lie along the columns, ${columns} each. No barrier, no workgroup memory.`,
    ...(broadcast ? ["enable subgroups;"] : []),
    paramsStruct(),
    `@group(0) @binding(0) var<storage, read> a: array<${itemA}>;`,
    `@group(0) @binding(1) var<storage, read> b: array<${itemB}>;`,
    `@group(0) @binding(2) var<storage, read_write> y: array<${spec.quadsY ? "vec4f" : "f32"}>;`,
    "@group(1) @binding(0) var<uniform> params: Params;",
    shared.place.trim(),
    `@compute @workgroup_size(${lanes})`,
    "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {",
    ...writer.body().map((line) => `  ${line}`),
    "}",
    "",
  ].join("\n");
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

class Writer {
  readonly #spec: LanesKernel;
  /** Accumulators of a row: vec4 for four neighbouring columns, or one number each. */
  readonly #sums: number;

  constructor(spec: LanesKernel) {
    this.#spec = spec;
    this.#sums = this.#quadColumns ? spec.columns / 4 : spec.columns;
  }

  /** Whether an invocation's columns come in fours of neighbours. */
  get #quadColumns(): boolean {
    return this.#spec.b === "column" && this.#spec.quadsB;
  }

  /** Groups of rows whose elements of `a` one load brings. */
  get #groups(): number {
    return this.#spec.broadcast ? Math.ceil(this.#spec.rows / this.#spec.lanes) : this.#spec.rows;
  }

  body(): string[] {
    const { rows, columns, lanes, reduceAxes } = this.#spec;
    const sum = this.#quadColumns ? "vec4f()" : "0.0";
    return [
      "var rest = workgroup_index(id, groups);",
      `let row = rest % params.rowTiles * ${rows}u;`,
      "rest = rest / params.rowTiles;",
      `let column = rest % params.columnTiles * ${lanes * columns}u + lane${this.#quadColumns ? " * 4u" : ""};`,
      "rest = rest / params.columnTiles;",
      "let batch = rest % params.batches;",
      "let slice = rest / params.batches;",
      "if (slice >= params.slices) {",
      "  return;",
      "}",
      ...this.#range(),
      `let batchA = params.offsetA + ${this.#offset("batch", "batch", "A")};`,
      `let batchB = params.offsetB + ${this.#offset("batch", "batch", "B")};`,
      ...range(rows).flatMap((r) => range(this.#sums).map((s) => `var s${r}_${s} = ${sum};`)),
      ...(reduceAxes > 0 ? ["for (var step = firstStep; step < lastStep; step++) {"] : ["{"]),
      ...this.#sum().map((line) => `  ${line}`),
      "}",
      ...this.#store(),
    ];
  }

  /** The part of the sum that this workgroup makes. */
  #range(): string[] {
    if (this.#spec.reduceAxes > 0) {
      return [
        "let firstStep = slice * params.slice;",
        "let lastStep = min(firstStep + params.slice, params.reduce);",
        "let first = 0u;",
        "let last = params.k;",
      ];
    }
    return ["let first = slice * params.slice;", "let last = min(first + params.slice, params.k);"];
  }

  #offset(index: string, kind: "batch" | "reduce", side: "A" | "B"): string {
    const axes = kind === "batch" ? this.#spec.batchAxes : this.#spec.reduceAxes;
    return offsetExpression(index, axes, `${kind}Sizes`, `${kind}${side}`);
  }

  #sum(): string[] {
    const { reduceAxes } = this.#spec;
    const start = (side: "A" | "B") =>
      reduceAxes > 0 ? `batch${side} + ${this.#offset("step", "reduce", side)}` : `batch${side}`;
    return [
      `let baseA = ${start("A")};`,
      `let baseB = ${start("B")};`,
      ...this.#addressesA(),
      ...this.#addressesB(),
      `for (var k = first; k < last; k += ${STEP}u) {`,
      ...this.#step().map((line) => `  ${line}`),
      "}",
    ];
  }

  /** Where a lane's first element of `a` lies, for each load. */
  #addressesA(): string[] {
    const { a, lanes, quadsA, broadcast } = this.#spec;
    return range(this.#groups).flatMap((g) => {
      if (!broadcast) return [`let a${g}_at = baseA + ${this.#rowY(g)} * params.rowA;`];
      if (a === "k") return [`let a${g}_at = baseA + min(row + ${g * lanes}u + lane, params.m - 1u) * params.rowA;`];
      const quad = `row + ${g * lanes}u + (lane >> 2u) * 4u`;
      const at = (r: string) => `baseA + ${r} + (lane & 3u) * params.columnA`;
      if (quadsA) return [`let a${g}_at = ${at(`min(${quad}, params.m - 4u)`)};`];
      return range(4).map((c) => `let a${g}_at${c} = ${at(`min(${quad} + ${c}u, params.m - 1u)`)};`);
    });
  }

  /** Where a lane's first element of `b` lies, for each of its columns or fours of columns. */
  #addressesB(): string[] {
    const { b, lanes } = this.#spec;
    const stride = b === "k" ? " * params.columnB" : "";
    return range(this.#sums).map((s) => {
      const column = this.#quadColumns
        ? `min(column + ${s * 4 * lanes}u, (params.n + 3u) / 4u * 4u - 4u)`
        : `min(column + ${s * lanes}u, params.n - 1u)`;
      return `let b${s}_at = baseB + ${column}${stride};`;
    });
  }

  /** Four steps of k. */
  #step(): string[] {
    const lines: string[] = [...this.#loadA(), ...this.#loadB()];
    for (const r of range(this.#spec.rows)) {
      for (const u of range(STEP)) {
        lines.push(`let v${r}_${u} = ${this.#valueA(r, u)};`);
        for (const s of range(this.#sums)) lines.push(`s${r}_${s} += v${r}_${u} * ${this.#valueB(s, u)};`);
      }
    }
    return lines;
  }

  #loadA(): string[] {
    const { a, quadsA, broadcast } = this.#spec;
    if (!broadcast) return this.#loadEveryA();
    const quad = (g: number) => {
      if (a === "k") {
        return quadsA
          ? `a[(a${g}_at + k) >> 2u]`
          : `vec4f(${range(4).map((u) => this.#upTo(u, `a[a${g}_at + k + ${u}u]`)).join(", ")})`;
      }
      const own = quadsA
        ? `a[(a${g}_at + k * params.columnA) >> 2u]`
        : `vec4f(${range(4).map((c) => `a[a${g}_at${c} + k * params.columnA]`).join(", ")})`;
      return this.#spec.ragged ? `select(vec4f(), ${own}, k + (lane & 3u) < last)` : own;
    };
    return range(this.#groups).map((g) => `let a${g} = ${quad(g)};`);
  }

  /** Without broadcasts: the same elements for all lanes, four steps of a row or four rows of a step at once. */
  #loadEveryA(): string[] {
    const { a, quadsA, rows } = this.#spec;
    if (a === "k") {
      return range(rows).map((r) =>
        quadsA
          ? `let a${r} = a[(a${r}_at + k) >> 2u];`
          : `let a${r} = vec4f(${range(4).map((u) => this.#upTo(u, `a[a${r}_at + k + ${u}u]`)).join(", ")});`
      );
    }
    return range(Math.ceil(rows / 4)).flatMap((g) =>
      range(STEP).map((u) => {
        const at = (c: number) => `a${Math.min(4 * g + c, rows - 1)}_at + (k + ${u}u) * params.columnA`;
        const quad = quadsA ? `a[(${at(0)}) >> 2u]` : `vec4f(${range(4).map((c) => `a[${at(c)}]`).join(", ")})`;
        return `let a${g}_${u} = ${this.#upTo(u, quad, "vec4f()")};`;
      })
    );
  }

  /** A load at step u, zero beyond the end of k. */
  #upTo(u: number, load: string, zero = "0.0"): string {
    return this.#spec.ragged ? `select(${zero}, ${load}, k + ${u}u < last)` : load;
  }

  /** Text of the element of `a` in row r at step u, the same for all lanes. */
  #valueA(r: number, u: number): string {
    const { a, lanes, broadcast } = this.#spec;
    if (!broadcast) return a === "k" ? `a${r}.${LETTERS[u]}` : `a${r >> 2}_${u}.${LETTERS[r % 4]}`;
    const g = Math.floor(r / lanes), own = r % lanes;
    return a === "k"
      ? `subgroupBroadcast(a${g}.${LETTERS[u]}, ${own}u)`
      : `subgroupBroadcast(a${g}.${LETTERS[own % 4]}, ${(own >> 2) * 4 + u}u)`;
  }

  #loadB(): string[] {
    const { b, quadsB } = this.#spec;
    return range(this.#sums).flatMap((s) => {
      if (b === "k") {
        return quadsB
          ? `let b${s} = b[(b${s}_at + k) >> 2u];`
          : `let b${s} = vec4f(${range(4).map((u) => this.#upTo(u, `b[b${s}_at + k + ${u}u]`)).join(", ")});`;
      }
      return range(STEP).map((u) => {
        const at = `b${s}_at + (k + ${u}u) * params.rowB`;
        const load = this.#upTo(u, `b[${quadsB ? `(${at}) >> 2u` : at}]`, quadsB ? "vec4f()" : "0.0");
        return `let b${s}_${u} = ${load};`;
      });
    });
  }

  #valueB(s: number, u: number): string {
    return this.#spec.b === "k" ? `b${s}.${LETTERS[u]}` : `b${s}_${u}`;
  }

  /**
   * Rows beyond the end repeat the last ones, in loads as in stores, so they store once more what is there. That is
   * cheaper than a condition for each, and much less code.
   */
  #store(): string[] {
    const { rows, lanes, quadsY } = this.#spec;
    const lines = [
      "let baseY = (slice * params.batches + batch) * params.m * params.n;",
      ...range(rows).map((r) => `let y${r} = baseY + ${this.#rowY(r)} * params.rowY;`),
    ];
    for (const s of range(this.#sums)) {
      lines.push(
        `let column${s} = column + ${(this.#quadColumns ? 4 : 1) * s * lanes}u;`,
        `let x${s} = column${s} * params.columnY;`,
        `if (column${s} < params.n) {`,
      );
      if (quadsY) lines.push(...range(rows).map((r) => `  y[(y${r} + x${s}) >> 2u] = s${r}_${s};`));
      else if (!this.#quadColumns) lines.push(...range(rows).map((r) => `  y[y${r} + x${s}] = s${r}_${s};`));
      else {
        for (const c of range(4)) {
          lines.push(`  if (column${s} + ${c}u < params.n) {`);
          lines.push(
            ...range(rows).map((r) => `    y[y${r} + x${s} + ${c}u * params.columnY] = s${r}_${s}.${LETTERS[c]};`),
          );
          lines.push("  }");
        }
      }
      lines.push("}");
    }
    return lines;
  }

  /** Text of the row that the sums of row r belong to. */
  #rowY(r: number): string {
    const { a, quadsA } = this.#spec;
    return a === "row" && quadsA
      ? `(min(row + ${r - r % 4}u, params.m - 4u) + ${r % 4}u)`
      : `min(row + ${r}u, params.m - 1u)`;
  }
}
