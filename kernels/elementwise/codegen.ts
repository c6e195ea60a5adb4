import { type DType, isHalf } from "../../tensor/dtype.ts";
import { type Expression, fill } from "./expression.ts";
import { functionsFor } from "./functions.ts";
import type { Layout, Reading } from "./layout.ts";
import { eachField, usesCoordinates } from "./params.ts";
import { stored, storedType } from "./stored.ts";
import type { Argument, Plan } from "./plan.ts";
import { type Register, registerOf } from "./register.ts";

/** Invocations of a workgroup; each makes a run of quads of elements. */
export const WORKGROUP = 64;

/**
 * Where the quads of a run lie: `"along"` all elements, a workgroup's length apart, or `"down"` the first of two axes,
 * for layouts of which {@link repeatsDown} holds.
 */
export type Walk = "along" | "down";

// Codes of what a key tells apart.
const DTYPE: Record<DType, number> = { f32: 0, f16: 1, bf16: 2, i32: 3, u32: 4, bool: 5 };
const REGISTER: Record<Register, number> = { f32: 0, i32: 1, u32: 2, bool: 3 };
const READING: Record<Reading, number> = { linear: 0, single: 1, quad: 2, row: 3, gather: 4 };
const SOURCE: Record<Argument["from"], number> = { step: 0, leaf: 1, value: 2, draw: 3 };

/** What tells a fused kernel from others: everything that its text depends on, as characters. */
export function kernelKey(plan: Plan, layout: Layout, dtype: DType, walk: Walk = "along"): string {
  const { steps, leaves, draws } = plan;
  const codes: number[] = [
    DTYPE[dtype] * 2 + Number(walk === "down"),
    layout.sizes.length,
    steps.length,
    leaves.length,
    draws.length,
  ];
  for (const { expression, operands, dtype } of steps) {
    codes.push(expression.id, DTYPE[dtype] * 8 + operands.length);
    for (const { from, index, type, as } of operands) {
      codes.push(index * 64 + SOURCE[from] * 16 + REGISTER[type] * 4 + REGISTER[as]);
    }
  }
  for (let k = 0; k < leaves.length; k++) {
    const { storage, offset } = leaves[k];
    const reading = layout.readings[k];
    codes.push(DTYPE[storage.dtype] * 16 + READING[reading] * 2 + (offset === 0 ? 0 : 1));
    if (reading === "linear" || reading === "single") continue;
    for (const stride of layout.strides[k]) codes.push(stride === 0 || stride === 1 ? stride : 2);
  }
  for (const { draw, at, step } of draws) {
    codes.push(draw.quad === null ? 0 : draw.quad === "uniform_quad" ? 1 : 2, at);
    if (step !== null) codes.push(...step);
  }
  return String.fromCharCode(...codes);
}

/**
 * A value between operations, as if it had been stored: rounded to its type, and hidden from the compiler, which would
 * otherwise cancel, contract or factor out across operations. So fusing never changes a value.
 */
function settled(value: string, { pieces }: Expression, dtype: DType): string {
  if (isHalf(dtype)) return `round_${dtype}(${value})`;
  const moved = pieces.every((piece) => piece === "");
  return dtype === "f32" && !moved ? `opaque(${value})` : value;
}

/**
 * Writes a fused kernel. One invocation makes four neighbouring elements at a time, so that words of 16-bit elements
 * have one owner and f32 moves as vec4; neighbouring invocations make neighbouring quads. Sizes, strides and numbers
 * are parameters: the text depends on the pattern alone, so kernels are shared between shapes.
 */
export function writeKernel(plan: Plan, layout: Layout, dtype: DType, walk: Walk): string {
  return new Writer(plan, layout, dtype).text(walk);
}

/**
 * Writes a plan as the end of another kernel, which has the elements of one leaf, its host, in registers. The text
 * declares the other leaves, the function `finish` and what it calls but for shared functions.
 *
 * @param plan What is computed
 * @param layout How its leaves are read
 * @param dtype The type of the result
 * @param host Which leaf the kernel has
 * @param binding Number of the first leaf's binding
 * @param quads Whether `finish` takes four neighbours from a multiple of four on, or one element
 * @returns WGSL with `fn finish(at: u32, x: vec4f) -> vec4<R>`, or `fn finish(at: u32, x: f32) -> R`
 */
