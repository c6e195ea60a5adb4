import type { DType } from "../../tensor/dtype.ts";
import type { Width } from "../elementwise/stored.ts";
import { readOperand, type Sink, writeOperand, writeSink } from "../matmul/_sink.ts";
import { type ConvKernel, convKernel, kernelText, LETTERS, MEETING_PARAMS, range } from "./_kernel.ts";

/**
 * Where the columns of a result meet those of an image, known when the kernel is written: the result's column j meets,
 * under tap t, column (j·step + t·spacing + first) / every of the image, counted from where its block begins, if that
 * is whole.
 */
export interface Window {
  readonly taps: number;
  readonly step: number;
  readonly spacing: number;
  readonly first: number;
  readonly every: number;
}

/**
 * A kernel that slides over an image, for adapters that compute on the processor's cores: lanes lie along the result's
 * columns, and each keeps the sums of some columns for some channels of the result, so that what it loads is used
 * often.
 */
export interface ImageKernel {
  /** Lanes of a subgroup; a workgroup is one subgroup. */
  readonly lanes: number;
  /** Whether each lane loads the weights of another channel, to be broadcast; otherwise every lane loads them all. */
  readonly broadcast: boolean;
  /** Channels of the result, and neighbouring columns of it, that an invocation makes. */
  readonly rows: number;
  readonly columns: number;
  readonly typeX: DType;
  readonly typeW: DType;
  /** A window that is known: columns that neighbouring taps share are loaded once. `null`: all is in the parameters. */
  readonly window: Window | null;
  /** Whether four neighbouring columns of the image are loaded at once. */
  readonly quadsX: boolean;
  /** Whether taps can lie outside the image. */
  readonly padded: boolean;
  /** Whether only taps are taken that fall on a multiple of the stride: the gradient of a strided convolution. */
  readonly spread: boolean;
  /** Whether there is a third axis. */
  readonly deep: boolean;
  /** Whether the last columns of an invocation can lie beyond the end of a line. */
  readonly ragged: boolean;
  /** Neighbouring columns of the result that are stored at once. */
  readonly width: Width;
  /** What becomes of the sums. */
  readonly sink: Sink;
}

/** Parameters, in the order of `Params`. */
export const IMAGE_PARAMS = {
  rowTiles: "u32",
  columnTiles: "u32",
  groups: "u32",
  positions: "u32",
  blocks: "u32",
  gridDepth: "u32",
  gridHeight: "u32",
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
  weightRow: "u32",
  weightChannel: "u32",
  weightGroup: "u32",
  phasesZ: "u32",
  phasesY: "u32",
  hop: "i32",
  ...MEETING_PARAMS,
  everyZ: "i32",
  everyY: "i32",
  everyX: "i32",
  sliceSize: "u32",
  sumsAt: "u32",
} as const;

/** The kernel of a description, written the first time. */
export function imageKernel(spec: ImageKernel): ConvKernel {
  const { window, sink, ...rest } = spec;
  const key = `image lanes ${Object.values(rest).join(" ")} ${window && Object.values(window).join("/")}`;
  return convKernel(key, ["x", "w"], IMAGE_PARAMS, sink, () => writeImage(spec));
}

/** Writes the kernel. */
export function writeImage(spec: ImageKernel): string {
  const { lanes, rows, columns, broadcast, sink } = spec;
  return kernelText(
    [
      "// y[n, r, o] = Σ_tap Σ_c w[r, c, tap] · x[n, c, i(o, tap)]",
      `// A workgroup of ${lanes} lanes makes ${rows} channels; a lane makes ${columns} columns of a line. No barrier, no workgroup memory.`,
      ...(broadcast ? ["enable subgroups;"] : []),
    ],
    IMAGE_PARAMS,
    sink,
    [
      writeOperand("x", 0, spec.typeX, spec.quadsX),
      writeOperand("w", 1, spec.typeW, false),
      writeSink(sink, spec.width, 2),
      "@group(0) @binding(32) var<uniform> params: Params;",
      `@compute @workgroup_size(${lanes})`,
      "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {",
      ...new Writer(spec).body().map((line) => `  ${line}`),
      "}",
    ],
  );
}

class Writer {
  readonly #spec: ImageKernel;

  constructor(spec: ImageKernel) {
    this.#spec = spec;
  }

