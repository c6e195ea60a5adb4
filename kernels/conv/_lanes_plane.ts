import type { DType } from "../../tensor/dtype.ts";
import type { Width } from "../elementwise/stored.ts";
import { readOperand, type Sink, writeOperand, writeSink } from "../matmul/_sink.ts";
import { type ConvKernel, convKernel, kernelText, LETTERS, range } from "./_kernel.ts";
import type { Window } from "./_lanes_image.ts";

/** What a patch of a plane of the result meets in a plane of the image, along both axes. */
export interface PlaneWindows {
  /** Lines and columns of the patch. */
  readonly lines: number;
  readonly columns: number;
  readonly windowY: Window;
  readonly windowX: Window;
  /** Whether four neighbouring columns of the image are loaded at once. */
  readonly quadsX: boolean;
}

/**
 * A kernel that slides over an image whose channels have little to do with each other (depthwise convolutions), for
 * adapters that compute on the processor's cores. There is one channel to make, so that what is loaded is used again
 * along both axes of the plane: a lane makes a patch of it.
 */
export interface PlaneKernel extends PlaneWindows {
  /** Lanes of a subgroup; a workgroup is one subgroup. */
  readonly lanes: number;
  /** Whether each lane loads another tap of the kernel, to be broadcast; otherwise every lane loads them all. */
  readonly broadcast: boolean;
  readonly typeX: DType;
  readonly typeW: DType;
  /** Neighbouring columns of the result that are stored at once. */
  readonly width: Width;
  /** What becomes of the sums. */
  readonly sink: Sink;
}

/** Parameters, in the order of `Params`. */
const PLANE_PARAMS = {
  tiles: "u32",
  groups: "u32",
  positions: "u32",
  blocks: "u32",
  lineBlocks: "u32",
  rows: "u32",
  channels: "u32",
  height: "u32",
  width: "u32",
  outHeight: "u32",
  outWidth: "u32",
  weightRow: "u32",
  weightChannel: "u32",
  weightGroup: "u32",
  hopY: "i32",
  hopX: "i32",
  startY: "i32",
  startX: "i32",
  sliceSize: "u32",
  sumsAt: "u32",
} as const;

/** Where a line or column of a patch meets the image under a tap, from the patch's beginning; `null`: nowhere. */
export function met({ step, spacing, first, every }: Window, at: number, tap: number): number | null {
  const reach = at * step + tap * spacing + first;
  return reach % every === 0 ? reach / every : null;
}

/** The lines (columns) of the image that a patch covers, in order. */
export function covered(window: Window, size: number): number[] {
  const all = range(window.taps).flatMap((t) => range(size).map((at) => met(window, at, t)));
  return [...new Set(all.filter((o) => o !== null))].sort((a, b) => a - b);
}

/** Columns that are loaded: with quads the first of each four. */
function loadedColumns({ windowX, columns, quadsX }: PlaneWindows): number[] {
  const all = covered(windowX, columns);
  return quadsX ? [...new Set(all.map((o) => Math.floor(o / 4) * 4))] : all;
}

/** An offset as part of a name. */
const name = (o: number): string => o < 0 ? `m${-o}` : `${o}`;

/** Text of a column of a line that was loaded. */
export function column({ quadsX }: PlaneWindows, line: number, o: number): string {
  const quad = Math.floor(o / 4) * 4;
  return quadsX ? `p${name(line)}_${name(quad)}.${LETTERS[o - quad]}` : `p${name(line)}_${name(o)}`;
}

/** Declares which columns are inside the image, by `x0`, the column where the patch begins. */
export function insideColumns(windows: PlaneWindows): string[] {
  return loadedColumns(windows).map((o) => `let in${name(o)} = u32(x0 + ${o}) < params.width;`);
}

/** Loads a line of the image, by `y0` and `at`, the line and the element where the patch begins. */
export function loadLine(windows: PlaneWindows & { readonly typeX: DType }, line: number): string[] {
  const zero = windows.quadsX ? "vec4f()" : "0.0";
  return [
    `let line${name(line)} = u32(y0 + ${line}) < params.height;`,
    ...loadedColumns(windows).map((o) =>
      `let p${name(line)}_${name(o)} = select(${zero}, ${
        readOperand("x", windows.typeX, windows.quadsX, `u32(at + ${line} * i32(params.width) + ${o})`)
      }, line${name(line)} && in${name(o)});`
    ),
  ];
}

/** The kernel of a description, written the first time. */
export function planeKernel(spec: PlaneKernel): ConvKernel {
  const { windowY, windowX, sink, ...rest } = spec;
  const windows = [windowY, windowX].map((window) => Object.values(window).join("/")).join(" ");
  const key = `plane lanes ${Object.values(rest).join(" ")} ${windows}`;
  return convKernel(key, ["x", "w"], PLANE_PARAMS, sink, () => writePlane(spec));
}