export function writeFinish(
  plan: Plan,
  layout: Layout,
  dtype: DType,
  host: number,
  binding: number,
  quads: boolean,
): string {
  return new Writer(plan, layout, dtype).finish(host, binding, quads);
}

class Writer {
  readonly #plan: Plan;
  readonly #layout: Layout;
  readonly #dtype: DType;

  constructor(plan: Plan, layout: Layout, dtype: DType) {
    this.#plan = plan;
    this.#layout = layout;
    this.#dtype = dtype;
  }

  text(walk: Walk): string {
    const { leaves, draws } = this.#plan;
    const once = (k: number) => this.#readOnce(k, walk);
    const out = registerOf(this.#dtype);
    const fields: string[] = ["quads: u32", "run: u32"];
    eachField(this.#plan, this.#layout, (name, type) => fields.push(`${name}: ${type}`));
    const gathers = this.#layout.readings.includes("gather");
    const args = [
      "q * 4u + n",
      ...leaves.map((_, k) => this.#argument(k)),
      ...draws.map((_, k) => `r${k}[n]`),
    ];
    const body = [
      ...this.#element(out),
      `@compute @workgroup_size(${WORKGROUP})`,
      "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {",
      ...(walk === "down"
        ? [
          `  let first = workgroup_index(id, groups) * ${WORKGROUP}u + lane;`,
          ...this.#coordinates("first * 4u"),
          "  let step = params.d1 >> 2u;",
          "  p0 *= params.run;",
          "  let last = min((p0 + params.run) * step, params.quads);",
          ...this.#quads(once),
          "  for (var q = p0 * step + (p1 >> 2u); q < last; q += step) {",
        ]
        : [
          `  let first = workgroup_index(id, groups) * params.run * ${WORKGROUP}u;`,
          `  let last = min(first + params.run * ${WORKGROUP}u, params.quads);`,
          ...this.#quads(once),
          `  for (var q = first + lane; q < last; q += ${WORKGROUP}u) {`,
          ...this.#coordinates("q * 4u"),
        ]),
      ...this.#quads((k) => !once(k)),
      ...draws.map((_, k) => this.#drawn(k)),
      `  var y = vec4<${out}>();`,
      // A loop, for the compiler to unroll where the chain is short: long ones compile in a fraction of the time.
      "  for (var n = 0u; n < 4u; n++) {",
      ...(gathers ? this.#gathers() : []),
      `    y[n] = element(${args.join(", ")});`,
      ...(gathers ? this.#advance() : []),
      "  }",
      `  out[q] = ${this.#stored("y")};`,
      ...(walk === "down" ? ["  p0++;"] : []),
      "  }",
      "}",
    ].join("\n");
    const declarations = [
      `struct Params { ${fields.join(", ")} }`,
      ...leaves.map((_, k) => `@group(0) @binding(${k}) var<storage, read> b${k}: array<${this.#boundType(k)}>;`),
      `@group(0) @binding(${leaves.length}) var<storage, read_write> out: array<${this.#storedType()}>;`,
      "@group(0) @binding(32) var<uniform> params: Params;",
    ].join("\n");
    return [functionsFor(body), declarations, body].join("\n");
  }

  /** The end of another kernel. */
  finish(host: number, binding: number, quads: boolean): string {
    const { leaves, draws } = this.#plan;
    const out = registerOf(this.#dtype);
    const { dtype } = leaves[host].storage;
    // As it would be read back: rounded, and hidden from the compiler.
    const settle = isHalf(dtype) ? `round_${dtype}` : "opaque";
    const others = leaves.flatMap((_, k) => k === host ? [] : [k]);
    const bindings = others.map((k, n) => {
      const type = quads ? this.#boundType(k) : this.#wordType(k);
      return `@group(0) @binding(${binding + n}) var<storage, read> b${k}: array<${type}>;`;
    });
    const lines = [...bindings, ...this.#element(out)];
    if (!quads) {
      const args = leaves.map((_, k) => k === host ? `${settle}(x)` : this.#one(k, this.#indexAt(k)));
      return [
        ...lines,
        `fn finish(at: u32, x: f32) -> ${out} {`,
        ...this.#coordinates("at"),
        `  return element(${["at", ...args].join(", ")});`,
        "}",
      ].join("\n");
    }
    const gathers = others.some((k) => this.#layout.readings[k] === "gather");
    const args = [
      "at + n",
      ...leaves.map((_, k) => k === host ? `${settle}(x[n])` : this.#argument(k)),
      ...draws.map((_, k) => `r${k}[n]`),
    ];
    return [
      ...lines,
      `fn finish(at: u32, x: vec4f) -> vec4<${out}> {`,
      "  let q = at >> 2u;",
      ...this.#coordinates("at"),
      ...this.#quads((k) => k !== host),
      ...draws.map((_, k) => this.#drawn(k)),
      `  var y = vec4<${out}>();`,
      "  for (var n = 0u; n < 4u; n++) {",
      ...(gathers ? this.#gathers() : []),
      `    y[n] = element(${args.join(", ")});`,
      ...(gathers ? this.#advance() : []),
      "  }",
      "  return y;",
      "}",
    ].join("\n");
  }

  /** The function that computes one element from its inputs. */
  #element(out: Register): string[] {
    const { leaves, draws, steps } = this.#plan;
    const args = [
      "i: u32",
      ...leaves.map(({ storage }, k) => `l${k}: ${registerOf(storage.dtype)}`),
      ...draws.map(({ draw }, k) => `w${k}: ${draw.quad === null ? "u32" : "f32"}`),
    ];
    const lines = steps.map(({ expression, operands, dtype }, n) => {
      const value = fill(expression, operands.map((operand) => this.#operand(operand)));
      return `  let t${n} = ${n < steps.length - 1 ? settled(value, expression, dtype) : value};`;
    });
    return [`fn element(${args.join(", ")}) -> ${out} {`, ...lines, `  return t${steps.length - 1};`, "}"];
  }

  #operand({ from, index, type, as }: Argument): string {
    if (from === "value") return as === "bool" ? `(params.c${index} != 0u)` : `params.c${index}`;
    const name = { step: "t", leaf: "l", draw: "w" }[from] + index;
    if (type === as) return name;
    if (as !== "bool") return `${as}(${name})`;
    return type === "f32" ? `is_nonzero(${name})` : `(${name} != ${type}(0))`;
  }

  /** Four random numbers, as `r0`, `r1`, … */
  #drawn(k: number): string {
    const { draw, at, step } = this.#plan.draws[k];
    const c = (n: number) => `params.c${at + n}`;
    const words = step === null ? `${c(3)}, ${c(4)}` : `q${step[0]}, q${step[1]}`;
    const stream = step === null ? c(2) : `${c(2)} + q${step[2]}`;
    const random = `random_words(q, ${stream}, vec2u(${words}), vec2u(${c(0)}, ${c(1)}))`;
    return `  let r${k} = ${draw.quad === null ? random : `${draw.quad}(${random})`};`;
  }

  /** The coordinates of an element, as `p0`, `p1`, … along the merged axes. */
  #coordinates(element: string): string[] {
    if (!usesCoordinates(this.#layout)) return [];
    const lines = [`  let rest0 = ${element};`];
    const last = this.#layout.sizes.length - 1;
    for (let axis = last; axis >= 1; axis--) {
      const from = `rest${last - axis}`, to = `rest${last - axis + 1}`;
      lines.push(
        `  let ${to} = divide(${from}, params.m${axis}, params.h${axis});`,
        `  var p${axis} = ${from} - ${to} * params.d${axis};`,
      );
    }
    lines.push(`  var p0 = rest${Math.max(last, 0)};`);
    return lines;
  }

  /** Reads of four elements at once: of leaf k, if it is wanted, as `qk`. */
  #quads(wanted: (k: number) => boolean): string[] {
    return this.#layout.readings.flatMap((reading, k) =>
      reading === "gather" || !wanted(k) ? [] : [`  let q${k} = ${this.#quad(k)};`]
    );
  }

  /** Whether a leaf is the same for all quads of a run. */
  #readOnce(k: number, walk: Walk): boolean {
    const reading = this.#layout.readings[k];
    return reading === "single" || (walk === "down" && reading === "quad" && this.#layout.strides[k][0] === 0);
  }

  /** Reads of single elements: of leaf k as `gk`. */
  #gathers(): string[] {
    return this.#layout.readings.flatMap((reading, k) =>
      reading === "gather" ? [`    let g${k} = ${this.#one(k, this.#index(k))};`] : []
    );
  }

  /** Moves the coordinates to the next element. */
  #advance(): string[] {
    const lines: string[] = [];
    let carry = "1u";
    for (let axis = this.#layout.sizes.length - 1; axis >= 1; axis--) {
      lines.push(
        `    p${axis} += ${carry};`,
        `    let full${axis} = p${axis} == params.d${axis};`,
        `    p${axis} = select(p${axis}, 0u, full${axis});`,
      );
      carry = `select(0u, 1u, full${axis})`;
    }
    lines.push(`    p0 += ${carry};`);
    return lines;
  }

  #quad(k: number): string {
    const { storage, offset } = this.#plan.leaves[k];
    const { dtype } = storage;
    const reading = this.#layout.readings[k];
    if (reading === "single") return this.#one(k, offset === 0 ? "0u" : `params.o${k}`);
    if (reading === "row") return this.#one(k, this.#index(k));
    const word = `b${k}[${reading === "linear" ? "q" : `(${this.#index(k)}) >> 2u`}]`;
    if (isHalf(dtype)) return `vec4f(unpack_${dtype}(${word}.x), unpack_${dtype}(${word}.y))`;
    return dtype === "bool" ? `(${word} != vec4u(0u))` : word;
  }

  /** Element `index` of a leaf that is bound as single words. */
  #one(k: number, index: string): string {
    const { dtype } = this.#plan.leaves[k].storage;
    if (isHalf(dtype)) return `unpack_${dtype}(b${k}[(${index}) >> 1u])[(${index}) & 1u]`;
    return dtype === "bool" ? `(b${k}[${index}] != 0u)` : `b${k}[${index}]`;
  }

  /** Index of the element of a leaf for element `at` of the result. */
  #indexAt(k: number): string {
    const reading = this.#layout.readings[k];
    if (reading === "linear") return "at";
    return reading === "single" && this.#plan.leaves[k].offset === 0 ? "0u" : this.#index(k);
  }

  /** Index of the element of a leaf at the coordinates. */
  #index(k: number): string {
    const terms = this.#layout.strides[k].flatMap((stride, axis) => {
      if (stride === 0) return [];
      return [stride === 1 ? `p${axis}` : `p${axis} * params.s${k}_${axis}`];
    });
    if (this.#plan.leaves[k].offset !== 0) terms.push(`params.o${k}`);
    return terms.join(" + ") || "0u";
  }

  /** What `element` gets of a leaf, for element n of the four. */
  #argument(k: number): string {
    const reading = this.#layout.readings[k];
    if (reading === "gather") return `g${k}`;
    return reading === "single" || reading === "row" ? `q${k}` : `q${k}[n]`;
  }

  #boundType(k: number): string {
    const reading = this.#layout.readings[k];
    const word = this.#wordType(k);
    if (reading !== "linear" && reading !== "quad") return word;
    return isHalf(this.#plan.leaves[k].storage.dtype) ? "vec2u" : `vec4<${word}>`;
  }

  /** The type of a single word of a leaf. */
  #wordType(k: number): string {
    const { dtype } = this.#plan.leaves[k].storage;
    return isHalf(dtype) || dtype === "bool" ? "u32" : registerOf(dtype);
  }

  #storedType(): string {
    return storedType(this.#dtype, 4);
  }

  #stored(y: string): string {
    return stored(this.#dtype, 4, y);
  }
}
