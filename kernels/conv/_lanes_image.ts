import type { KernelSource } from "../_source.ts";
import { shared } from "../_wgsl.ts";

/**
 * A kernel that slides over an image, for adapters that compute on the processor's cores: lanes lie along the result's
 * columns, and each keeps the sums of some columns for some channels of the result, so that what it loads is used often.
 */
export interface ImageKernel {
  /** Lanes of a subgroup; a workgroup is one subgroup. */
  readonly lanes: number;
  /** Whether each lane loads the weights of another channel, to be broadcast; otherwise every lane loads them all. */
  readonly broadcast: boolean;
  /** Channels of the result, and neighbouring columns of it, that an invocation makes. */
  readonly rows: number;
  readonly columns: number;
  /**
   * A fixed width, step and spacing of the kernel: then the columns that neighbouring taps share are loaded once. `null`:
   * all of that is in the parameters.
   */
  readonly window: { readonly taps: number; readonly step: number; readonly spacing: number } | null;
  /** Whether taps can lie outside the image. */
  readonly padded: boolean;
  /** Whether only taps are taken that fall on a multiple of the stride: the gradient of a strided convolution. */
  readonly phases: boolean;
  /** Whether the last columns of an invocation can lie beyond the end of a line. */
  readonly ragged: boolean;
  /** Whether four neighbouring columns of the result are stored at once. */
  readonly quadsY: boolean;
}

/** Parameters, in the order of `Params`. */
export const IMAGE_PARAMS = {
  rowTiles: "u32",
  columnTiles: "u32",
  groups: "u32",
  positions: "u32",
  blocks: "u32",
  gridHeight: "u32",
  rows: "u32",
  channels: "u32",
  height: "u32",
  width: "u32",
  outHeight: "u32",
  outWidth: "u32",
  kernelHeight: "u32",
  kernelWidth: "u32",
  weightRow: "u32",
  weightChannel: "u32",
  weightGroup: "u32",
  phasesY: "u32",
  phasesX: "u32",
  stepY: "i32",
  stepX: "i32",
  spacingY: "i32",
  spacingX: "i32",
  startY: "i32",
  startX: "i32",
} as const;

type ImageSource = KernelSource<{ x: "read"; w: "read"; y: "read_write" }, typeof IMAGE_PARAMS>;

const kernels = new Map<string, ImageSource>();

