import type { DType } from "../../tensor/dtype.ts";
import type { Width } from "../elementwise/stored.ts";
import { functionsFor } from "../elementwise/functions.ts";
import { GEMM_PARAMS, type GemmKernel, gemmKernel } from "./_gemm.ts";
import { readOperand, type Sink, sinkKey, writeOperand, writeSink } from "./_sink.ts";

/**
 * A kernel for adapters that compute on the processor's cores, where an instruction works on all lanes of a subgroup at
 * once, and loads are what costs: each lane's address is checked and fetched on its own.
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
  /** Types of the operands' elements. */
  readonly typeA: DType;
  readonly typeB: DType;
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
  /**
   * Neighbouring columns of the result that are stored at once: four ask for `quadsB` along columns, two for two
   * columns.
   */
  readonly width: Width;
  /** Axes of the batch, and axes that are summed, after merging. */
  readonly batchAxes: number;
  readonly reduceAxes: number;
  /** Whether the transpose is computed, so that the bias belongs to rows. */
  readonly swapped: boolean;
  /** What becomes of the sums. */
  readonly sink: Sink;
}

/** Steps of k that are taken at once. */
const STEP = 4;
const LETTERS = "xyzw";

/** The kernel of a description, written the first time. */
export function lanesKernel(spec: LanesKernel): GemmKernel {
  const { sink, ...rest } = spec;
  return gemmKernel(`matmul lanes ${Object.values(rest).join(" ")} ${sinkKey(sink)}`, sink, () => writeLanes(spec));
}

