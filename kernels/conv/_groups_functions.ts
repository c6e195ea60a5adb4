import type { DType } from "../../tensor/dtype.ts";
import type { Width } from "../elementwise/stored.ts";
import { readOperand, type Sink } from "../matmul/_sink.ts";
import { MEETING_PARAMS } from "./_kernel.ts";

/** Parameters of the kernels that multiply with an unfolded image, in the order of `Params`. */
export const UNFOLD_PARAMS = {
  rowTiles: "u32",
  columnTiles: "u32",
  groups: "u32",
  slices: "u32",
  slice: "u32",
  sliceSize: "u32",
  sumsAt: "u32",
  m: "u32",
  n: "u32",
  k: "u32",
  channels: "u32",
  depth: "u32",
  height: "u32",
  width: "u32",
  outDepth: "u32",
  outHeight: "u32",
  outWidth: "u32",
  gridZ: "u32",
  gridY: "u32",
  gridX: "u32",
  tapsZ: "u32",
  tapsY: "u32",
  tapsX: "u32",
  firstTap: "u32",
  tapStepZ: "u32",
  tapStepY: "u32",
  tapStepX: "u32",
  weightRow: "u32",
  weightChannel: "u32",
  weightGroup: "u32",
  ...MEETING_PARAMS,
  apartZ: "u32",
  apartY: "u32",
  apartX: "u32",
  toStart: "u32",
  perTaps: "f32",
  perTapsYX: "f32",
  perTapsX: "f32",
  perGridYX: "f32",
  perGridX: "f32",
} as const;

/** What the functions depend on. */
interface Variant {
  readonly typeA: DType;
  readonly typeX: DType;
  readonly quadsA: boolean;
  readonly deep: boolean;
  readonly width: Width;
  readonly sink: Sink;
}

/** Functions of all kernels: a place in an image, and what it is taken from. */
function common({ deep, typeX }: Variant): string[] {
  const readX = (index: string) => readOperand("x", typeX, false, index);
  return [
    "var<private> group: u32;",
    "var<private> slice: u32;",
    "var<private> summing: bool;",
    "var<private> end: u32;",
    "const NOWHERE = 0xffffffffu;",
    "// index / divisor; for an index below 2^21 the quotient of f32 is exact after rounding down, and faster.",
    "fn parts_of(index: u32, divisor: u32, inverse: f32) -> u32 {",
    "  if (index < 2097152u) {",
    "    return u32((f32(index) + 0.5) * inverse);",
    "  }",
    "  return index / divisor;",
    "}",
    "// Where a row or a column of the unfolded image lies: its image or channel, and the place that is moved by the rest.",
    "struct Place {",
    "  source: u32,",
    "  at: vec3i,",
    "  used: bool,",
    "}",
    "fn pixel(image: u32, at: vec3i) -> f32 {",
    `  if (u32(at.y) >= params.height || u32(at.x) >= params.width${deep ? " || u32(at.z) >= params.depth" : ""}) {`,
    "    return 0.0;",
    "  }",
    deep
      ? `  return ${readX("image + (u32(at.z) * params.height + u32(at.y)) * params.width + u32(at.x)")};`
      : `  return ${readX("image + u32(at.y) * params.width + u32(at.x)")};`,
    "}",
    ...volumeFunction("tap", "taps", "perTaps", deep),
    ...volumeFunction("position", "grid", "perGrid", deep),
  ];
}

/** A function that takes an index apart along the axes. */
function volumeFunction(name: string, sizes: string, inverse: string, deep: boolean): string[] {
  return [
    `fn ${name}_of(index: u32) -> vec3u {`,
    ...(deep
      ? [
        `  let z = parts_of(index, params.${sizes}Y * params.${sizes}X, params.${inverse}YX);`,
        `  let rest = index - z * params.${sizes}Y * params.${sizes}X;`,
      ]
      : ["  let z = 0u;", "  let rest = index;"]),
    `  let y = parts_of(rest, params.${sizes}X, params.${inverse}X);`,
    `  return vec3u(rest - y * params.${sizes}X, y, z);`,
    "}",
  ];
}

const STEP = "vec3i(params.stepX, params.stepY, params.stepZ)";
const SPACING = "vec3i(params.spacingX, params.spacingY, params.spacingZ)";
const START = "vec3i(params.startX, params.startY, params.startZ)";
const TAPS = "params.tapsZ * params.tapsY * params.tapsX";
const GRID = "params.gridZ * params.gridY * params.gridX";
const PLANE = "params.depth * params.height * params.width";
const AREA = "params.outDepth * params.outHeight * params.outWidth";

