import type { KernelSource } from "../_source.ts";
import { shared } from "../_wgsl.ts";
import { structOf } from "./_lanes_image.ts";

/**
 * A kernel for the gradient of a convolution's weight, for adapters that compute on the processor's cores: lanes lie along
 * the lines of the kernel (input channel and height), each keeps the sums of a whole line for some output channels.
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
  /** Whether four neighbours of `dy` are loaded at once; asks for `steps` and widths that are multiples of four. */
  readonly quads: boolean;
  /** Distances, in columns of the image, between neighbouring columns of `dy` and between neighbouring taps. */
  readonly step: number;
  readonly spacing: number;
}

/** Parameters, in the order of `Params`. */
export const WEIGHT_PARAMS = {
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
  height: "u32",
  width: "u32",
  outHeight: "u32",
  outWidth: "u32",
  kernelHeight: "u32",
  kernelWidth: "u32",
  stepY: "i32",
  stepX: "i32",
  spacingY: "i32",
  spacingX: "i32",
  startY: "i32",
  startX: "i32",
} as const;

type WeightSource = KernelSource<{ x: "read"; dy: "read"; dw: "read_write" }, typeof WEIGHT_PARAMS>;

const kernels = new Map<string, WeightSource>();

/** The kernel of a description, written the first time. */
export function weightKernel(spec: WeightKernel): WeightSource {
  const key = `conv weight lanes ${Object.values(spec).join(" ")}`;
  let kernel = kernels.get(key);
  if (kernel === undefined) {
    const bindings = { x: "read", dy: "read", dw: "read_write" } as const;
    kernels.set(key, kernel = { name: key, bindings, params: WEIGHT_PARAMS, code: writeWeight(spec) });
  }
  return kernel;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const LETTERS = "xyzw";

/** Writes the kernel. */
export function writeWeight(spec: WeightKernel): string {
  const { lanes, rows, taps, broadcast } = spec;
  return [
    "// dw[r, c, ky, kx] = Σ_n Σ_oy Σ_ox dy[n, r, oy, ox] · x[n, c, oy·strideY + ky·dilationY − padTop, ox·strideX + kx·dilationX − padLeft]",
    `// A workgroup of ${lanes} lanes makes ${rows} channels; a lane makes ${taps} taps of a line of the kernel. No barrier, no workgroup memory.`,
    ...(broadcast ? ["enable subgroups;"] : []),
    structOf(WEIGHT_PARAMS),
    "@group(0) @binding(0) var<storage, read> x: array<f32>;",
    `@group(0) @binding(1) var<storage, read> dy: array<${spec.quads ? "vec4f" : "f32"}>;`,
    "@group(0) @binding(2) var<storage, read_write> dw: array<f32>;",
    "@group(1) @binding(0) var<uniform> params: Params;",
    shared.place.trim(),
    `@compute @workgroup_size(${lanes})`,
    "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {",
    ...new Writer(spec).body().map((line) => `  ${line}`),
    "}",
    "",
  ].join("\n");
}

class Writer {
  readonly #spec: WeightKernel;

  constructor(spec: WeightKernel) {
    this.#spec = spec;
  }

  /** Columns of the image that some neighbouring columns of `dy` meet, from the first on. */
  #offsets(steps: number): number[] {
    const { taps, step, spacing } = this.#spec;
    const offsets = range(taps).flatMap((t) => range(steps).map((u) => u * step + t * spacing));
    return [...new Set(offsets)].sort((a, b) => a - b);
  }

  get #loads(): number {
    return this.#spec.broadcast ? Math.ceil(this.#spec.rows / this.#spec.lanes) : this.#spec.rows;
  }

  body(): string[] {
    const { rows, taps, lanes, steps, quads } = this.#spec;
    return [
      "var rest = workgroup_index(id, count);",
      `let row = rest % params.rowTiles * ${rows}u;`,
      "rest = rest / params.rowTiles;",
      `let column = rest % params.columnTiles * ${lanes}u + lane;`,
      "rest = rest / params.columnTiles;",
      "let group = rest % params.groups;",
      "let slice = rest / params.groups;",
      "if (slice >= params.slices) {",
      "  return;",
      "}",
      "let place = min(column, params.columns - 1u);",
      `let tap = place % params.blocks * ${taps}u;`,
      "let ky = place / params.blocks % params.kernelHeight;",
      "let channel = place / (params.blocks * params.kernelHeight);",
      "let plane = params.height * params.width;",
      "let area = params.outHeight * params.outWidth;",
      "let shift = params.startX + i32(tap) * params.spacingX;",
      ...range(this.#loads).map((g) => {
        const own = this.#spec.broadcast ? `row + ${g * lanes}u + lane` : `row + ${g}u`;
        return `let d${g}_at = (group * params.rows + min(${own}, params.rows - 1u)) * area;`;
      }),
      ...range(rows).flatMap((r) => range(taps).map((t) => `var s${r}_${t} = 0.0;`)),
      "let end = min((slice + 1u) * params.slice, params.lines);",
      "for (var line = slice * params.slice; line < end; line++) {",
      "  let n = line / params.outHeight;",
      "  let oy = line % params.outHeight;",
      "  let iy = i32(oy) * params.stepY + i32(ky) * params.spacingY + params.startY;",
      "  let inside = u32(iy) < params.height;",
      "  let first = i32(((n * params.groups + group) * params.channels + channel) * plane) + iy * i32(params.width) + shift;",
      "  let base = n * params.groups * params.rows * area + oy * params.outWidth;",
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
    return [
      ...this.#loadDy(steps, quads),
      "let left = i32(ox) * params.stepX + shift;",
      "let at = first + i32(ox) * params.stepX;",
      ...this.#offsets(steps).map((o) =>
        `let x${o} = select(0.0, x[u32(at + ${o})], inside && u32(left + ${o}) < params.width);`
      ),
      ...this.#products(steps, quads),
    ];
  }

  #loadDy(steps: number, quads: boolean): string[] {
    return range(this.#loads).flatMap((g) => {
      if (quads) return range(steps / 4).map((q) => `let d${g}_${q} = dy[(base + d${g}_at + ox + ${4 * q}u) >> 2u];`);
      return range(steps).map((u) => `let d${g}_${u} = dy[base + d${g}_at + ox + ${u}u];`);
    });
  }

  #products(steps: number, quads: boolean): string[] {
    const { rows, taps, lanes, broadcast, step, spacing } = this.#spec;
    const lines: string[] = [];
    for (const r of range(rows)) {
      for (const u of range(steps)) {
        const g = broadcast ? Math.floor(r / lanes) : r;
        const loaded = quads ? `d${g}_${u >> 2}.${LETTERS[u % 4]}` : `d${g}_${u}`;
        lines.push(`let v${r}_${u} = ${broadcast ? `subgroupBroadcast(${loaded}, ${r % lanes}u)` : loaded};`);
        for (const t of range(taps)) lines.push(`s${r}_${t} += v${r}_${u} * x${u * step + t * spacing};`);
      }
    }
    return lines;
  }

  #store(): string[] {
    const { rows, taps } = this.#spec;
    const lines = [
      "if (column >= params.columns) {",
      "  return;",
      "}",
      "let line = params.channels * params.kernelHeight * params.kernelWidth;",
      "let to = (slice * params.groups + group) * params.rows * line + (channel * params.kernelHeight + ky) * params.kernelWidth + tap;",
      // Rows beyond the end repeat the last one, and store once more what is there.
      ...range(rows).map((r) => `let to${r} = to + min(row + ${r}u, params.rows - 1u) * line;`),
    ];
    for (const t of range(taps)) {
      lines.push(`if (tap + ${t}u < params.kernelWidth) {`);
      lines.push(...range(rows).map((r) => `  dw[to${r} + ${t}u] = s${r}_${t};`), "}");
    }
    return lines;
  }
}
