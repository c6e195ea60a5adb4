import type { DType } from "../../tensor/dtype.ts";
import { readOperand, type Sink, writeOperand, writeSink } from "../matmul/_sink.ts";
import { type ConvKernel, convKernel, kernelText, LETTERS, range } from "./_kernel.ts";
import { column, covered, insideColumns, loadLine, met, type PlaneWindows } from "./_lanes_plane.ts";

/**
 * A kernel for the gradient of the weight of a convolution whose channels have little to do with each other. Each lane
 * adds up all taps of one pair of channels over its own patches of the planes; what lanes have is added afterwards, as
 * slices.
 */
export interface PlaneWeightKernel extends PlaneWindows {
  readonly lanes: number;
  readonly typeX: DType;
  readonly typeDy: DType;
  /** Whether four neighbours of `dy` are loaded at once; asks for columns that are multiples of four. */
  readonly quads: boolean;
  /** What becomes of the sums. */
  readonly sink: Sink;
}

/** Parameters, in the order of `Params`. */
const PLANE_WEIGHT_PARAMS = {
  groups: "u32",
  rows: "u32",
  channels: "u32",
  chunks: "u32",
  patches: "u32",
  blocks: "u32",
  lineBlocks: "u32",
  height: "u32",
  width: "u32",
  outHeight: "u32",
  outWidth: "u32",
  hopY: "i32",
  hopX: "i32",
  startY: "i32",
  startX: "i32",
  sliceSize: "u32",
  sumsAt: "u32",
} as const;

/** The kernel of a description, written the first time. */
export function planeWeightKernel(spec: PlaneWeightKernel): ConvKernel {
  const { windowY, windowX, sink, ...rest } = spec;
  const windows = [windowY, windowX].map((window) => Object.values(window).join("/")).join(" ");
  const key = `plane weight lanes ${Object.values(rest).join(" ")} ${windows}`;
  return convKernel(key, ["x", "dy"], PLANE_WEIGHT_PARAMS, sink, () => writePlaneWeight(spec));
}

/** Writes the kernel. */
export function writePlaneWeight(spec: PlaneWeightKernel): string {
  const { lanes, lines, columns, sink } = spec;
  return kernelText(
    [
      "// dw[r, c, tap] = Σ_n Σ_o dy[n, r, o] · x[n, c, i(o, tap)]",
      `// A workgroup of ${lanes} lanes works on one pair of channels; a lane takes ${lines} × ${columns} places of dy at once. No barrier.`,
    ],
    PLANE_WEIGHT_PARAMS,
    sink,
    [
      writeOperand("x", 0, spec.typeX, spec.quadsX),
      writeOperand("dy", 1, spec.typeDy, spec.quads),
      writeSink(sink, 1, 2),
      "@group(0) @binding(32) var<uniform> params: Params;",
      `@compute @workgroup_size(${lanes})`,
      "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {",
      ...body(spec).map((line) => `  ${line}`),
      "}",
    ],
  );
}

/** Loads a patch of `dy`: zeros beyond its end. */
function loadDy({ lines, columns, quads, typeDy }: PlaneWeightKernel): string[] {
  return range(lines).flatMap((l) => [
    `let used${l} = oy + ${l}u < params.outHeight;`,
    ...range(quads ? columns / 4 : columns).map((g) => {
      const first = quads ? 4 * g : g;
      const load = readOperand("dy", typeDy, quads, `to + ${l}u * params.outWidth + ${first}u`);
      return `let d${l}_${g} = select(${
        quads ? "vec4f()" : "0.0"
      }, ${load}, used${l} && ox + ${first}u < params.outWidth);`;
    }),
  ]);
}

function body(spec: PlaneWeightKernel): string[] {
  const { lanes, lines, columns, windowX, windowY, quads, sink } = spec;
  const taps = range(windowX.taps * windowY.taps);
  const gradient = (l: number, j: number) => quads ? `d${l}_${j >> 2}.${LETTERS[j % 4]}` : `d${l}_${j}`;
  const loads = range(lines).flatMap((l) => range(quads ? columns / 4 : columns).map((g) => `d${l}_${g}`));
  const shares = loads.map((load) => quads ? `dot(${load}, vec4f(1.0))` : load);
  return [
    "var rest = workgroup_index(id, count);",
    "let chunk = rest % params.chunks;",
    "rest = rest / params.chunks;",
    "let channel = rest % params.channels;",
    "rest = rest / params.channels;",
    "let row = rest % params.rows;",
    "let group = rest / params.rows;",
    "if (group >= params.groups) {",
    "  return;",
    "}",
    "let plane = params.height * params.width;",
    "let area = params.outHeight * params.outWidth;",
    ...taps.map((t) => `var s${t} = 0.0;`),
    ...(sink.sums === null ? [] : ["var total = 0.0;"]),
    `for (var place = chunk * ${lanes}u + lane; place < params.patches; place += params.chunks * ${lanes}u) {`,
    ...[
      "let block = place % params.blocks;",
      "let lineBlock = place / params.blocks % params.lineBlocks;",
      "let n = place / (params.blocks * params.lineBlocks);",
      "let y0 = i32(lineBlock) * params.hopY + params.startY;",
      "let x0 = i32(block) * params.hopX + params.startX;",
      ...insideColumns(spec),
      "let at = i32(((n * params.groups + group) * params.channels + channel) * plane) + y0 * i32(params.width) + x0;",
      `let oy = lineBlock * ${lines}u;`,
      `let ox = block * ${columns}u;`,
      "let to = ((n * params.groups + group) * params.rows + row) * area + oy * params.outWidth + ox;",
      ...loadDy(spec),
      ...(sink.sums === null ? [] : [`total += ${shares.join(" + ")};`]),
      ...covered(windowY, lines).flatMap((line) => [
        ...loadLine(spec, line),
        ...taps.flatMap((t) =>
          range(lines).flatMap((l) =>
            range(columns).flatMap((j) => {
              const o = met(windowX, j, t % windowX.taps);
              const meets = met(windowY, l, Math.floor(t / windowX.taps)) === line && o !== null;
              return meets ? [`s${t} += ${gradient(l, j)} * ${column(spec, line, o)};`] : [];
            })
          )
        ),
      ]),
    ].map((text) => `  ${text}`),
    "}",
    `let slice = (chunk * ${lanes}u + lane) * params.sliceSize;`,
    `let first = slice + ((group * params.rows + row) * params.channels + channel) * ${taps.length}u;`,
    ...taps.map((t) => `put(first + ${t}u, s${t});`),
    ...(sink.sums === null ? [] : [
      "if (channel == 0u) {",
      "  put_sum(params.sumsAt + slice + group * params.rows + row, total);",
      "}",
    ]),
  ];
}