/** The kernel of a description, written the first time. */
export function imageKernel(spec: ImageKernel): ImageSource {
  const { window } = spec;
  const key = `conv lanes ${Object.values({ ...spec, window: window && Object.values(window).join("/") }).join(" ")}`;
  let kernel = kernels.get(key);
  if (kernel === undefined) {
    const bindings = { x: "read", w: "read", y: "read_write" } as const;
    kernels.set(key, kernel = { name: key, bindings, params: IMAGE_PARAMS, code: writeImage(spec) });
  }
  return kernel;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** The text of a `Params`. */
export function structOf(params: Record<string, string>): string {
  return ["struct Params {", ...Object.entries(params).map(([name, type]) => `  ${name}: ${type},`), "}"].join("\n");
}

/** Writes the kernel. */
export function writeImage(spec: ImageKernel): string {
  const { lanes, rows, columns, broadcast } = spec;
  return [
    "// y[n, r, oy, ox] = Σ_c Σ_ky Σ_kx w[r, c, ky, kx] · x[n, c, iy(oy, ky), ix(ox, kx)]",
    `// A workgroup of ${lanes} lanes makes ${rows} channels; a lane makes ${columns} columns of a line. No barrier, no workgroup memory.`,
    ...(broadcast ? ["enable subgroups;"] : []),
    structOf(IMAGE_PARAMS),
    "@group(0) @binding(0) var<storage, read> x: array<f32>;",
    "@group(0) @binding(1) var<storage, read> w: array<f32>;",
    `@group(0) @binding(2) var<storage, read_write> y: array<${spec.quadsY ? "vec4f" : "f32"}>;`,
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
  readonly #spec: ImageKernel;
  /** Columns of the image, from the first on, that the window covers. */
  readonly #offsets: readonly number[];

  constructor(spec: ImageKernel) {
    this.#spec = spec;
    const { window, columns } = spec;
    const taps = range(window?.taps ?? 1), step = window?.step ?? 1, spacing = window?.spacing ?? 0;
    const offsets = taps.flatMap((t) => range(columns).map((j) => j * step + t * spacing));
    this.#offsets = [...new Set(offsets)].sort((a, b) => a - b);
  }

  get #loads(): number {
    return this.#spec.broadcast ? Math.ceil(this.#spec.rows / this.#spec.lanes) : this.#spec.rows;
  }

  body(): string[] {
    const { rows, columns, lanes, phases } = this.#spec;
    return [
      "var rest = workgroup_index(id, count);",
      `let row = rest % params.rowTiles * ${rows}u;`,
      "rest = rest / params.rowTiles;",
      `let position = rest % params.columnTiles * ${lanes}u + lane;`,
      "rest = rest / params.columnTiles;",
      "let group = rest % params.groups;",
      "let phase = rest / params.groups;",
      "if (phase >= params.phasesY * params.phasesX) {",
      "  return;",
      "}",
      "let place = min(position, params.positions - 1u);",
      `let ox = i32(place % params.blocks) * ${columns};`,
      "let line = place / params.blocks;",
      "let oy = i32(line % params.gridHeight);",
      "let n = line / params.gridHeight;",
      ...(phases
        ? [
          "let phaseY = i32(phase / params.phasesX);",
          "let phaseX = i32(phase % params.phasesX);",
          "let y0 = oy;",
          "let x0 = ox;",
        ]
        : ["let y0 = oy * params.stepY + params.startY;", "let x0 = ox * params.stepX + params.startX;"]),
      "let plane = params.height * params.width;",
      "let source = (n * params.groups + group) * params.channels * plane;",
      ...this.#weightAddresses(),
      ...(this.#spec.window !== null && this.#spec.padded
        ? this.#offsets.map((o) => `let in${name(o)} = u32(x0 + ${o}) < params.width;`)
        : []),
      ...range(rows).flatMap((r) => range(columns).map((j) => `var s${r}_${j} = 0.0;`)),
      "for (var c = 0u; c < params.channels; c++) {",
      "  let image = i32(source + c * plane);",
      "  for (var ky = 0u; ky < params.kernelHeight; ky++) {",
      ...(phases
        ? [
          "    let reach = phaseY + params.startY - i32(ky) * params.spacingY;",
          "    let hit = reach / params.stepY;",
          "    if (hit * params.stepY != reach) {",
          "      continue;",
          "    }",
          "    let iy = y0 + hit;",
        ]
        : ["    let iy = y0 + i32(ky) * params.spacingY;"]),
      "    let inside = u32(iy) < params.height;",
      "    let first = image + iy * i32(params.width) + x0;",
      "    let tap = c * params.weightChannel + ky * params.kernelWidth;",
      ...(this.#spec.window !== null ? this.#window() : this.#taps()).map((l) => `    ${l}`),
      "  }",
      "}",
      ...this.#store(),
    ];
  }

  #weightAddresses(): string[] {
    const { lanes, broadcast } = this.#spec;
    return range(this.#loads).map((g) => {
      const own = broadcast ? `row + ${g * lanes}u + lane` : `row + ${g}u`;
      return `let w${g}_at = group * params.weightGroup + min(${own}, params.rows - 1u) * params.weightRow;`;
    });
  }

  /** All taps of a line of the kernel, unrolled; each column of the image is loaded once. */
  #window(): string[] {
    const { window, padded } = this.#spec;
    const { taps, step, spacing } = window!;
    const lines = this.#offsets.map((o) => {
      const load = `x[u32(first + ${o})]`;
      return `let x${name(o)} = ${padded ? `select(0.0, ${load}, inside && in${name(o)})` : load};`;
    });
    for (const t of range(taps)) {
      lines.push(...this.#weights(`tap + ${t}u`, `_${t}`));
      lines.push(...this.#products(`_${t}`, (j) => `x${name(j * step + t * spacing)}`));
    }
    return lines;
  }

  /** The taps of a line of the kernel one by one. */
  #taps(): string[] {
    const { columns, phases } = this.#spec;
    return [
      "for (var kx = 0u; kx < params.kernelWidth; kx++) {",
      ...(phases
        ? [
          "  let reachX = phaseX + params.startX - i32(kx) * params.spacingX;",
          "  let hitX = reachX / params.stepX;",
          "  if (hitX * params.stepX != reachX) {",
          "    continue;",
          "  }",
          "  let shift = hitX;",
        ]
        : ["  let shift = i32(kx) * params.spacingX;"]),
      ...range(columns).map((j) => {
        const move = phases ? `shift + ${j}` : `shift + ${j} * params.stepX`;
        return `  let x_${j} = select(0.0, x[u32(first + ${move})], inside && u32(x0 + ${move}) < params.width);`;
      }),
      ...this.#weights("tap + kx", "").map((line) => `  ${line}`),
      ...this.#products("", (j) => `x_${j}`).map((line) => `  ${line}`),
      "}",
    ];
  }

  #weights(tap: string, suffix: string): string[] {
    return range(this.#loads).map((g) => `let w${g}${suffix} = w[w${g}_at + ${tap}];`);
  }

  #products(suffix: string, column: (j: number) => string): string[] {
    const { rows, columns, lanes, broadcast } = this.#spec;
    return range(rows).flatMap((r) => {
      const value = broadcast
        ? `subgroupBroadcast(w${Math.floor(r / lanes)}${suffix}, ${r % lanes}u)`
        : `w${r}${suffix}`;
      return [
        `let v${r}${suffix} = ${value};`,
        ...range(columns).map((j) => `s${r}_${j} += v${r}${suffix} * ${column(j)};`),
      ];
    });
  }

  #store(): string[] {
    const { rows, columns, phases, quadsY, ragged } = this.#spec;
    const lines = [
      "if (position >= params.positions) {",
      "  return;",
      "}",
      ...(phases
        ? [
          "let toY = oy * i32(params.phasesY) + phaseY;",
          "let toX = ox * i32(params.phasesX) + phaseX;",
          "if (toY >= i32(params.outHeight)) {",
          "  return;",
          "}",
        ]
        : ["let toY = oy;", "let toX = ox;"]),
      "let area = params.outHeight * params.outWidth;",
      "let image = (n * params.groups + group) * params.rows * area + u32(toY) * params.outWidth + u32(toX);",
      "let left = i32(params.outWidth) - toX;",
      // Rows beyond the end repeat the last one, and store once more what is there.
      ...range(rows).map((r) => `let to${r} = image + min(row + ${r}u, params.rows - 1u) * area;`),
    ];
    const width = quadsY ? 4 : 1;
    for (let j = 0; j < columns; j += width) {
      const move = phases ? `${j} * i32(params.phasesX)` : `${j}`;
      const stores = range(rows).map((r) =>
        quadsY
          ? `y[(to${r} + ${j}u) >> 2u] = vec4f(${range(4).map((i) => `s${r}_${j + i}`).join(", ")});`
          : `y[to${r} + u32(${move})] = s${r}_${j};`
      );
      if (!ragged) lines.push(...stores);
      else lines.push(`if (${move} < left) {`, ...stores.map((line) => `  ${line}`), "}");
    }
    return lines;
  }
}

/** An offset as part of a name. */
function name(offset: number): string {
  return offset < 0 ? `m${-offset}` : `${offset}`;
}
