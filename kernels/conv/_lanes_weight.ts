import type { DType } from "../../tensor/dtype.ts";
import { readOperand, type Sink, writeOperand, writeSink } from "../matmul/_sink.ts";
import { type ConvKernel, convKernel, kernelText, LETTERS, MEETING_PARAMS, range } from "./_kernel.ts";

/**
 * A kernel for the gradient of a convolution's weight, for adapters that compute on the processor's cores: lanes lie
 * along the lines of the kernel (input channel, depth and height), each keeps the sums of a whole line for some output
 * channels.
 */
export interface WeightKernel {
  /** Lanes of a subgroup; a workgroup is one subgroup. */
  readonly lanes: number;
  /** Whether each lane loads `dy` of another channel, to be broadcast; otherwise every lane loads them all. */
  readonly broadcast: boolean;
  /** Output channels that an invocation makes. */
  readonly rows: number;
  /** Neighbouring taps of a line that an invocation makes. */
  readonly taps: number;
  /** Columns of `dy` that are taken at once. */
  readonly steps: number;
  readonly typeX: DType;
  readonly typeDy: DType;
  /** Whether four neighbours of `dy` are loaded at once; asks for `steps` and widths that are multiples of four. */
  readonly quads: boolean;
  /** Whether four neighbouring columns of the image are loaded at once; asks for `quads`. */
  readonly quadsX: boolean;
  /** Distances, in columns of the image, between neighbouring columns of `dy` and between neighbouring taps. */
  readonly step: number;
  readonly spacing: number;
  /** Where the first tap meets the image, from the column on that loads are counted from. */
  readonly first: number;
  /** Whether there is a third axis. */
  readonly deep: boolean;
  /** What becomes of the sums. */
  readonly sink: Sink;
}

/** Parameters, in the order of `Params`. */
const WEIGHT_PARAMS = {
  rowTiles: "u32",
  columnTiles: "u32",
  groups: "u32",
  slices: "u32",
  slice: "u32",
  lines: "u32",
  blocks: "u32",
  columns: "u32",
  rows: "u32",
  channels: "u32",
  depth: "u32",
  height: "u32",
  width: "u32",
  outDepth: "u32",
  outHeight: "u32",
  outWidth: "u32",
  kernelDepth: "u32",
  kernelHeight: "u32",
  kernelWidth: "u32",
  ...MEETING_PARAMS,
  sliceSize: "u32",
  sumsAt: "u32",
} as const;

/** The kernel of a description, written the first time. */
export function weightKernel(spec: WeightKernel): ConvKernel {
  const { sink, ...rest } = spec;
  const key = `weight lanes ${Object.values(rest).join(" ")}`;
  return convKernel(key, ["x", "dy"], WEIGHT_PARAMS, sink, () => writeWeight(spec));
}

/** Writes the kernel. */
export function writeWeight(spec: WeightKernel): string {
  const { lanes, rows, taps, broadcast, sink } = spec;
  return kernelText(
    [
      "// dw[r, c, tap] = Σ_n Σ_o dy[n, r, o] · x[n, c, o·stride + tap·dilation − padding]",
      `// A workgroup of ${lanes} lanes makes ${rows} channels; a lane makes ${taps} taps of a line of the kernel. No barrier, no workgroup memory.`,
      ...(broadcast ? ["enable subgroups;"] : []),
    ],
    WEIGHT_PARAMS,
    sink,
    [
      writeOperand("x", 0, spec.typeX, spec.quadsX),
      writeOperand("dy", 1, spec.typeDy, spec.quads),
      writeSink(sink, 1, 2),
      "@group(0) @binding(32) var<uniform> params: Params;",
      `@compute @workgroup_size(${lanes})`,
      "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {",
      ...new Writer(spec).body().map((line) => `  ${line}`),
      "}",
    ],
  );
}

class Writer {
  readonly #spec: WeightKernel;

  constructor(spec: WeightKernel) {
    this.#spec = spec;
  }