  /**
   * The column of the image that a column of the result meets under a tap, from the block's beginning; `null`: none.
   */
  #met(j: number, t: number): number | null {
    const { step, spacing, first, every } = this.#spec.window!;
    const reach = j * step + t * spacing + first;
    return reach % every === 0 ? reach / every : null;
  }

  /** Columns of the image that the window covers; with quads the first column of each four. */
  #covered(): number[] {
    const { window, columns, quadsX } = this.#spec;
    const met = range(window!.taps).flatMap((t) => range(columns).map((j) => this.#met(j, t)));
    const whole = met.filter((o) => o !== null).map((o) => quadsX ? Math.floor(o / 4) * 4 : o);
    return [...new Set(whole)].sort((a, b) => a - b);
  }

  #column(o: number): string {
    if (!this.#spec.quadsX) return `p${name(o)}`;
    const quad = Math.floor(o / 4) * 4;
    return `p${name(quad)}.${LETTERS[o - quad]}`;
  }

  get #loads(): number {
    return this.#spec.broadcast ? Math.ceil(this.#spec.rows / this.#spec.lanes) : this.#spec.rows;
  }

  body(): string[] {
    const { rows, columns, lanes, window, padded } = this.#spec;
    return [
      "var rest = workgroup_index(id, count);",
      `let row = rest % params.rowTiles * ${rows}u;`,
      "rest = rest / params.rowTiles;",
      `let position = rest % params.columnTiles * ${lanes}u + lane;`,
      "rest = rest / params.columnTiles;",
      "let group = rest % params.groups;",
      "let phase = rest / params.groups;",
      "if (phase >= params.phasesZ * params.phasesY) {",
      "  return;",
      "}",
      ...this.#place(),
      "let plane = i32(params.depth * params.height * params.width);",
      "let source = i32((n * params.groups + group) * params.channels) * plane;",
      ...this.#weightAddresses(),
      ...(window !== null && padded
        ? this.#covered().map((o) => `let in${name(o)} = u32(x0 + ${o}) < params.width;`)
        : []),
      ...range(rows).flatMap((r) => range(columns).map((j) => `var s${r}_${j} = 0.0;`)),
      `for (var k = 0u; k < ${this.#spec.deep ? "params.kernelDepth * " : ""}params.kernelHeight; k++) {`,
      ...this.#line().map((line) => `  ${line}`),
      "  for (var c = 0u; c < params.channels; c++) {",
      ...(window !== null ? this.#window() : this.#taps()).map((line) => `    ${line}`),
      "    at += plane;",
      "    tap += params.weightChannel;",
      "  }",
      "}",
      ...this.#store(),
    ];
  }

  /** Which line of which image an invocation works on. */
  #place(): string[] {
    const { columns, deep, window } = this.#spec;
    return [
      "let place = min(position, params.positions - 1u);",
      "let block = place % params.blocks;",
      "let line = place / params.blocks;",
      `let ox = block * ${columns}u;`,
      `let x0 = i32(${window === null ? "ox" : "block"}) * ${
        window === null ? "params.stepX" : "params.hop"
      } + params.startX;`,
      "let lineY = line % params.gridHeight;",
      "let phaseY = phase % params.phasesY;",
      "let oy = lineY * params.phasesY + phaseY;",
      ...(deep
        ? [
          "let sheet = line / params.gridHeight;",
          "let lineZ = sheet % params.gridDepth;",
          "let phaseZ = phase / params.phasesY;",
          "let oz = lineZ * params.phasesZ + phaseZ;",
          "let n = sheet / params.gridDepth;",
        ]
        : ["let n = line / params.gridHeight;"]),
    ];
  }

  #weightAddresses(): string[] {
    const { lanes, broadcast } = this.#spec;
    return range(this.#loads).map((g) => {
      const own = broadcast ? `row + ${g * lanes}u + lane` : `row + ${g}u`;
      return `let w${g}_base = group * params.weightGroup + min(${own}, params.rows - 1u) * params.weightRow;`;
    });
  }

  /** Which line of the image meets a line of the kernel. */
  #line(): string[] {
    const { deep, window, padded } = this.#spec;
    const inside = `u32(iy) < params.height${deep ? " && u32(iz) < params.depth" : ""}`;
    return [
      ...(deep
        ? [
          ...this.#reach("z", "i32(k / params.kernelHeight)"),
          ...this.#reach("y", "i32(k % params.kernelHeight)"),
          "var at = source + (iz * i32(params.height) + iy) * i32(params.width);",
        ]
        : [...this.#reach("y", "i32(k)"), "var at = source + iy * i32(params.width);"]),
      "var tap = k * params.kernelWidth;",
      ...(padded || window === null ? [`let inside = ${inside};`] : []),
      ...(window !== null && padded ? this.#covered().map((o) => `let here${name(o)} = inside && in${name(o)};`) : []),
    ];
  }

  /** Declares `iy` (`iz`), or goes on with the next line of the kernel where this one falls between the image's. */
  #reach(axis: "y" | "z", tap: string): string[] {
    const upper = axis.toUpperCase();
    const move = `params.start${upper} + ${tap} * params.spacing${upper}`;
    if (!this.#spec.spread) return [`let i${axis} = i32(o${axis}) * params.step${upper} + ${move};`];
    // Lines of a phase are a stride apart, so that what is left over is the same for all of them.
    return [
      `let reach${upper} = i32(phase${upper}) + ${move};`,
      `let moved${upper} = reach${upper} / params.every${upper};`,
      `if (moved${upper} * params.every${upper} != reach${upper}) {`,
      "  continue;",
      "}",
      `let i${axis} = i32(line${upper}) + moved${upper};`,
    ];
  }

  /** All taps of a line of the kernel, unrolled; each column of the image is loaded once. */
  #window(): string[] {
    const { window, padded, quadsX, rows, columns, typeX } = this.#spec;
    const taps = range(window!.taps);
    return [
      ...this.#covered().map((o) => {
        const load = readOperand("x", typeX, quadsX, `u32(at + x0 + ${o})`);
        return `let p${name(o)} = ${padded ? `select(${quadsX ? "vec4f()" : "0.0"}, ${load}, here${name(o)})` : load};`;
      }),
      ...taps.flatMap((t) => this.#weights(`tap + ${t}u`, `_${t}`)),
      // Sum by sum, so that a sum is in a register for all of its taps.
      ...range(rows).flatMap((r) => [
        ...taps.map((t) => `let v${r}_${t} = ${this.#weight(r, `_${t}`)};`),
        ...range(columns).flatMap((j) =>
          taps.flatMap((t) => {
            const o = this.#met(j, t);
            return o === null ? [] : [`s${r}_${j} += v${r}_${t} * ${this.#column(o)};`];
          })
        ),
      ]),
    ];
  }

  /** The taps of a line of the kernel one by one. */
  #taps(): string[] {
    const { rows, columns, spread, typeX } = this.#spec;
    return [
      "for (var kx = 0u; kx < params.kernelWidth; kx++) {",
      ...range(columns).flatMap((j) => {
        const reach = `x0 + ${j} * params.stepX + i32(kx) * params.spacingX`;
        const load = (ix: string, also: string) =>
          `  let x_${j} = select(0.0, ${
            readOperand("x", typeX, false, `u32(at + ${ix})`)
          }, inside && u32(${ix}) < params.width${also});`;
        return !spread ? [`  let i${j} = ${reach};`, load(`i${j}`, "")] : [
          `  let reach${j} = ${reach};`,
          `  let i${j} = reach${j} / params.everyX;`,
          load(`i${j}`, ` && i${j} * params.everyX == reach${j}`),
        ];
      }),
      ...this.#weights("tap + kx", "").map((line) => `  ${line}`),
      ...range(rows).flatMap((r) => [
        `  let v${r} = ${this.#weight(r, "")};`,
        ...range(columns).map((j) => `  s${r}_${j} += v${r} * x_${j};`),
      ]),
      "}",
    ];
  }

  #weights(tap: string, suffix: string): string[] {
    return range(this.#loads).map((g) =>
      `let w${g}${suffix} = ${readOperand("w", this.#spec.typeW, false, `w${g}_base + ${tap}`)};`
    );
  }

  /** Text of the weight of a row, the same for all lanes. */
  #weight(r: number, suffix: string): string {
    const { lanes, broadcast } = this.#spec;
    return broadcast ? `subgroupBroadcast(w${Math.floor(r / lanes)}${suffix}, ${r % lanes}u)` : `w${r}${suffix}`;
  }

  #store(): string[] {
    const { rows, columns, deep, ragged, width, sink, spread } = this.#spec;
    return [
      `if (position >= params.positions${spread ? " || oy >= params.outHeight" : ""}${
        spread && deep ? " || oz >= params.outDepth" : ""
      }) {`,
      "  return;",
      "}",
      `let area = ${deep ? "params.outDepth * " : ""}params.outHeight * params.outWidth;`,
      `let first = ${deep ? "(oz * params.outHeight + oy)" : "oy"} * params.outWidth + ox;`,
      ...range(columns / width).flatMap((g) => [
        `var y${g}: array<${width === 1 ? "f32" : `vec${width}f`}, ${rows}>;`,
        ...range(rows).map((r) => {
          const sums = range(width).map((i) => `s${r}_${g * width + i}`).join(", ");
          return `y${g}[${r}u] = ${width === 1 ? sums : `vec${width}f(${sums})`};`;
        }),
      ]),
      // A loop that no compiler can unroll: each place that touches memory is dozens of branches to compile.
      `for (var r = row; r < min(row + ${rows}u, params.rows); r++) {`,
      "  let channel = group * params.rows + r;",
      "  let to = (n * params.groups * params.rows + channel) * area + first;",
      ...(sink.bias === null ? [] : ["  let bias = bias_at(channel);"]),
      ...range(columns / width).flatMap((g) => {
        const store = `put(to + ${g * width}u, y${g}[r - row]${sink.bias === null ? "" : " + bias"});`;
        return ragged ? [`  if (ox + ${g * width}u < params.outWidth) {`, `    ${store}`, "  }"] : [`  ${store}`];
      }),
      "}",
    ];
  }
}

/** An offset as part of a name. */
function name(offset: number): string {
  return offset < 0 ? `m${-offset}` : `${offset}`;
}
