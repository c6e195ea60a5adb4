import type { Tensor } from "../../tensor/tensor.ts";
import type { Width } from "../elementwise/stored.ts";
import { functionsFor } from "../elementwise/functions.ts";
import { launch } from "../_run.ts";
import type { KernelSource, ParamType } from "../_source.ts";
import type { Access } from "../../device/mod.ts";
import { type Sink, sinkBindings, sinkKey, sinkTakes, writeSink } from "./_sink.ts";

const SUM_PARAMS = {
  count: "u32",
  items: "u32",
  rows: "u32",
  columns: "u32",
  slices: "u32",
  sliceSize: "u32",
} as const;

type SumKernel = KernelSource<Record<string, Access>, Record<string, ParamType>>;

const kernels = new Map<string, SumKernel>();

/** Writes the kernel that adds the parts of a product's sums and does with them what its sink says. */
function writeSum(sink: Sink, width: Width): string {
  const fields = Object.entries({ ...SUM_PARAMS, ...sink.finish?.params.types });
  const type = width === 1 ? "f32" : `vec${width}f`;
  // Two at once are read one by one, as the last of an odd number stands alone.
  const item = width === 4 ? "vec4f" : "f32";
  const range = Array.from({ length: width }, (_, c) => c);
  const part = (at: string) =>
    width === 2 ? `vec2f(x[${at}], x[${at} + 1u])` : `x[${width === 4 ? `(${at}) >> 2u` : at}]`;
  const bias = sink.bias === null
    ? ""
    : ` + ${type}(${range.map((c) => `bias_at((at + ${c}u) % params.columns)`).join(", ")})`;
  const body = [
    `@group(0) @binding(0) var<storage, read> x: array<${item}>;`,
    writeSink(sink, width, 1),
    "@group(0) @binding(32) var<uniform> params: Params;",
    "@compute @workgroup_size(64)",
    "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {",
    "  let own = workgroup_index(id, groups) * 64u + lane;",
    ...(sink.sums === null ? [] : [
      "  if (own >= params.items) {",
      "    let row = own - params.items;",
      "    if (row < params.rows) {",
      "      var total = 0.0;",
      "      for (var s = 0u; s < params.slices; s++) {",
      "        let at = s * params.sliceSize + params.count + row;",
      `        total += x[${width === 4 ? "at >> 2u][at & 3u" : "at"}];`,
      "      }",
      "      put_sum(row, total);",
      "    }",
      "    return;",
      "  }",
    ]),
    "  if (own >= params.items) {",
    "    return;",
    "  }",
    `  let at = own * ${width}u;`,
    `  var total = ${type}();`,
    "  for (var s = 0u; s < params.slices; s++) {",
    `    total += ${part("s * params.sliceSize + at")};`,
    "  }",
    `  put(at, total${bias});`,
    "}",
    "",
  ].join("\n");
  return [
    "// y[i] = Σ_s x[s, i], in the order of s",
    `// One invocation makes ${width} neighbours.`,
    "struct Params {",
    ...fields.map(([name, type]) => `  ${name}: ${type},`),
    "}",
    functionsFor(body),
    body,
  ].join("\n");
}

/** Sizes of a product whose sums were computed in parts. */
export interface Parts {
  /** Elements of the product. */
  readonly count: number;
  readonly slices: number;
  /** Elements from one part to the next. */
  readonly sliceSize: number;
  readonly rows: number;
  readonly columns: number;
}

/**
 * Records the kernel that adds parts, in order.
 *
 * @param parts [slices, sliceSize]: of each part the product, and behind it the sums of rows where they are wanted
 * @param sink What happens to the totals
 * @param ends Tensors by the names of the sink's bindings
 * @param sizes Sizes
 */
export function sumParts(parts: Tensor, sink: Sink, ends: Readonly<Record<string, Tensor>>, sizes: Parts): void {
  const { count, rows, columns, slices, sliceSize } = sizes;
  const width = count % 4 === 0 ? 4 : sinkTakes(sink, 1) ? 1 : 2;
  const key = `matmul sum ${width} ${sinkKey(sink)}`;
  let kernel = kernels.get(key);
  if (kernel === undefined) {
    const bindings = { x: "read", ...sinkBindings(sink) } as const;
    const params = { ...SUM_PARAMS, ...sink.finish?.params.types };
    kernels.set(key, kernel = { name: "matmul", key, bindings, params, code: writeSum(sink, width) });
  }
  const items = Math.ceil(count / width);
  const all = items + (sink.sums === null ? 0 : rows);
  const params = { count, items, rows, columns, slices, sliceSize, ...sink.finish?.params.values };
  launch(kernel, { x: parts, ...ends }, params, Math.ceil(all / 64));
}
