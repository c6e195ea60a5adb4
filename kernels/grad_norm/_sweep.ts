import type { Access } from "../../device/mod.ts";
import { device } from "../../device/mod.ts";
import { type DType, isHalf } from "../../tensor/dtype.ts";
import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { type Family, family } from "../_family.ts";
import { launch } from "../_run.ts";
import type { KernelSource } from "../_source.ts";
import { shared } from "../_wgsl.ts";

/** How elements of many tensors become one number, as WGSL. */
export interface Kind {
  /** Type of four accumulators, and of a partial result. */
  readonly acc: string;
  readonly part: "f32" | "u32" | "vec2f";
  /** Four elements as accumulators: `v` as they were and, where they change, `w` as they are then. */
  readonly term: string;
  /** Two accumulators or partial results `a` and `b` as one. */
  readonly combine: string;
  /** Four accumulators `v` as one partial result. */
  readonly fold: string;
}

/** What one pass over many tensors does: change every element in place, or sum up, or both. */
export interface Sweep {
  /** Names its kernels. */
  readonly name: string;
  /** WGSL: what four elements `v` become, in `number` (of the host) and `numbers` (of the device, see `run`). */
  readonly change?: string;
  /** Whether `change` reads `numbers`. */
  readonly reads?: boolean;
  /** WGSL functions that the expressions call. */
  readonly helpers?: readonly string[];
  /** What is summed up. */
  readonly kind?: Kind;
}

/** No dispatch takes more tensors, however many bindings an adapter has: their sizes are parameters. */
const MOST_TENSORS = 16;

/** A run of tensors of one type that one dispatch takes. */
interface Batch {
  readonly dtype: DType;
  readonly tensors: Tensor[];
}

type Params = { lengths: "array<vec4u,4>"; ends: "array<vec4u,4>"; first: "u32"; number: "f32" };
type SweepKernel = KernelSource<Record<string, Access>, Params>;

const PARAMS: Params = { lengths: "array<vec4u,4>", ends: "array<vec4u,4>", first: "u32", number: "f32" };
const kernels = new Map<string, SweepKernel>();

/**
 * Passes over tensors in as few dispatches as bindings allow, with sums in a fixed order.
 *
 * @param sweep What is done
 * @param given Floating-point tensors of any sizes; tensors over the same memory are taken once where they are changed
 * @param number A number of the host, for the sweep's expressions
 * @param numbers Numbers of the device, for `change`
 * @returns Partial results in their order, `null` if nothing is summed up or there are no elements
 */
export function runSweep(sweep: Sweep, given: readonly Tensor[], number: number, numbers?: Tensor): Tensor | null {
  const { name, change, reads = false, kind } = sweep;
  const tensors = (change === undefined ? given : distinct(given)).filter((t) => t.numel > 0);
  if (tensors.length === 0) return null;
  const most = device().limits.maxStorageBuffersPerShaderStage - Number(kind !== undefined) - Number(reads);
  const batches = batchesOf(tensors, Math.min(MOST_TENSORS, most));
  const groups = groupsOf(tensors);
  const each = family() === "lanes" ? 64 : 1;
  const words = tensors.reduce((sum, t) => sum + groups.get(t)!, 0) * each * (kind?.part === "vec2f" ? 2 : 1);
  const partials = kind === undefined
    ? null
    : new Tensor({ shape: [words], storage: new Storage(words, "f32", name), scoped: false });
  let first = 0;
  for (const { dtype, tensors } of batches) {
    const ends: number[] = [];
    for (const t of tensors) ends.push((ends.at(-1) ?? 0) + groups.get(t)!);
    if (change !== undefined) { for (const t of tensors) t.storage.willChange(); }
    const buffers: Record<string, Tensor> = {};
    tensors.forEach((t, i) => buffers[`x${i}`] = t);
    if (partials !== null) buffers.partials = partials;
    if (reads) buffers.numbers = numbers!;
    const kernel = kernelOf(sweep, dtype, tensors.length, family());
    launch(kernel, buffers, { lengths: tensors.map((t) => t.numel), ends, first, number }, ends.at(-1)!);
    first += ends.at(-1)! * each;
  }
  return partials;
}