/** What a tile's kernel calls where weights are multiplied with an image. */
export function imageFunctions(variant: Variant): string[] {
  const { quadsA, width, sink, typeA } = variant;
  const item = quadsA ? "vec4f" : "f32", value = width === 1 ? "f32" : `vec${width}f`;
  const bias = sink.bias === null ? "" : ` + bias_at(group * params.m + row)`;
  return [
    ...common(variant),
    "fn place_a(row: u32) -> u32 {",
    "  return select(NOWHERE, group * params.weightGroup + row * params.weightRow, row < params.m);",
    "}",
    `fn load_a(place: u32, k: u32) -> ${item} {`,
    "  if (place == NOWHERE || k >= end) {",
    `    return ${item}();`,
    "  }",
    ...(quadsA
      // Neighbours along k are neighbours in memory: all taps of a channel, and channels one after the other.
      ? [`  return ${readOperand("a", typeA, true, "place + k")};`]
      : [
        `  let channel = parts_of(k, ${TAPS}, params.perTaps);`,
        `  let tap = tap_of(k - channel * ${TAPS}) * vec3u(params.tapStepX, params.tapStepY, params.tapStepZ);`,
        "  let weight = channel * params.weightChannel + params.firstTap + tap.x + tap.y + tap.z;",
        `  return ${readOperand("a", typeA, false, "place + weight")};`,
      ]),
    "}",
    "fn place_b(column: u32) -> Place {",
    `  let n = column / (${GRID});`,
    `  let at = vec3i(position_of(column - n * (${GRID}))) * ${STEP} + ${START};`,
    `  return Place((n * params.groups + group) * params.channels * (${PLANE}), at, column < params.n);`,
    "}",
    "fn load_b(place: Place, k: u32) -> f32 {",
    "  if (!place.used || k >= end) {",
    "    return 0.0;",
    "  }",
    `  let channel = parts_of(k, ${TAPS}, params.perTaps);`,
    `  let tap = vec3i(tap_of(k - channel * ${TAPS})) * ${SPACING};`,
    `  return pixel(place.source + channel * (${PLANE}), place.at + tap);`,
    "}",
    `fn store(row: u32, column: u32, value: ${value}) {`,
    "  if (row >= params.m || column >= params.n) {",
    "    return;",
    "  }",
    `  let n = column / (${GRID});`,
    `  let image = ((n * params.groups + group) * params.m + row) * (${AREA});`,
    ...(width === 1
      ? [
        `  let at = position_of(column - n * (${GRID})) * vec3u(params.apartX, params.apartY, params.apartZ);`,
        "  let to = ((at.z * params.outHeight) + at.y) * params.outWidth + at.x + params.toStart;",
      ]
      // Positions that are stored together make up the whole result.
      : [`  let to = column - n * (${GRID});`]),
    `  put(image + to, value${bias});`,
    "}",
  ];
}

/** What a tile's kernel calls for the gradient of the weight. */
export function weightFunctions(variant: Variant): string[] {
  const { quadsA, sink, typeA } = variant;
  const item = quadsA ? "vec4f" : "f32";
  return [
    ...common(variant),
    "fn place_a(row: u32) -> u32 {",
    "  return select(NOWHERE, group * params.m + row, row < params.m);",
    "}",
    `fn load_a(place: u32, k: u32) -> ${item} {`,
    "  if (place == NOWHERE || k >= end) {",
    `    return ${item}();`,
    "  }",
    `  let n = k / (${AREA});`,
    `  let gradient = (n * params.groups * params.m + place) * (${AREA}) + k - n * (${AREA});`,
    `  return ${readOperand("a", typeA, quadsA, "gradient")};`,
    "}",
    "fn place_b(column: u32) -> Place {",
    `  let channel = parts_of(column, ${TAPS}, params.perTaps);`,
    `  let at = vec3i(tap_of(column - channel * ${TAPS})) * ${SPACING} + ${START};`,
    "  return Place(channel, at, column < params.n);",
    "}",
    "fn load_b(place: Place, k: u32) -> f32 {",
    "  if (!place.used || k >= end) {",
    "    return 0.0;",
    "  }",
    `  let n = k / (${AREA});`,
    `  let at = vec3i(position_of(k - n * (${AREA}))) * ${STEP};`,
    `  let image = ((n * params.groups + group) * params.channels + place.source) * (${PLANE});`,
    "  return pixel(image, place.at + at);",
    "}",
    "fn store(row: u32, column: u32, value: f32) {",
    "  if (row < params.m && column < params.n) {",
    "    put(slice * params.sliceSize + (group * params.m + row) * params.n + column, value);",
    "  }",
    "}",
    ...(sink.sums === null ? [] : [
      "fn store_sums(row: u32, value: f32) {",
      "  if (row < params.m && summing) {",
      "    put_sum(params.sumsAt + slice * params.sliceSize + group * params.m + row, value);",
      "  }",
      "}",
    ]),
  ];
}
