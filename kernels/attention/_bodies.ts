import { type AttentionKernel, BLOCK, indent, range, sum } from "./_kernel.ts";
import type { Rows } from "./_rows.ts";

/** Below every finite score, and finite itself, so that differences are. */
const LOWEST = "-3.4e38";

/** What the kernels do, a method for each kind, between the place of an invocation and the end. */
export class Bodies {
  readonly #kernel: AttentionKernel;
  readonly #rows: Rows;

  /**
   * @param kernel Whose text is written
   * @param rows Its rows
   */
  constructor(kernel: AttentionKernel, rows: Rows) {
    this.#kernel = kernel;
    this.#rows = rows;
  }

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

  /**
   * Whether the weights of a block are kept by dropout: `z0`, `z1`, … are 0 or the gain. Words come by fours of keys.
   */
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
      ...this.#rows.load("q", "row", (c) => `load_q(at_q, ${c}) * params.scale`),
    ];
  }

  /** Results and their statistics. */
  forward(): string[] {
    const { dropout } = this.#kernel;
    const all = range(BLOCK);
    const step = dropout === "device"
      ? "vec3u(step[0], step[1], step[2] + params.seed.z)"
      : "vec3u(params.step.xy, params.seed.z)";
    const largest = all.slice(1).reduce((top, n) => `max(${top}, s${n})`, "s0");
    return [
      ...this.#queryRow(),
      ...(dropout === "none" ? [] : [`let step_words = ${step};`]),
      ...this.#rows.sums("o", "value"),
      `var top = ${LOWEST};`,
      "var total = 0.0;",
      "var odd = 0u;",
      ...this.#rows.stream("0u", "end", "params.keys", "k", "v", [
        ...this.#rows.products("s", "q", "a", "k"),
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
        ...this.#rows.accumulate("o", "p", "b", "v", "fade"),
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
      ...indent(this.#rows.store("o", "value", (own) => `${own} * share`, (c, x) => `store_o(at_o, ${c}, ${x});`)),
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

  /** Gradients of queries, and what the other gradients need. */
  queries(): string[] {
    const { dropout } = this.#kernel;
    const all = range(BLOCK);
    return [
      ...this.#queryRow(),
      ...this.#steps(),
      "let at_g = start(params.g, batch, head) + i * params.g.z;",
      ...this.#rows.load("g", "value", (c) => `load_g(at_g, ${c})`),
      "let at_o = start(params.o, batch, head) + i * params.o.z;",
      "var delta = 0.0;",
      ...this.#rows.along("g", "value", (own, c) => [`delta += dot(${own}, load_o(at_o, ${c}));`]),
      "let norm = bitcast<f32>(stats[place].x);",
      ...this.#rows.sums("x", "row"),
      ...this.#rows.stream("0u", "end", "params.keys", "k", "v", [
        ...this.#rows.products("s", "q", "a", "k"),
        ...this.#rows.products("d", "g", "b", "v"),
        ...this.#hide((n) => `j + ${n}u >= seen`, (n) => this.#keyPlace(n)),
        ...this.#kept("step_words"),
        ...(dropout === "none" ? [] : all.map((n) => `d${n} *= ${this.#gain(n)};`)),
        ...all.map((n) => `let t${n} = select(exp(s${n} - norm), 0.0, h${n}) * (d${n} - delta);`),
        ...this.#rows.accumulate("x", "t", "a", "k"),
      ]),
      "if (row < params.queries) {",
      "  let at_x = start(params.dq, batch, head) + i * params.dq.z;",
      ...indent(
        this.#rows.store("x", "row", (own) => `${own} * params.scale`, (c, x) => `store_dq(at_x, ${c}, ${x});`),
      ),
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

  /** Gradients of keys and values. */
  keys(): string[] {
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
      ...this.#rows.load("k", "row", (c) => `load_k(at_k, ${c}) * params.scale`),
      ...this.#rows.load("v", "value", (c) => `load_v(at_v, ${c})`),
      ...this.#rows.sums("x", "row"),
      ...this.#rows.sums("y", "value"),
      "for (var member = 0u; member < params.repeats; member++) {",
      ...indent([
        "let head = shared_head * params.repeats + member;",
        "let base_a = start(params.q, batch, head);",
        "let base_b = start(params.g, batch, head);",
        "let base_place = (batch * params.heads + head) * params.queries;",
        ...this.#maskStart(" + key * params.m.w"),
        ...this.#rows.stream(causal ? `tile * ${width}u` : "0u", "params.queries", "params.queries", "q", "g", [
          ...this.#rows.products("s", "k", "a", "q"),
          ...this.#rows.products("d", "v", "b", "g"),
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
          ...this.#rows.accumulate("y", "w", "b", "g"),
          ...this.#rows.accumulate("x", "t", "a", "q"),
        ]),
      ]),
      "}",
      "if (row < params.keys) {",
      "  let at_x = start(params.dk, batch, shared_head) + row * params.dk.z;",
      "  let at_y = start(params.dv, batch, shared_head) + row * params.dv.z;",
      ...indent(
        this.#rows.store("x", "row", (own) => `${own} * params.scale`, (c, x) => `store_dk(at_x, ${c}, ${x});`),
      ),
      ...indent(this.#rows.store("y", "value", (own) => own, (c, x) => `store_dv(at_y, ${c}, ${x});`)),
      "}",
    ];
  }

  /** An invocation makes one element of the mask's gradient: the sum over the batches and heads that share it. */
  mask(): string[] {
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
        ...this.#rows.memory("row", (c) => [`s += dot(load_q(at_q, ${c}) * params.scale, load_k(at_k, ${c}));`]),
        ...this.#rows.memory("value", (c) => [`d += dot(load_g(at_g, ${c}), load_v(at_v, ${c}));`]),
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
