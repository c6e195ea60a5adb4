import { shared } from "../_wgsl.ts";
import { Bodies } from "./_bodies.ts";
import {
  ATTENTION_PARAMS,
  attentionBindings,
  type AttentionKernel,
  type AttentionKind,
  type AttentionStream,
  indent,
  range,
  stagedRows,
} from "./_kernel.ts";
import { Rows } from "./_rows.ts";

/** Writes a kernel. */
export function writeAttention(kernel: AttentionKernel): string {
  return new Writer(kernel).text();
}

class Writer {
  readonly #kernel: AttentionKernel;
  readonly #rows: Rows;

  constructor(kernel: AttentionKernel) {
    this.#kernel = kernel;
    this.#rows = new Rows(kernel);
  }

  text(): string {
    const { kind, stream, width, dropout } = this.#kernel;
    const bodies = new Bodies(this.#kernel, this.#rows);
    const [formula, mapping] = HEADINGS[kind];
    return [
      formula,
      `${mapping} ${kind === "mask" ? "" : STREAMING[stream]}`.trimEnd(),
      ...(stream === "broadcast" ? ["enable subgroups;"] : []),
      ...this.#declarations(),
      `@compute @workgroup_size(${width})`,
      "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {",
      ...indent([
        "var rest = workgroup_index(id, groups);",
        "let tile = rest % params.tiles;",
        "rest = rest / params.tiles;",
        ...bodies[kind](),
      ]),
      "}",
      "",
      ...(dropout === "none" ? [] : [DECIDE]),
    ].join("\n");
  }

  #declarations(): string[] {
    const { type, quads, mask, kind, dropout, stream } = this.#kernel;
    const element = type === "f32" ? quads ? "vec4f" : "f32" : "vec2u";
    const types: Record<string, string> = {
      mask: mask === "bool" ? "u32" : "f32",
      step: "u32",
      stats: "vec2u",
      dm: "f32",
    };
    const bindings = Object.entries(attentionBindings(this.#kernel));
    const has = (name: string) => bindings.some(([binding]) => binding === name);
    const parts = this.#kernel.sharedInputs ? { q: "q", k: "q", v: "q" } : { q: "q", k: "k", v: "v" };
    const grads = this.#kernel.sharedGrads ? { dk: "dq", dv: "dq" } : { dk: "dk", dv: "dv" };
    const { size, valueSize } = this.#kernel;
    const rows = stagedRows(size, valueSize);
    return [
      "struct Params {",
      ...Object.entries(ATTENTION_PARAMS).map(([name, type]) => `  ${name}: ${type},`),
      "}",
      ...bindings.map(([name, access], i) =>
        `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${types[name] ?? element}>;`
      ),
      "@group(0) @binding(32) var<uniform> params: Params;",
      shared.place.trim(),
      shared.bits.trim(),
      ...(type === "f32" ? [] : [shared.halves.trim()]),
      ...(dropout === "none" ? [] : [shared.philox.trim()]),
      ...(stream === "staged"
        ? [
          `var<workgroup> stage_a: array<vec4f, ${rows * this.#rows.quads.row}>;`,
          `var<workgroup> stage_b: array<vec4f, ${rows * this.#rows.quads.value}>;`,
        ]
        : []),
      "fn start(strides: vec4u, batch: u32, head: u32) -> u32 {",
      "  return strides.w + batch * strides.x + head * strides.y;",
      "}",
      ...Object.entries(parts).flatMap(([name, buffer]) => this.#loader(name, buffer, name === "v" ? valueSize : size)),
      ...(kind === "forward" ? [] : this.#loader("g", "g", valueSize)),
      ...(kind === "queries" ? [...this.#loader("o", "o", valueSize), ...this.#storer("dq", "dq", size)] : []),
      ...(kind === "forward" && has("o") ? this.#storer("o", "o", valueSize) : []),
      ...(kind === "keys" ? [...this.#storer("dk", grads.dk, size), ...this.#storer("dv", grads.dv, valueSize)] : []),
    ];
  }

  /** `load_x(at, c)`: elements 4c to 4c + 3 of the row that begins at `at`, zeros behind its end. */
  #loader(name: string, buffer: string, size: number): string[] {
    const { type, quads } = this.#kernel;
    const head = `fn load_${name}(at: u32, c: u32) -> vec4f {`;
    if (type !== "f32") {
      const word = `let w = ${buffer}[(at >> 2u) + c];`;
      return [head, `  ${word}`, `  return vec4f(unpack_${type}(w.x), unpack_${type}(w.y));`, "}"];
    }
    if (quads) return [head, `  return ${buffer}[(at >> 2u) + c];`, "}"];
    const parts = range(4).map((e) => `select(0.0, ${buffer}[at + 4u * c + ${e}u], 4u * c + ${e}u < ${size}u)`);
    return [head, "  return vec4f(", ...parts.map((part) => `    ${part},`), "  );", "}"];
  }

  /** `store_x(at, c, x)`, the opposite. */
  #storer(name: string, buffer: string, size: number): string[] {
    const { type, quads } = this.#kernel;
    const head = `fn store_${name}(at: u32, c: u32, x: vec4f) {`;
    if (type !== "f32") {
      return [head, `  ${buffer}[(at >> 2u) + c] = vec2u(pack_${type}(x.xy), pack_${type}(x.zw));`, "}"];
    }
    if (quads) return [head, `  ${buffer}[(at >> 2u) + c] = x;`, "}"];
    return [
      head,
      ...range(4).flatMap((e) => [
        `  if (4u * c + ${e}u < ${size}u) {`,
        `    ${buffer}[at + 4u * c + ${e}u] = x[${e}];`,
        "  }",
      ]),
      "}",
    ];
  }
}

const STREAMING: Record<AttentionStream, string> = {
  staged: "They come through workgroup memory.",
  broadcast: "Each lane loads a part of them, which the others get from it.",
  plain: "Every invocation loads them.",
};

const HEADINGS: Record<AttentionKind, readonly [string, string]> = {
  forward: [
    "// o[i] = Σ_j p[i, j] v[j] with p = softmax_j(scale · q[i]·k[j] + mask); stats[i] = log Σ_j exp(score[i, j])",
    "// An invocation makes one query's result, streaming keys and values.",
  ],
  queries: [
    "// dq[i] = scale · Σ_j t[i, j] k[j] with t = p (g[i]·v[j] − delta[i]), delta[i] = g[i]·o[i], which goes into stats",
    "// An invocation makes one query's gradient, streaming keys and values.",
  ],
  keys: [
    "// dk[j] = scale · Σ_i t[i, j] q[i] with t = p (g[i]·v[j] − delta[i]); dv[j] = Σ_i p[i, j] g[i]",
    "// An invocation makes the gradients of one key and its value, streaming queries and gradients of results.",
  ],
  mask: [
    "// dm[i, j] = Σ t[i, j] over the batches and heads that share the mask",
    "// An invocation makes one element.",
  ],
};

/**
 * Dropout's decisions: 0, or what the weights that stay are multiplied by. Word 4·quad + n belongs to key n of the
 * quad.
 */
const DECIDE = `fn decide(quad: u32, step: vec3u) -> vec4f {
  let words = philox(vec4u(quad, step), params.seed.xy);
  let uniform = vec4f(words >> vec4u(8u)) * 5.9604644775390625e-8;
  return select(vec4f(), vec4f(params.gain), uniform < vec4f(params.keep));
}
`;
