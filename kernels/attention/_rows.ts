import { type AttentionKernel, BLOCK, indent, quadsOf, range, stagedRows, sum } from "./_kernel.ts";

/** Rows of a kernel are as long as a query and a key (`row`), or as a value. */
export type Length = "row" | "value";

/** Where a kernel finds how many fours of elements a row has, so that its compiler does not know. */
const BOUNDS: Record<Length, string> = { row: "params.fours", value: "params.valueFours" };

/** Lines of WGSL about the rows of a kernel: its own in registers, and those that stream past. */
export class Rows {
  readonly #kernel: AttentionKernel;
  /** Fours of elements of a row. */
  readonly quads: Readonly<Record<Length, number>>;
  readonly #unrolled: boolean;

  /** @param kernel Which kernel's */
  constructor(kernel: AttentionKernel) {
    this.#kernel = kernel;
    this.quads = { row: quadsOf(kernel.size), value: quadsOf(kernel.valueSize) };
    this.#unrolled = Math.max(this.quads.row, this.quads.value) <= kernel.mostUnrolled;
  }

  // Own rows: variables, or arrays where they are long.

  /** Declares a row and loads it; `value` is the text of its four c. */
  load(name: string, length: Length, value: (c: string) => string): string[] {
    const quads = this.quads[length];
    if (this.#unrolled && !this.#kernel.rolled) return range(quads).map((c) => `var ${name}${c} = ${value(`${c}u`)};`);
    return [
      this.#array(name, quads),
      ...this.memory(length, (c) => [`${name}[${c}] = ${value(c)};`]),
      ...(this.#unrolled ? range(quads).map((c) => `let ${name}${c} = ${name}[${c}u];`) : []),
    ];
  }

  /** Declares a row of sums. */
  sums(name: string, length: Length): string[] {
    const quads = this.quads[length];
    return this.#unrolled ? range(quads).map((c) => `var ${name}${c} = vec4f();`) : [this.#array(name, quads)];
  }

  /** Lines about each four of a row that was loaded and of one in memory, given both places. */
  along(name: string, length: Length, lines: (own: string, c: string) => string[]): string[] {
    return this.memory(length, (c) => lines(this.#kernel.rolled ? `${name}[${c}]` : this.#at(name, c), c));
  }

  /** Stores a row: `store` is the line for the text of its four c. */
  store(
    name: string,
    length: Length,
    value: (own: string) => string,
    store: (c: string, value: string) => string,
  ): string[] {
    if (!this.#kernel.rolled || !this.#unrolled) {
      return this.memory(length, (c) => [store(c, value(this.#at(name, c)))]);
    }
    const quads = this.quads[length];
    return [
      `var all_${name}: array<vec4f, ${quads}>;`,
      ...range(quads).map((c) => `all_${name}[${c}u] = ${value(`${name}${c}`)};`),
      ...this.memory(length, (c) => [store(c, `all_${name}[${c}]`)]),
    ];
  }

  #array(name: string, quads: number): string {
    const { stream, width } = this.#kernel;
    // Parts that lanes load may be longer than the row.
    const room = stream === "broadcast" && !this.#unrolled ? Math.ceil(quads / width) * width : quads;
    return `var ${name}: array<vec4f, ${room}>;`;
  }

  #at(name: string, c: string): string {
    return this.#unrolled ? name + c.slice(0, -1) : `${name}[${c}]`;
  }

  #each(quads: number, lines: (c: string) => string[]): string[] {
    if (this.#unrolled) return range(quads).flatMap((c) => lines(`${c}u`));
    return [`for (var c = 0u; c < ${quads}u; c++) {`, ...indent(lines("c")), "}"];
  }

  /** Lines that touch memory for each four of a row. */
  memory(length: Length, lines: (c: string) => string[]): string[] {
    if (!this.#kernel.rolled) return this.#each(this.quads[length], lines);
    return [`for (var c = 0u; c < ${BOUNDS[length]}; c++) {`, ...indent(lines("c")), "}"];
  }

  /**
   * The loop over the rows of the other side: of `a` (keys, or queries) and `b` (values, or gradients of results), some
   * at a time. `base_a` and `base_b` are declared.
   */
  stream(first: string, last: string, count: string, a: string, b: string, body: string[]): string[] {
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
        ...fill("a", a, this.quads.row),
        ...fill("b", b, this.quads.value),
        "workgroupBarrier();",
        `for (var r = 0u; r < ${rows}u; r += ${BLOCK}u) {`,
        ...indent([
          "let j = first + r;",
          ...range(BLOCK).flatMap((n) => [
            `let a${n} = (r + ${n}u) * ${this.quads.row}u;`,
            `let b${n} = (r + ${n}u) * ${this.quads.value}u;`,
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
    return side === "a" ? this.quads.row : this.quads.value;
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
  products(prefix: string, own: string, side: "a" | "b", name: string): string[] {
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
  accumulate(sums: string, weight: string, side: "a" | "b", name: string, fade = ""): string[] {
    return this.#eachStreamed(side, name, (c, row) => {
      const own = this.#at(sums, c);
      const terms = range(BLOCK).map((n) => `${weight}${n} * ${row(n)}`);
      return [`${own} = ${sum([fade === "" ? own : `${own} * ${fade}`, ...terms])};`];
    });
  }
}
