import { shared } from "../_wgsl.ts";

/**
 * Writes the kernels of attention. All of them are one shape: an invocation owns a row (a query, or a key with its value) and
 * keeps it and its sums in registers, while the rows of the other side stream past, some at a time. So no matrix of scores is
 * ever in memory, and no invocation waits for the sums of another.
 */

/** What a kernel makes: results with statistics, gradients of queries, gradients of keys and values, or of the mask. */
export type AttentionKind = "forward" | "queries" | "keys" | "mask";

/**
 * How streamed rows come to the invocations that all need them: through workgroup memory; each lane of a subgroup loads a
 * part, which is broadcast to the others (on software adapters a load costs as much as dozens of broadcasts, whether its
 * address is the same for all lanes or not); or every invocation loads all of them.
 */
export type AttentionStream = "staged" | "broadcast" | "plain";

/** A kernel. */
export interface AttentionKernel {
  readonly kind: AttentionKind;
  /** How the streamed rows come. */
  readonly stream: AttentionStream;
  /** Invocations of a workgroup, a row each. */
  readonly width: number;
  /** Element type of everything but mask and statistics. */
  readonly type: "f32" | "f16" | "bf16";
  /** Elements of a query and a key, and of a value. */
  readonly size: number;
  readonly valueSize: number;
  /** Whether sizes, strides and offsets are multiples of four, so that four elements move at once. */
  readonly quads: boolean;
  /** Whether queries, keys and values lie in one buffer, and so do their gradients. */
  readonly sharedInputs: boolean;
  readonly sharedGrads: boolean;
  readonly mask: "none" | "bool" | "add";
  readonly causal: boolean;
  /** Where the step of the random numbers comes from in forward (backward reads what forward noted). */
  readonly dropout: "none" | "host" | "device";
  /** Rows of up to so many fours of elements are written out; longer ones are arrays and loops. */
  readonly mostUnrolled: number;
}

/** Parameters of all kernels. Vectors of strides are (batch, head, row, offset), those of the mask (batch, head, row, key). */
export const ATTENTION_PARAMS = {
  q: "vec4u",
  k: "vec4u",
  v: "vec4u",
  o: "vec4u",
  g: "vec4u",
  dq: "vec4u",
  dk: "vec4u",
  dv: "vec4u",
  m: "vec4u",
  seed: "vec4u",
  step: "vec4u",
  tiles: "u32",
  batches: "u32",
  heads: "u32",
  repeats: "u32",
  queries: "u32",
  keys: "u32",
  scale: "f32",
  keep: "f32",
  gain: "f32",
  sumBatches: "u32",
  sumHeads: "u32",
} as const;

/** Bytes of workgroup memory that every adapter has. */
const STAGE_BYTES = 16384;
/** Below every finite score, and finite itself, so that differences are. */
const LOWEST = "-3.4e38";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const indent = (lines: readonly string[], by = "  "): string[] => lines.map((line) => by + line);
const sum = (terms: readonly string[]): string => terms.join(" + ");

/** Fours of elements of a row. */
const quadsOf = (size: number): number => Math.ceil(size / 4);

/** Rows that are brought into workgroup memory at once, or 0 where not even a few fit. */
export function stagedRows(size: number, valueSize: number): number {
  const bytes = 16 * (quadsOf(size) + quadsOf(valueSize));
  for (const rows of [32, 16, 8, 4]) if (rows * bytes <= STAGE_BYTES) return rows;
  return 0;
}

/** Rows that are streamed at once: their scores are independent of each other. More would compile slowly. */
const BLOCK = 4;

/** Names and uses of the buffers, in their order. */
export function attentionBindings(kernel: AttentionKernel): Record<string, "read" | "read_write"> {
  const { kind, sharedInputs, sharedGrads, mask, dropout } = kernel;
  const bindings: Record<string, "read" | "read_write"> = {};
  for (const name of sharedInputs ? ["q"] : ["q", "k", "v"]) bindings[name] = "read";
  if (mask !== "none") bindings.mask = "read";
  if (kind === "forward") {
    if (dropout === "device") bindings.step = "read";
    bindings.o = "read_write";
    bindings.stats = "read_write";
    return bindings;
  }
  if (kind === "queries") bindings.o = "read";
  bindings.g = "read";
  bindings.stats = kind === "queries" ? "read_write" : "read";
  if (kind === "queries") bindings.dq = "read_write";
  else if (kind === "mask") bindings.dm = "read_write";
  else if (sharedGrads) bindings.dq = "read_write";
  else bindings.dk = bindings.dv = "read_write";
  return bindings;
}