/** Tensors whose memory is their own, and one of those that share some. */
function distinct(tensors: readonly Tensor[]): Tensor[] {
  return [...new Map(tensors.map((t) => [t.storage, t])).values()];
}

/** Tensors of one type, as many at a time as a dispatch takes. */
function batchesOf(tensors: readonly Tensor[], most: number): Batch[] {
  const batches: Batch[] = [];
  const open = new Map<DType, Batch>();
  for (const t of tensors) {
    let batch = open.get(t.dtype);
    if (batch === undefined || batch.tensors.length === most) {
      batches.push(batch = { dtype: t.dtype, tensors: [] });
      open.set(t.dtype, batch);
    }
    batch.tensors.push(t);
  }
  return batches;
}

/**
 * Workgroups of each tensor: in all enough for the device to be busy, each with some work. It depends on sizes alone.
 */
function groupsOf(tensors: readonly Tensor[]): Map<Tensor, number> {
  const quads = tensors.reduce((sum, t) => sum + Math.ceil(t.numel / 4), 0);
  const most = family() === "lanes" ? 16 : 2048;
  const share = 64 * Math.max(4, Math.ceil(quads / (64 * most)));
  return new Map(tensors.map((t) => [t, Math.ceil(t.numel / 4 / share)]));
}

function kernelOf(sweep: Sweep, dtype: DType, count: number, family: Family): SweepKernel {
  const key = `${sweep.name} ${dtype} ${count} ${family}`;
  let kernel = kernels.get(key);
  if (kernel === undefined) {
    const bindings: Record<string, Access> = {};
    for (let i = 0; i < count; i++) bindings[`x${i}`] = sweep.change === undefined ? "read" : "read_write";
    if (sweep.kind) bindings.partials = "read_write";
    if (sweep.reads) bindings.numbers = "read";
    kernels.set(
      key,
      kernel = { name: sweep.name, key, bindings, params: PARAMS, code: writeSweep(sweep, dtype, count, family) },
    );
  }
  return kernel;
}

/**
 * Writes the kernel for so many tensors of a type. Each has a loop of its own: which one runs is uniform in a
 * workgroup.
 */