  /** Columns of the image that some neighbouring columns of `dy` meet; with quads the first column of each four. */
  #covered(steps: number): number[] {
    const { taps, quadsX } = this.#spec;
    const met = range(taps).flatMap((t) => range(steps).map((u) => this.#met(u, t)));
    return [...new Set(quadsX ? met.map((o) => Math.floor(o / 4) * 4) : met)].sort((a, b) => a - b);
  }

  #met(u: number, t: number): number {
    const { step, spacing, first } = this.#spec;
    return u * step + t * spacing + first;
  }

  #column(o: number): string {
    return this.#spec.quadsX ? `x${Math.floor(o / 4) * 4}.${LETTERS[o % 4]}` : `x${o}`;
  }

  get #loads(): number {
    return this.#spec.broadcast ? Math.ceil(this.#spec.rows / this.#spec.lanes) : this.#spec.rows;
  }

  /** Text of the channel of `dy` that a load brings. */
  #channel(g: number): string {
    const { broadcast, lanes } = this.#spec;
    return broadcast ? `row + ${g * lanes}u + lane` : `row + ${g}u`;
  }

  body(): string[] {
    const { rows, taps, lanes, steps, quads, deep, sink } = this.#spec;
    return [
      "var rest = workgroup_index(id, count);",
      `let row = rest % params.rowTiles * ${rows}u;`,
      "rest = rest / params.rowTiles;",
      `let firstColumn = rest % params.columnTiles * ${lanes}u;`,
      "let column = firstColumn + lane;",
      "rest = rest / params.columnTiles;",
      "let group = rest % params.groups;",
      "let slice = rest / params.groups;",
      "if (slice >= params.slices) {",
      "  return;",
      "}",
      // Of the taps' columns: the block in the line, the line, the channel.
      "let place = min(column, params.columns - 1u);",
      `let tap = place % params.blocks * ${taps}u;`,
      "let taps = place / params.blocks;",
      "let ky = i32(taps % params.kernelHeight);",
      ...(deep
        ? [
          "let kz = i32(taps / params.kernelHeight % params.kernelDepth);",
          "let channel = taps / (params.kernelHeight * params.kernelDepth);",
        ]
        : ["let channel = taps / params.kernelHeight;"]),
      "let plane = params.depth * params.height * params.width;",
      "let area = params.outDepth * params.outHeight * params.outWidth;",
      "let shift = params.startX + i32(tap) * params.spacingX;",
      ...range(this.#loads).map((g) =>
        `let d${g}_base = (group * params.rows + min(${this.#channel(g)}, params.rows - 1u)) * area;`
      ),
      ...(sink.sums === null ? [] : range(this.#loads).map((g) => `var t${g} = 0.0;`)),
      ...range(rows).flatMap((r) => range(taps).map((t) => `var s${r}_${t} = 0.0;`)),
      "let end = min((slice + 1u) * params.slice, params.lines);",
      "for (var line = slice * params.slice; line < end; line++) {",
      "  let oy = line % params.outHeight;",
      "  let iy = i32(oy) * params.stepY + ky * params.spacingY + params.startY;",
      ...(deep
        ? [
          "  let sheet = line / params.outHeight;",
          "  let oz = sheet % params.outDepth;",
          "  let n = sheet / params.outDepth;",
          "  let iz = i32(oz) * params.stepZ + kz * params.spacingZ + params.startZ;",
          "  let inside = u32(iy) < params.height && u32(iz) < params.depth;",
          "  let lineX = (iz * i32(params.height) + iy) * i32(params.width);",
          "  let lineY = (oz * params.outHeight + oy) * params.outWidth;",
        ]
        : [
          "  let n = line / params.outHeight;",
          "  let inside = u32(iy) < params.height;",
          "  let lineX = iy * i32(params.width);",
          "  let lineY = oy * params.outWidth;",
        ]),
      "  let origin = i32(((n * params.groups + group) * params.channels + channel) * plane) + lineX + shift;",
      "  let base = n * params.groups * params.rows * area + lineY;",
      ...this.#along(steps, quads).map((text) => `  ${text}`),
      "}",
      ...this.#store(),
    ];
  }

  /** The columns of a line of `dy`: some at once, then the rest one by one. */
  #along(steps: number, quads: boolean): string[] {
    const loop = (from: string, to: string, count: number, four: boolean) => [
      `for (var ox = ${from}; ox < ${to}; ox += ${count}u) {`,
      ...this.#columns(count, four).map((text) => `  ${text}`),
      "}",
    ];
    if (steps === 1 || quads) return loop("0u", "params.outWidth", steps, quads);
    return [
      `let whole = params.outWidth / ${steps}u * ${steps}u;`,
      ...loop("0u", "whole", steps, false),
      ...loop("whole", "params.outWidth", 1, false),
    ];
  }

  #columns(steps: number, quads: boolean): string[] {
    const zero = this.#spec.quadsX ? "vec4f()" : "0.0";
    return [
      ...this.#loadDy(steps, quads),
      "let left = i32(ox) * params.stepX + shift;",
      "let at = origin + i32(ox) * params.stepX;",
      ...this.#covered(steps).map((o) =>
        `let x${o} = select(${zero}, ${
          readOperand("x", this.#spec.typeX, this.#spec.quadsX, `u32(at + ${o})`)
        }, inside && u32(left + ${o}) < params.width);`
      ),
      ...this.#products(steps, quads),
    ];
  }

  #loadDy(steps: number, quads: boolean): string[] {
    const { sink, typeDy } = this.#spec;
    return range(this.#loads).flatMap((g) => {
      const names = range(quads ? steps / 4 : steps).map((u) => `d${g}_${u}`);
      const loads = names.map((name, u) =>
        `let ${name} = ${readOperand("dy", typeDy, quads, `base + d${g}_base + ox + ${quads ? 4 * u : u}u`)};`
      );
      if (sink.sums === null) return loads;
      const shares = names.map((name) => quads ? `dot(${name}, vec4f(1.0))` : name);
      return [...loads, `t${g} += ${shares.join(" + ")};`];
    });
  }

  /** Sum by sum, so that a sum is in a register for all columns. */
  #products(steps: number, quads: boolean): string[] {
    const { rows, taps, lanes, broadcast } = this.#spec;
    return range(rows).flatMap((r) => {
      const g = broadcast ? Math.floor(r / lanes) : r;
      const values = range(steps).map((u) => {
        const loaded = quads ? `d${g}_${u >> 2}.${LETTERS[u % 4]}` : `d${g}_${u}`;
        return `let v${r}_${u} = ${broadcast ? `subgroupBroadcast(${loaded}, ${r % lanes}u)` : loaded};`;
      });
      const sums = range(taps).flatMap((t) =>
        range(steps).map((u) => `s${r}_${t} += v${r}_${u} * ${this.#column(this.#met(u, t))};`)
      );
      return [...values, ...sums];
    });
  }

  #store(): string[] {
    const { rows, taps, sink, broadcast } = this.#spec;
    const sums = range(this.#loads).flatMap((g) => [
      `if (${this.#channel(g)} < params.rows${broadcast ? "" : " && lane == 0u"}) {`,
      `  put_sum(params.sumsAt + slice * params.sliceSize + group * params.rows + ${this.#channel(g)}, t${g});`,
      "}",
    ]);
    return [
      ...(sink.sums === null ? [] : ["if (firstColumn == 0u) {", ...sums.map((text) => `  ${text}`), "}"]),
      "if (column >= params.columns) {",
      "  return;",
      "}",
      "let line = params.columns / params.blocks * params.kernelWidth;",
      "let to = slice * params.sliceSize + group * params.rows * line + taps * params.kernelWidth + tap;",
      ...range(taps).flatMap((t) => [
        `var y${t}: array<f32, ${rows}>;`,
        ...range(rows).map((r) => `y${t}[${r}u] = s${r}_${t};`),
      ]),
      // A loop that no compiler can unroll: each place that touches memory is dozens of branches to compile.
      `for (var r = row; r < min(row + ${rows}u, params.rows); r++) {`,
      ...range(taps).flatMap((t) => [
        `  if (tap + ${t}u < params.kernelWidth) {`,
        `    put(to + r * line + ${t}u, y${t}[r - row]);`,
        "  }",
      ]),
      "}",
    ];
  }
}
