import { type DType, dtypes, isHalf } from "../../tensor/dtype.ts";
import { fill } from "./expression.ts";
import { functionsFor } from "./functions.ts";
import { divisorOf, type Layout } from "./layout.ts";
import type { Argument, Plan } from "./plan.ts";
import { type Register, registerOf } from "./register.ts";

export { type Register, registerOf } from "./register.ts";

/** Invocations of a workgroup; each makes four elements. */
export const WORKGROUP = 64;

/** Words that a kernel's parameters may take. */
export const PARAMS_WORDS = 64;

/** A field of a fused kernel's parameters. */
type Field = (name: string, type: "u32" | "i32" | "f32", value: number) => void;

/** Names the parameters of a fused kernel, in order. Their number and types depend on its key alone. */
function eachField(plan: Plan, layout: Layout, quads: number, field: Field): void {
  field("quads", "u32", quads);
  for (let k = 0; k < plan.values.length; k++) {
    const { value, as } = plan.values[k];
    field(`c${k}`, as === "bool" ? "u32" : as, value);
  }
  const { sizes, strides, readings } = layout;
  if (usesCoordinates(layout)) {
    for (let axis = 1; axis < sizes.length; axis++) {
      const [multiplier, shift] = divisorOf(sizes[axis]);
      field(`d${axis}`, "u32", sizes[axis]);
      field(`m${axis}`, "u32", multiplier);
      field(`h${axis}`, "u32", shift);
    }
  }
  for (let k = 0; k < readings.length; k++) {
    if (readings[k] === "linear") continue;
    const { offset } = plan.leaves[k];
    if (offset !== 0) field(`o${k}`, "u32", offset);
    if (readings[k] === "single") continue;
    for (let axis = 0; axis < sizes.length; axis++) {
      const stride = strides[k][axis];
      if (stride !== 0 && stride !== 1) field(`s${k}_${axis}`, "u32", stride);
    }
  }
}

function usesCoordinates({ readings }: Layout): boolean {
  for (const reading of readings) if (reading !== "linear" && reading !== "single") return true;
  return false;
}

const packed = new Uint32Array(1024), packedFloats = new Float32Array(packed.buffer);

/** The words of a fused kernel's parameters: a view that the next call overwrites. */
export function writeParams(plan: Plan, layout: Layout, quads: number): Uint32Array {
  let count = 0;
  eachField(plan, layout, quads, (_, type, value) => {
    if (type === "f32") packedFloats[count++] = value;
    else packed[count++] = value;
  });
  if (count > PARAMS_WORDS) {
    throw new RangeError(
      `Cannot compute element by element: the axes need at most ${PARAMS_WORDS} parameters, ` +
        `${layout.sizes.length} axes and ${plan.leaves.length} inputs need ${count}`,
    );
  }
  return packed.subarray(0, count);
}

const REGISTERS: readonly Register[] = ["f32", "i32", "u32", "bool"];
const READINGS = ["linear", "single", "quad", "row", "gather"] as const;
const SOURCES = ["step", "leaf", "value", "draw"] as const;
const QUADS = ["uniform_quad", "normal_quad", null] as const;

/** What tells a fused kernel from others: everything that its text depends on. */
export function kernelKey(plan: Plan, layout: Layout, dtype: DType): string {
  const codes: number[] = [dtypes.indexOf(dtype), layout.sizes.length, plan.steps.length];
  for (const { expression, operands, dtype } of plan.steps) {
    codes.push(expression.id, dtypes.indexOf(dtype), operands.length);
    for (const { from, index, type, as } of operands) {
      codes.push(
        SOURCES.indexOf(from) * 16 + REGISTERS.indexOf(type) * 4 + REGISTERS.indexOf(as),
        index,
      );
    }
  }
  plan.leaves.forEach(({ storage, offset }, k) => {
    const reading = layout.readings[k];
    codes.push(dtypes.indexOf(storage.dtype), READINGS.indexOf(reading), offset === 0 ? 0 : 1);
    if (reading === "linear" || reading === "single") return;
    for (const stride of layout.strides[k]) codes.push(stride === 0 || stride === 1 ? stride : 2);
  });
  for (const { draw, at, step } of plan.draws) codes.push(QUADS.indexOf(draw.quad), at, ...step ?? [0xffff]);
  return String.fromCharCode(...codes);
}

const LANES = ["x", "y", "z", "w"] as const;

/**
 * Writes a fused kernel. One invocation makes four neighbouring elements, so that words of 16-bit elements have one owner
 * and f32 moves as vec4. Sizes, strides and numbers are parameters: the text depends on the pattern alone, so kernels are
 * shared between shapes.
 */