/** Writes a kernel. */
export function writeAttention(kernel: AttentionKernel): string {
  return new Writer(kernel).text();
}

class Writer {
  readonly #kernel: AttentionKernel;
  readonly #quads: number;
  readonly #valueQuads: number;
  readonly #unrolled: boolean;

  constructor(kernel: AttentionKernel) {
    this.#kernel = kernel;
    this.#quads = quadsOf(kernel.size);
    this.#valueQuads = quadsOf(kernel.valueSize);
    this.#unrolled = Math.max(this.#quads, this.#valueQuads) <= kernel.mostUnrolled;
  }

  text(): string {
    const { kind, stream, width, dropout } = this.#kernel;
    const body = { forward: () => this.#forward(), queries: () => this.#queries(), keys: () => this.#keys() };
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
        ...(kind === "mask" ? this.#mask() : body[kind]()),
      ]),
      "}",
      "",
      ...(dropout === "none" ? [] : [DECIDE]),
    ].join("\n");
  }

  // Declarations.

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
          `var<workgroup> stage_a: array<vec4f, ${rows * this.#quads}>;`,
          `var<workgroup> stage_b: array<vec4f, ${rows * this.#valueQuads}>;`,
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

  // Rows in registers: variables, or arrays where they are long.

  #row(name: string, quads: number, value: (c: string) => string): string[] {
    if (this.#unrolled) return range(quads).map((c) => `var ${name}${c} = ${value(`${c}u`)};`);
    const { stream, width } = this.#kernel;
    // Parts that lanes load may be longer than the row.
    const room = stream === "broadcast" ? Math.ceil(quads / width) * width : quads;
    return [`var ${name}: array<vec4f, ${room}>;`, ...this.#each(quads, (c) => [`${name}[${c}] = ${value(c)};`])];
  }

  #at(name: string, c: string): string {
    return this.#unrolled ? name + c.slice(0, -1) : `${name}[${c}]`;
  }

  #each(quads: number, lines: (c: string) => string[]): string[] {
    if (this.#unrolled) return range(quads).flatMap((c) => lines(`${c}u`));
    return [`for (var c = 0u; c < ${quads}u; c++) {`, ...indent(lines("c")), "}"];
  }

  // Streaming.

  /**
   * The loop over the rows of the other side: of `a` (keys, or queries) and `b` (values, or gradients of results), some at a
   * time. `base_a` and `base_b` are declared.
   */
  #stream(first: string, last: string, count: string, a: string, b: string, body: string[]): string[] {
    const { stream, width, size, valueSize } = this.#kernel;
    if (stream !== "staged") {
      return [
        `for (var j = ${first}; j < ${last}; j += ${BLOCK}u) {`,
        ...indent([...this.#reach("a", a, count), ...this.#reach("b", b, count), ...body]),
        "}",
      ];
    }
    const rows = stagedRows(size, valueSize);
    const fill = (side: string, name: string, quads: number) => [
      `for (var x = lane; x < ${rows * quads}u; x += ${width}u) {`,
      `  let at = base_${side} + min(first + x / ${quads}u, ${count} - 1u) * params.${name}.z;`,
      `  stage_${side}[x] = load_${name}(at, x % ${quads}u);`,
      "}",
    ];
    return [
      `for (var first = ${first}; first < ${last}; first += ${rows}u) {`,
      ...indent([
        "workgroupBarrier();",
        ...fill("a", a, this.#quads),
        ...fill("b", b, this.#valueQuads),
        "workgroupBarrier();",
        `for (var r = 0u; r < ${rows}u; r += ${BLOCK}u) {`,
        ...indent([
          "let j = first + r;",
          ...range(BLOCK).flatMap((n) => [
            `let a${n} = (r + ${n}u) * ${this.#quads}u;`,
            `let b${n} = (r + ${n}u) * ${this.#valueQuads}u;`,
          ]),
          ...body,
        ]),
        "}",
      ]),
      "}",
    ];
  }

  /** The streamed rows of a block: where they begin, or, where lanes share them, this lane's parts. */
  #reach(side: "a" | "b", name: string, count: string): string[] {
    const { stream, width } = this.#kernel;
    const at = (row: string) => `base_${side} + min(${row}, ${count} - 1u) * params.${name}.z`;
    if (stream !== "broadcast" || !this.#unrolled) {
      return range(BLOCK).map((n) => `let ${side}${n} = ${at(`j + ${n}u`)};`);
    }
    const quads = this.#quadsOf(side), all = BLOCK * quads;
    return range(Math.ceil(all / width)).map((t) => {
      const place = `min(${t * width}u + lane, ${all - 1}u)`;
      const load = quads % width === 0
        ? [at(`j + ${Math.floor(t * width / quads)}u`), `${t * width % quads}u + lane`]
        : [at(`j + ${place} / ${quads}u`), `${place} % ${quads}u`];
      return `let ${side}${t} = load_${name}(${load.join(", ")});`;
    });
  }

  #quadsOf(side: "a" | "b"): number {
    return side === "a" ? this.#quads : this.#valueQuads;
  }

  /** Lines for each four of elements c of the streamed rows, given the text of row n's. */
  #eachStreamed(side: "a" | "b", name: string, lines: (c: string, row: (n: number) => string) => string[]): string[] {
    const { stream, width } = this.#kernel;
    const quads = this.#quadsOf(side);
    if (stream === "staged") {
      return this.#each(quads, (c) => lines(c, (n) => `stage_${side}[${side}${n} + ${c}]`));
    }
    if (stream === "plain") return this.#each(quads, (c) => lines(c, (n) => `load_${name}(${side}${n}, ${c})`));
    if (this.#unrolled) {
      return range(quads).flatMap((c) =>
        lines(`${c}u`, (n) => {
          const place = n * quads + c;
          return `subgroupBroadcast(${side}${Math.floor(place / width)}, ${place % width}u)`;
        })
      );
    }
    return [
      `for (var c = 0u; c < ${quads}u; c += ${width}u) {`,
      ...indent([
        ...range(BLOCK).map((n) => `let part${n} = load_${name}(${side}${n}, min(c + lane, ${quads - 1}u));`),
        ...range(width).flatMap((l) => lines(`c + ${l}u`, (n) => `subgroupBroadcast(part${n}, ${l}u)`)),
      ]),
      "}",
    ];
  }

  /** Products of the own row with the streamed ones: `prefix0`, `prefix1`, … */
  #products(prefix: string, own: string, side: "a" | "b", name: string): string[] {
    return [
      ...range(BLOCK).map((n) => `var ${prefix}${n} = 0.0;`),
      ...this.#eachStreamed(
        side,
        name,
        (c, row) => range(BLOCK).map((n) => `${prefix}${n} += dot(${this.#at(own, c)}, ${row(n)});`),
      ),
    ];
  }

  /** Adds streamed rows, each times a number, to a row of sums; `fade` first multiplies the sums. */
  #accumulate(sums: string, weight: string, side: "a" | "b", name: string, fade = ""): string[] {
    return this.#eachStreamed(side, name, (c, row) => {
      const own = this.#at(sums, c);
      const terms = range(BLOCK).map((n) => `${weight}${n} * ${row(n)}`);
      return [`${own} = ${sum([fade === "" ? own : `${own} * ${fade}`, ...terms])};`];
    });
  }

  // Scores.

  /** Adds the mask to the scores, and declares which of them count for nothing: `h0`, `h1`, … */
  #hide(hidden: (n: number) => string, place: (n: number) => string): string[] {
    const { mask } = this.#kernel;
    return range(BLOCK).flatMap((n) => {
      const own = hidden(n);
      if (mask === "none") return [`let h${n} = ${own} || bitcast<u32>(s${n}) == 0xff800000u;`];
      const at = `base_m + ${place(n)}`;
      if (mask === "bool") {
        return [`let h${n} = ${own} || mask[${at}] == 0u || bitcast<u32>(s${n}) == 0xff800000u;`];
      }
      return [`s${n} += mask[${at}];`, `let h${n} = ${own} || bitcast<u32>(s${n}) == 0xff800000u;`];
    });
  }

  /** The mask's place for the own query and a streamed key. */
  #keyPlace(n: number): string {
    return `min(j + ${n}u, params.keys - 1u) * params.m.w`;
  }

  #maskStart(row: string): string[] {
    return this.#kernel.mask === "none" ? [] : [`let base_m = batch * params.m.x + head * params.m.y${row};`];
  }

  /** Whether the weights of a block are kept by dropout: `z0`, `z1`, … are 0 or the gain. Words come by fours of keys. */
  #kept(step: string): string[] {
    if (this.#kernel.dropout === "none") return [];
    return range(BLOCK / 4).flatMap((quad) => [
      `let z${quad} = decide(place * ((params.keys + 3u) / 4u) + (j >> 2u) + ${quad}u, ${step});`,
    ]);
  }

  /** What a weight is multiplied by. */
  #gain(n: number): string {
    return `z${n >> 2}.${"xyzw"[n % 4]}`;
  }

  /** Declares batch, head, the tile's own row and the place of its statistics, for kernels whose rows are queries. */
  #queryRow(): string[] {
    const { width, causal } = this.#kernel;
    return [
      "let head = rest % params.heads;",
      "let batch = rest / params.heads;",
      "if (batch >= params.batches) {",
      "  return;",
      "}",
      `let row = tile * ${width}u + lane;`,
      "let i = min(row, params.queries - 1u);",
      "let place = (batch * params.heads + head) * params.queries + i;",
      "let base_a = start(params.k, batch, head / params.repeats);",
      "let base_b = start(params.v, batch, head / params.repeats);",
      ...this.#maskStart(" + i * params.m.z"),
      `let seen = ${causal ? "min(params.keys, i + 1u)" : "params.keys"};`,
      `let end = ${causal ? `min(params.keys, (tile + 1u) * ${width}u)` : "params.keys"};`,
      "let at_q = start(params.q, batch, head) + i * params.q.z;",
      ...this.#row("q", this.#quads, (c) => `load_q(at_q, ${c}) * params.scale`),
    ];
  }

  #forward(): string[] {
    const { dropout } = this.#kernel;
    const all = range(BLOCK);
    const step = dropout === "device"
      ? "vec3u(step[0], step[1], step[2] + params.seed.z)"
      : "vec3u(params.step.xy, params.seed.z)";
    const largest = all.slice(1).reduce((top, n) => `max(${top}, s${n})`, "s0");
    return [
      ...this.#queryRow(),
      ...(dropout === "none" ? [] : [`let step_words = ${step};`]),
      ...this.#row("o", this.#valueQuads, () => "vec4f()"),
      `var top = ${LOWEST};`,
      "var total = 0.0;",
      "var odd = 0u;",
      ...this.#stream("0u", "end", "params.keys", "k", "v", [
        ...this.#products("s", "q", "a", "k"),
        ...this.#hide((n) => `j + ${n}u >= seen`, (n) => this.#keyPlace(n)),
        // Infinity and NaN have the largest bits.
        ...all.map((n) => `odd = max(odd, select(bitcast<u32>(s${n}) & 0x7fffffffu, 0u, h${n}));`),
        ...all.map((n) => `s${n} = select(s${n}, ${LOWEST}, h${n});`),
        `let peak = max(top, ${largest});`,
        "let fade = exp(top - peak);",
        "top = peak;",
        ...all.map((n) => `var p${n} = select(exp(s${n} - peak), 0.0, h${n});`),
        `total = total * fade + (${sum(all.map((n) => `p${n}`))});`,
        ...this.#kept("step_words"),
        ...(dropout === "none" ? [] : all.map((n) => `p${n} *= ${this.#gain(n)};`)),
        ...this.#accumulate("o", "p", "b", "v", "fade"),
      ]),
      // A row that sees nothing is zero; one with a score that is NaN or +∞ is NaN.
      "var share = select(1.0 / total, 0.0, total == 0.0);",
      "var norm = select(top + log(total), 0.0, total == 0.0);",
      "if (odd >= 0x7f800000u) {",
      "  share = nan();",
      "  norm = share;",
      "}",
      "if (row < params.queries) {",
      "  let at_o = start(params.o, batch, head) + i * params.o.z;",
      ...indent(this.#each(this.#valueQuads, (c) => [`store_o(at_o, ${c}, ${this.#at("o", c)} * share);`])),
      "  stats[place] = vec2u(bitcast<u32>(norm), 0u);",
      ...(dropout === "none" ? [] : [
        "  if (place == 0u) {",
        "    let end_of_stats = params.batches * params.heads * params.queries;",
        "    stats[end_of_stats] = step_words.xy;",
        "    stats[end_of_stats + 1u] = vec2u(step_words.z, 0u);",
        "  }",
      ]),
      "}",
    ];
  }

  #queries(): string[] {
    const { dropout } = this.#kernel;
    const all = range(BLOCK);
    return [
      ...this.#queryRow(),
      ...this.#steps(),
      "let at_g = start(params.g, batch, head) + i * params.g.z;",
      ...this.#row("g", this.#valueQuads, (c) => `load_g(at_g, ${c})`),
      "let at_o = start(params.o, batch, head) + i * params.o.z;",
      "var delta = 0.0;",
      ...this.#each(this.#valueQuads, (c) => [`delta += dot(${this.#at("g", c)}, load_o(at_o, ${c}));`]),
      "let norm = bitcast<f32>(stats[place].x);",
      ...this.#row("x", this.#quads, () => "vec4f()"),
      ...this.#stream("0u", "end", "params.keys", "k", "v", [
        ...this.#products("s", "q", "a", "k"),
        ...this.#products("d", "g", "b", "v"),
        ...this.#hide((n) => `j + ${n}u >= seen`, (n) => this.#keyPlace(n)),
        ...this.#kept("step_words"),
        ...(dropout === "none" ? [] : all.map((n) => `d${n} *= ${this.#gain(n)};`)),
        ...all.map((n) => `let t${n} = select(exp(s${n} - norm), 0.0, h${n}) * (d${n} - delta);`),
        ...this.#accumulate("x", "t", "a", "k"),
      ]),
      "if (row < params.queries) {",
      "  let at_x = start(params.dq, batch, head) + i * params.dq.z;",
      ...indent(this.#each(this.#quads, (c) => [`store_dq(at_x, ${c}, ${this.#at("x", c)} * params.scale);`])),
      "  stats[place].y = bitcast<u32>(delta);",
      "}",
    ];
  }

  /** Step and stream of the random numbers, which forward has noted. */
  #steps(): string[] {
    return this.#kernel.dropout === "none" ? [] : [
      "let end_of_stats = params.batches * params.heads * params.queries;",
      "let step_words = vec3u(stats[end_of_stats], stats[end_of_stats + 1u].x);",
    ];
  }

  #keys(): string[] {
    const { width, causal, dropout, stream } = this.#kernel;
    const all = range(BLOCK);
    const last = "params.queries - 1u";
    return [
      "let shared_head = rest % (params.heads / params.repeats);",
      "let batch = rest / (params.heads / params.repeats);",
      "if (batch >= params.batches) {",
      "  return;",
      "}",
      `let row = tile * ${width}u + lane;`,
      "let key = min(row, params.keys - 1u);",
      ...this.#steps(),
      "let at_k = start(params.k, batch, shared_head) + key * params.k.z;",
      "let at_v = start(params.v, batch, shared_head) + key * params.v.z;",
      ...this.#row("k", this.#quads, (c) => `load_k(at_k, ${c}) * params.scale`),
      ...this.#row("v", this.#valueQuads, (c) => `load_v(at_v, ${c})`),
      ...this.#row("x", this.#quads, () => "vec4f()"),
      ...this.#row("y", this.#valueQuads, () => "vec4f()"),
      "for (var member = 0u; member < params.repeats; member++) {",
      ...indent([
        "let head = shared_head * params.repeats + member;",
        "let base_a = start(params.q, batch, head);",
        "let base_b = start(params.g, batch, head);",
        "let base_place = (batch * params.heads + head) * params.queries;",
        ...this.#maskStart(" + key * params.m.w"),
        ...this.#stream(causal ? `tile * ${width}u` : "0u", "params.queries", "params.queries", "q", "g", [
          ...this.#products("s", "k", "a", "q"),
          ...this.#products("d", "v", "b", "g"),
          ...this.#hide(
            (n) => `${causal ? `key > j + ${n}u || ` : ""}j + ${n}u > ${last}`,
            (n) => `min(j + ${n}u, ${last}) * params.m.z`,
          ),
          ...(stream === "broadcast"
            ? [`let stat = stats[base_place + min(j + min(lane, ${BLOCK - 1}u), ${last})];`]
            : []),
          ...all.flatMap((n) => [
            `let place${n} = base_place + min(j + ${n}u, ${last});`,
            `let stat${n} = ${stream === "broadcast" ? `subgroupBroadcast(stat, ${n}u)` : `stats[place${n}]`};`,
            `let p${n} = select(exp(s${n} - bitcast<f32>(stat${n}.x)), 0.0, h${n});`,
          ]),
          ...(dropout === "none" ? all.map((n) => `let w${n} = p${n};`) : all.flatMap((n) => [
            `let z${n} = decide(place${n} * ((params.keys + 3u) / 4u) + (key >> 2u), step_words)[key & 3u];`,
            `let w${n} = p${n} * z${n};`,
            `d${n} *= z${n};`,
          ])),
          ...all.map((n) => `let t${n} = p${n} * (d${n} - bitcast<f32>(stat${n}.y));`),
          ...this.#accumulate("y", "w", "b", "g"),
          ...this.#accumulate("x", "t", "a", "q"),
        ]),
      ]),
      "}",
      "if (row < params.keys) {",
      "  let at_x = start(params.dk, batch, shared_head) + row * params.dk.z;",
      "  let at_y = start(params.dv, batch, shared_head) + row * params.dv.z;",
      ...indent(this.#each(this.#quads, (c) => [`store_dk(at_x, ${c}, ${this.#at("x", c)} * params.scale);`])),
      ...indent(this.#each(this.#valueQuads, (c) => [`store_dv(at_y, ${c}, ${this.#at("y", c)});`])),
      "}",
    ];
  }

  /** An invocation makes one element of the mask's gradient: the sum over the batches and heads that share it. */
  #mask(): string[] {
    const { width, causal, dropout } = this.#kernel;
    return [
      "let i = rest % params.queries;",
      "rest = rest / params.queries;",
      "let own_heads = params.heads / params.sumHeads;",
      "let own_head = rest % own_heads;",
      "let own_batch = rest / own_heads;",
      "if (own_batch >= params.batches / params.sumBatches) {",
      "  return;",
      "}",
      `let key = tile * ${width}u + lane;`,
      "if (key >= params.keys) {",
      "  return;",
      "}",
      ...this.#steps(),
      "var total = 0.0;",
      "for (var member = 0u; member < params.sumBatches * params.sumHeads; member++) {",
      ...indent([
        "let batch = own_batch + member / params.sumHeads;",
        "let head = own_head + member % params.sumHeads;",
        "let place = (batch * params.heads + head) * params.queries + i;",
        "let at_q = start(params.q, batch, head) + i * params.q.z;",
        "let at_g = start(params.g, batch, head) + i * params.g.z;",
        "let at_k = start(params.k, batch, head / params.repeats) + key * params.k.z;",
        "let at_v = start(params.v, batch, head / params.repeats) + key * params.v.z;",
        "var s = 0.0;",
        "var d = 0.0;",
        `for (var c = 0u; c < ${this.#quads}u; c++) {`,
        "  s += dot(load_q(at_q, c) * params.scale, load_k(at_k, c));",
        "}",
        `for (var c = 0u; c < ${this.#valueQuads}u; c++) {`,
        "  d += dot(load_g(at_g, c), load_v(at_v, c));",
        "}",
        "s += mask[batch * params.m.x + head * params.m.y + i * params.m.z + key * params.m.w];",
        ...(dropout === "none"
          ? []
          : ["d *= decide(place * ((params.keys + 3u) / 4u) + (key >> 2u), step_words)[key & 3u];"]),
        "let stat = stats[place];",
        `let hidden = ${causal ? "key > i || " : ""}bitcast<u32>(s) == 0xff800000u;`,
        "total += select(exp(s - bitcast<f32>(stat.x)), 0.0, hidden) * (d - bitcast<f32>(stat.y));",
      ]),
      "}",
      "dm[((own_batch * own_heads + own_head) * params.queries + i) * params.keys + key] = total;",
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

/** Dropout's decisions: 0, or what the weights that stay are multiplied by. Word 4·quad + n belongs to key n of the quad. */
const DECIDE = `fn decide(quad: u32, step: vec3u) -> vec4f {
  let words = philox(vec4u(quad, step), params.seed.xy);
  let uniform = vec4f(words >> vec4u(8u)) * 5.9604644775390625e-8;
  return select(vec4f(), vec4f(params.gain), uniform < vec4f(params.keep));
}
`;