export function writeSweep(sweep: Sweep, dtype: DType, count: number, family: Family): string {
  const { change, reads = false, kind, helpers = [] } = sweep;
  const half = isHalf(dtype), quad = half ? "vec2u" : "vec4f";
  const load = (q: string) => half ? `vec4f(unpack_${dtype}(${q}.x), unpack_${dtype}(${q}.y))` : q;
  const store = (v: string) => half ? `vec2u(pack_${dtype}(${v}.xy), pack_${dtype}(${v}.zw))` : v;
  const access = change === undefined ? "read" : "read_write";
  let binding = 0;
  const bind = (access: string, name: string, type: string) =>
    `@group(0) @binding(${binding++}) var<storage, ${access}> ${name}: array<${type}>;`;
  const loop = (i: number) => [
    `    case ${i}u: {`,
    "      for (var at = start; at < quads; at += step) {",
    `        let q = x${i}[at];`,
    `        let v = ${load("q")};`,
    ...(change === undefined ? [] : ["        let w = changed(v);", `        x${i}[at] = ${store("w")};`]),
    ...(kind
      ? [
        `        total = combined(total, term(used(v, at, length)${
          change === undefined ? "" : ", used(w, at, length)"
        }));`,
      ]
      : []),
    "      }",
    "    }",
  ];
  return [
    `// ${change === undefined ? "" : `x = ${change}`}${change && kind ? "; " : ""}${
      kind ? `partials = combine(${kind.term})` : ""
    }, for the elements v of ${count} tensors`,
    "// A workgroup takes a part of one tensor: every n-th 64 quads of it, where n is the tensor's number of workgroups.",
    shared.place.trim(),
    ...(half ? [shared.halves.trim()] : []),
    "struct Params {",
    "  // Elements of each tensor.",
    "  lengths: array<vec4u, 4>,",
    "  // Number of workgroups up to and including each tensor.",
    "  ends: array<vec4u, 4>,",
    "  first: u32,",
    "  number: f32,",
    "}",
    ...Array.from({ length: count }, (_, i) => bind(access, `x${i}`, quad)),
    ...(kind ? [bind("read_write", "partials", kind.part)] : []),
    ...(reads ? [bind("read", "numbers", "f32")] : []),
    "@group(0) @binding(32) var<uniform> params: Params;",
    ...helpers,
    ...(kind
      ? [
        "// The last quad may hold fewer than four elements; what lies behind them is anything.",
        "fn used(v: vec4f, at: u32, length: u32) -> vec4f {",
        "  return select(vec4f(), v, 4u * at + vec4u(0u, 1u, 2u, 3u) < vec4u(length));",
        "}",
        `fn term(v: vec4f${change === undefined ? "" : ", w: vec4f"}) -> ${kind.acc} {`,
        "  let number = params.number;",
        `  return ${kind.term};`,
        "}",
        `fn combined(a: ${kind.acc}, b: ${kind.acc}) -> ${kind.acc} {`,
        `  return ${kind.combine};`,
        "}",
        `fn folded(v: ${kind.acc}) -> ${kind.part} {`,
        `  return ${kind.fold};`,
        "}",
      ]
      : []),
    ...(change === undefined
      ? []
      : ["fn changed(v: vec4f) -> vec4f {", "  let number = params.number;", `  return ${change};`, "}"]),
    ...(kind && family === "groups" ? [`var<workgroup> parts: array<${kind.part}, 64>;`] : []),
    "@compute @workgroup_size(64)",
    "fn main(",
    "  @builtin(workgroup_id) id: vec3u,",
    "  @builtin(num_workgroups) groups: vec3u,",
    "  @builtin(local_invocation_index) lane: u32,",
    ") {",
    "  let group = workgroup_index(id, groups);",
    "  var tensor = 0u;",
    "  var begin = 0u;",
    `  for (var t = 0u; t < ${count - 1}u; t++) {`,
    "    let end = params.ends[t / 4u][t % 4u];",
    "    if (group >= end) {",
    "      tensor = t + 1u;",
    "      begin = end;",
    "    }",
    "  }",
    "  let end = params.ends[tensor / 4u][tensor % 4u];",
    "  if (group >= end) {",
    "    return;",
    "  }",
    "  let length = params.lengths[tensor / 4u][tensor % 4u];",
    "  let start = (group - begin) * 64u + lane;",
    "  let step = (end - begin) * 64u;",
    "  let quads = (length + 3u) / 4u;",
    ...(kind ? [`  var total = ${kind.acc}();`] : []),
    "  switch tensor {",
    ...Array.from({ length: count }, (_, i) => loop(i)).flat(),
    "    default: {",
    "    }",
    "  }",
    ...(kind
      ? family === "lanes" ? ["  partials[params.first + group * 64u + lane] = folded(total);"] : [
        "  parts[lane] = folded(total);",
        "  for (var half = 32u; half > 0u; half /= 2u) {",
        "    workgroupBarrier();",
        "    if (lane < half) {",
        "      let a = parts[lane];",
        "      let b = parts[lane + half];",
        `      parts[lane] = ${kind.combine};`,
        "    }",
        "  }",
        "  if (lane == 0u) {",
        "    partials[params.first + group] = parts[0];",
        "  }",
      ]
      : []),
    "}",
    "",
  ].join("\n");
}