export function writeKernel(plan: Plan, layout: Layout, dtype: DType): string {
  return new Writer(plan, layout, dtype).text();
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

  text(): string {
    const { leaves, draws } = this.#plan;
    const out = registerOf(this.#dtype);
    const fields: string[] = [];
    eachField(this.#plan, this.#layout, 0, (name, type) => fields.push(`${name}: ${type}`));
    const reads = [...this.#reads(), ...draws.map((_, k) => this.#drawn(k))];
    const calls = LANES.map((lane, n) => {
      const args = [
        ...leaves.map((_, k) => this.#lane(k, n)),
        ...draws.map((_, k) => `r${k}.${lane}`),
      ];
      return `element(${[`q * 4u + ${n}u`, ...args].join(", ")})`;
    });
    const body = [
      ...this.#element(out),
      `@compute @workgroup_size(${WORKGROUP})`,
      "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {",
      `  let q = workgroup_index(id, groups) * ${WORKGROUP}u + lane;`,
      "  if (q >= params.quads) { return; }",
      ...reads,
      `  let y = vec4<${out}>(${calls.join(", ")});`,
      `  out[q] = ${this.#stored("y")};`,
      "}",
    ].join("\n");
    const declarations = [
      `struct Params { ${fields.join(", ")} }`,
      ...leaves.map((_, k) => `@group(0) @binding(${k}) var<storage, read> b${k}: array<${this.#boundType(k)}>;`),
      `@group(0) @binding(${leaves.length}) var<storage, read_write> out: array<${this.#storedType()}>;`,
      "@group(1) @binding(0) var<uniform> params: Params;",
    ].join("\n");
    return [functionsFor(body), declarations, body].join("\n");
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
      // Between operations a 16-bit result is rounded as if it had been stored: fusing never changes a value.
      return `  let t${n} = ${n < steps.length - 1 && isHalf(dtype) ? `round_${dtype}(${value})` : value};`;
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
    const random = `random_words(q, ${c(2)}, vec2u(${words}), vec2u(${c(0)}, ${c(1)}))`;
    return `  let r${k} = ${draw.quad === null ? random : `${draw.quad}(${random})`};`;
  }

  /** Reads of four elements: of leaf k as `qk`, element by element as `gk_0` to `gk_3`. */
  #reads(): string[] {
    const { readings, sizes } = this.#layout;
    const lines: string[] = [];
    if (usesCoordinates(this.#layout)) {
      lines.push("  let rest0 = q * 4u;");
      for (let axis = sizes.length - 1; axis >= 1; axis--) {
        const from = `rest${sizes.length - 1 - axis}`, to = `rest${sizes.length - axis}`;
        lines.push(
          `  let ${to} = divide(${from}, params.m${axis}, params.h${axis});`,
          `  var p${axis} = ${from} - ${to} * params.d${axis};`,
        );
      }
      lines.push(`  var p0 = rest${Math.max(sizes.length - 1, 0)};`);
    }
    readings.forEach((reading, k) => {
      if (reading !== "gather") lines.push(`  let q${k} = ${this.#quad(k)};`);
    });
    if (!readings.includes("gather")) return lines;
    for (let n = 0; n < 4; n++) {
      readings.forEach((reading, k) => {
        if (reading === "gather") lines.push(`  let g${k}_${n} = ${this.#one(k, this.#index(k))};`);
      });
      if (n < 3) lines.push(...this.#advance(n));
    }
    return lines;
  }

  /** Moves the coordinates to the next element. */
  #advance(n: number): string[] {
    const { sizes } = this.#layout;
    const lines: string[] = [];
    let carry = "1u";
    for (let axis = sizes.length - 1; axis >= 1; axis--) {
      lines.push(
        `  p${axis} += ${carry};`,
        `  let full${n}_${axis} = p${axis} == params.d${axis};`,
        `  p${axis} = select(p${axis}, 0u, full${n}_${axis});`,
      );
      carry = `select(0u, 1u, full${n}_${axis})`;
    }
    lines.push(`  p0 += ${carry};`);
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

  /** Index of the element of a leaf at the coordinates. */
  #index(k: number): string {
    const terms = this.#layout.strides[k].flatMap((stride, axis) => {
      if (stride === 0) return [];
      return [stride === 1 ? `p${axis}` : `p${axis} * params.s${k}_${axis}`];
    });
    if (this.#plan.leaves[k].offset !== 0) terms.push(`params.o${k}`);
    return terms.join(" + ") || "0u";
  }

  /** What `element` gets of a leaf for element n of the four. */
  #lane(k: number, n: number): string {
    const reading = this.#layout.readings[k];
    if (reading === "gather") return `g${k}_${n}`;
    return reading === "single" || reading === "row" ? `q${k}` : `q${k}.${LANES[n]}`;
  }

  #boundType(k: number): string {
    const { dtype } = this.#plan.leaves[k].storage;
    const reading = this.#layout.readings[k];
    const whole = reading === "linear" || reading === "quad";
    if (isHalf(dtype)) return whole ? "vec2u" : "u32";
    const word = dtype === "bool" ? "u32" : registerOf(dtype);
    return whole ? `vec4<${word}>` : word;
  }

  #storedType(): string {
    if (isHalf(this.#dtype)) return "vec2u";
    return this.#dtype === "bool" ? "vec4u" : `vec4<${registerOf(this.#dtype)}>`;
  }

  #stored(y: string): string {
    const dtype = this.#dtype;
    if (isHalf(dtype)) return `vec2u(pack_${dtype}(${y}.xy), pack_${dtype}(${y}.zw))`;
    return dtype === "bool" ? `select(vec4u(0u), vec4u(1u), ${y})` : y;
  }
}