/** Writes the kernel. */
export function writePlane(spec: PlaneKernel): string {
  const { lanes, lines, columns, broadcast, sink } = spec;
  return kernelText(
    [
      "// y[n, r, o] = Σ_c Σ_tap w[r, c, tap] · x[n, c, i(o, tap)]",
      `// A workgroup of ${lanes} lanes makes one channel; a lane makes ${lines} × ${columns} places of it. No barrier, no workgroup memory.`,
      ...(broadcast ? ["enable subgroups;"] : []),
    ],
    PLANE_PARAMS,
    sink,
    [
      writeOperand("x", 0, spec.typeX, spec.quadsX),
      writeOperand("w", 1, spec.typeW, false),
      writeSink(sink, spec.width, 2),
      "@group(0) @binding(32) var<uniform> params: Params;",
      `@compute @workgroup_size(${lanes})`,
      "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {",
      ...body(spec).map((line) => `  ${line}`),
      "}",
    ],
  );
}

function body(spec: PlaneKernel): string[] {
  const { lanes, lines, columns, windowX, windowY, broadcast, width, sink } = spec;
  const taps = windowX.taps * windowY.taps;
  const read = (index: string) => readOperand("w", spec.typeW, false, index);
  const places = range(lines).flatMap((l) => range(columns).map((j) => `${l}_${j}`));
  const weight = (tap: number) =>
    broadcast ? `subgroupBroadcast(w${Math.floor(tap / lanes)}, ${tap % lanes}u)` : `w${tap}`;
  return [
    "var rest = workgroup_index(id, count);",
    `let position = rest % params.tiles * ${lanes}u + lane;`,
    "rest = rest / params.tiles;",
    "let row = rest % params.rows;",
    "let group = rest / params.rows;",
    "if (group >= params.groups) {",
    "  return;",
    "}",
    "let place = min(position, params.positions - 1u);",
    "let block = place % params.blocks;",
    "let lineBlock = place / params.blocks % params.lineBlocks;",
    "let n = place / (params.blocks * params.lineBlocks);",
    "let y0 = i32(lineBlock) * params.hopY + params.startY;",
    "let x0 = i32(block) * params.hopX + params.startX;",
    ...insideColumns(spec),
    "let plane = i32(params.height * params.width);",
    "var at = i32((n * params.groups + group) * params.channels) * plane + y0 * i32(params.width) + x0;",
    "var tap = group * params.weightGroup + row * params.weightRow;",
    ...places.map((place) => `var s${place} = 0.0;`),
    "for (var c = 0u; c < params.channels; c++) {",
    ...[
      ...(broadcast
        ? range(Math.ceil(taps / lanes)).map((g) =>
          `let w${g} = ${read(`tap + min(lane + ${g * lanes}u, ${taps - 1}u)`)};`
        )
        : range(taps).map((t) => `let w${t} = ${read(`tap + ${t}u`)};`)),
      ...range(taps).map((t) => `let v${t} = ${weight(t)};`),
      ...covered(windowY, lines).flatMap((line) => [
        ...loadLine(spec, line),
        ...range(lines).flatMap((l) =>
          range(columns).flatMap((j) =>
            range(taps).flatMap((t) => {
              const o = met(windowX, j, t % windowX.taps);
              const meets = met(windowY, l, Math.floor(t / windowX.taps)) === line && o !== null;
              return meets ? [`s${l}_${j} += v${t} * ${column(spec, line, o)};`] : [];
            })
          )
        ),
      ]),
      "at += plane;",
      "tap += params.weightChannel;",
    ].map((text) => `  ${text}`),
    "}",
    "if (position >= params.positions) {",
    "  return;",
    "}",
    "let channel = group * params.rows + row;",
    `let oy = lineBlock * ${lines}u;`,
    `let ox = block * ${columns}u;`,
    "let to = ((n * params.groups * params.rows + channel) * params.outHeight + oy) * params.outWidth + ox;",
    ...(sink.bias === null ? [] : ["let bias = bias_at(channel);"]),
    ...range(lines).flatMap((l) => [
      `if (oy + ${l}u < params.outHeight) {`,
      ...range(columns / width).flatMap((g) => {
        const sums = range(width).map((i) => `s${l}_${g * width + i}`).join(", ");
        const value = `${width === 1 ? sums : `vec${width}f(${sums})`}${sink.bias === null ? "" : " + bias"}`;
        return [
          `  if (ox + ${g * width}u < params.outWidth) {`,
          `    put(to + ${l}u * params.outWidth + ${g * width}u, ${value});`,
          "  }",
        ];
      }),
      "}",
    ]),
  ];
}