/** The text of `struct Params`. */
export function paramsStruct({ finish }: Sink): string {
  const fields = Object.entries({ ...GEMM_PARAMS, ...finish?.params.types });
  return ["struct Params {", ...fields.map(([name, type]) => `  ${name}: ${type},`), "}"].join("\n");
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
  const { rows, columns, lanes, broadcast, sink } = spec;
  const body = [
    writeOperand("a", 0, spec.typeA, spec.quadsA),
    writeOperand("b", 1, spec.typeB, spec.quadsB),
    writeSink(sink, spec.width, 2),
    "@group(0) @binding(32) var<uniform> params: Params;",
    `@compute @workgroup_size(${lanes})`,
    "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {",
    ...new Writer(spec).body().map((line) => `  ${line}`),
    "}",
    "",
  ].join("\n");
  return [
    "// y[batch, i, j] = Σ_reduce Σ_k a[batch, reduce, i, k] · b[batch, reduce, k, j]",
    `// A workgroup of ${lanes} lanes makes ${rows} rows; lanes lie along the columns, ${columns} each. No barrier, no workgroup memory.`,
    ...(broadcast ? ["enable subgroups;"] : []),
    paramsStruct(sink),
    functionsFor(body),
    body,
  ].join("\n");
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

class Writer {
  readonly #spec: LanesKernel;
  /** Accumulators of a row: vec4 for four neighbouring columns, or one number each. */
  readonly #sums: number;

  constructor(spec: LanesKernel) {
    this.#spec = spec;
    this.#sums = this.#quadColumns ? 1 : spec.columns;
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
      `let column = rest % params.columnTiles * ${lanes * columns}u + lane * ${columns}u;`,
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
      ...(this.#spec.sink.sums ? this.#loads().map((name) => `var t${name} = vec4f();`) : []),
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
    const { b } = this.#spec;
    const stride = b === "k" ? " * params.columnB" : "";
    return range(this.#sums).map((s) => {
      const column = this.#quadColumns
        ? "min(column, (params.n + 3u) / 4u * 4u - 4u)"
        : `min(column + ${s}u, params.n - 1u)`;
      return `let b${s}_at = baseB + ${column}${stride};`;
    });
  }

  #readA(index: string): string {
    return readOperand("a", this.#spec.typeA, this.#spec.quadsA, index);
  }

  #readB(index: string): string {
    return readOperand("b", this.#spec.typeB, this.#spec.quadsB, index);
  }

  /** Four steps of k. */
  #step(): string[] {
    const lines: string[] = [...this.#loadA(), ...this.#loadB()];
    // What a lane loads of `a` is its share of the sums of rows.
    if (this.#spec.sink.sums) lines.push(...this.#loads().map((name) => `t${name} += ${name};`));
    for (const r of range(this.#spec.rows)) {
      for (const u of range(STEP)) {
        lines.push(`let v${r}_${u} = ${this.#valueA(r, u)};`);
        for (const s of range(this.#sums)) lines.push(`s${r}_${s} += v${r}_${u} * ${this.#valueB(s, u)};`);
      }
    }
    return lines;
  }

  /** Names of the values of `a` that an invocation loads in a step. */
  #loads(): string[] {
    const { a, broadcast, rows } = this.#spec;
    if (broadcast || a === "k") return range(this.#groups).map((g) => `a${g}`);
    return range(Math.ceil(rows / 4)).flatMap((g) => range(STEP).map((u) => `a${g}_${u}`));
  }

  #loadA(): string[] {
    const { a, quadsA, broadcast } = this.#spec;
    if (!broadcast) return this.#loadEveryA();
    const quad = (g: number) => {
      if (a === "k") {
        return quadsA
          ? this.#readA(`a${g}_at + k`)
          : `vec4f(${range(4).map((u) => this.#upTo(u, this.#readA(`a${g}_at + k + ${u}u`))).join(", ")})`;
      }
      const own = quadsA
        ? this.#readA(`a${g}_at + k * params.columnA`)
        : `vec4f(${range(4).map((c) => this.#readA(`a${g}_at${c} + k * params.columnA`)).join(", ")})`;
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
          ? `let a${r} = ${this.#readA(`a${r}_at + k`)};`
          : `let a${r} = vec4f(${range(4).map((u) => this.#upTo(u, this.#readA(`a${r}_at + k + ${u}u`))).join(", ")});`
      );
    }
    return range(Math.ceil(rows / 4)).flatMap((g) =>
      range(STEP).map((u) => {
        const at = (c: number) => `a${Math.min(4 * g + c, rows - 1)}_at + (k + ${u}u) * params.columnA`;
        const quad = quadsA ? this.#readA(at(0)) : `vec4f(${range(4).map((c) => this.#readA(at(c))).join(", ")})`;
        return `let a${g}_${u} = ${this.#upTo(u, quad, "vec4f()")};`;
      })
    );
  }

  /** A load at step u, zero beyond the end of k. */
  #upTo(u: number, load: string, zero = "0.0"): string {
    return this.#spec.ragged ? `select(${zero}, ${load}, k + ${u}u < last)` : load;
  }

  /** Text of the element of `a` in row r at step u, the same for all lanes; or that of other values held as `a` is. */
  #valueA(r: number, u: number, held = "a"): string {
    const { a, lanes, broadcast } = this.#spec;
    if (!broadcast) return a === "k" ? `${held}${r}.${LETTERS[u]}` : `${held}${r >> 2}_${u}.${LETTERS[r % 4]}`;
    const g = Math.floor(r / lanes), own = r % lanes;
    return a === "k"
      ? `subgroupBroadcast(${held}${g}.${LETTERS[u]}, ${own}u)`
      : `subgroupBroadcast(${held}${g}.${LETTERS[own % 4]}, ${(own >> 2) * 4 + u}u)`;
  }

  #loadB(): string[] {
    const { b, quadsB } = this.#spec;
    return range(this.#sums).flatMap((s) => {
      if (b === "k") {
        return quadsB
          ? `let b${s} = ${this.#readB(`b${s}_at + k`)};`
          : `let b${s} = vec4f(${range(4).map((u) => this.#upTo(u, this.#readB(`b${s}_at + k + ${u}u`))).join(", ")});`;
      }
      return range(STEP).map((u) => {
        const at = `b${s}_at + (k + ${u}u) * params.rowB`;
        const load = this.#upTo(u, this.#readB(at), quadsB ? "vec4f()" : "0.0");
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
    const { rows, columns, width, sink, swapped } = this.#spec;
    const lines = ["let baseY = slice * params.sliceSize + batch * params.m * params.n;"];
    if (sink.sums) {
      // The values are broadcast before the condition, so that all lanes take part.
      const sums = range(rows).map((r) => range(STEP).map((u) => this.#valueA(r, u, "ta")).join(" + "));
      const put = (i: string, x: string) => `put_sum(params.sumsAt + slice * params.sliceSize + ${i}, ${x});`;
      const { before, after } = this.#eachRow("t", "f32", sums, put);
      lines.push(...before, "if (column == 0u) {", ...after.map((line) => `  ${line}`), "}");
    }
    for (const g of range(columns / width)) {
      const first = g * width;
      const j = `column + ${first}u`;
      lines.push(`if (${j} < params.n) {`, `  let x = baseY + (${j}) * params.columnY;`);
      const bias = (n: number) => sink.bias === null || swapped ? "" : `  let bias${n} = bias_at(${j} + ${n}u);`;
      lines.push(...range(width).map(bias).filter(Boolean));
      const type = width === 1 ? "f32" : `vec${width}f`;
      const values = range(rows).map((r) => {
        const value = (c: number) => this.#quadColumns ? `s${r}_0.${LETTERS[c]}` : `s${r}_${c}`;
        if (width === 4) return `s${r}_0`;
        return width === 1 ? value(first) : `vec2f(${value(first)}, ${value(first + 1)})`;
      });
      const biases = range(width).map((n) => `bias${n}`).join(", ");
      const added = (i: string) => {
        if (sink.bias === null) return "";
        return swapped ? ` + bias_at(${i})` : ` + ${width === 1 ? biases : `${type}(${biases})`}`;
      };
      const put = (i: string, x: string) => `put(x + ${i} * params.rowY, ${x}${added(i)});`;
      const { before, after } = this.#eachRow(`y${g}_`, type, values, put);
      lines.push(...[...before, ...after].map((line) => `  ${line}`), "}");
    }
    return lines;
  }

  /**
   * Names a value for each row, and does something with each of them: in a loop that no compiler can unroll, for each
   * place that touches memory is dozens of branches to compile.
   */
  #eachRow(
    name: string,
    type: string,
    values: readonly string[],
    use: (i: string, value: string) => string,
  ): { before: string[]; after: string[] } {
    const { rows } = this.#spec;
    if (rows === 1) return { before: [`let ${name}0 = ${values[0]};`], after: [use(this.#rowY(0), `${name}0`)] };
    const { a, quadsA } = this.#spec;
    const i = a === "row" && quadsA ? "min(row + r / 4u * 4u, params.m - 4u) + r % 4u" : "min(row + r, params.m - 1u)";
    return {
      before: [`var ${name}: array<${type}, ${rows}>;`, ...values.map((value, r) => `${name}[${r}u] = ${value};`)],
      after: [
        "for (var r = 0u; r < params.tileRows; r++) {",
        `  let i = ${i};`,
        `  ${use("i", `${name}[r]`)}`,
        "}",
      ],
    };
  }

  /** Text of the row that the sums of row r belong to. */
  #rowY(r: number): string {
    const { a, quadsA } = this.#spec;
    return a === "row" && quadsA
      ? `(min(row + ${r - r % 4}u, params.m - 4u) + ${r % 4}u)`
      : `min(row + ${r}u, params.m - 1u)`;
  }
}
