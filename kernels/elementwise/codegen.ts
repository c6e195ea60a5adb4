import { type DType, isHalf } from "../../tensor/dtype.ts";
import { numel, type Shape } from "../../tensor/shape.ts";
import type { Storage } from "../../tensor/storage.ts";
import { shared } from "../_wgsl.ts";

/** The type an element has while it is computed with. */
export type Register = "f32" | "i32" | "u32" | "bool";

/** The register type of a stored type: 16-bit floats are widened. */
export function registerOf(dtype: DType): Register {
  return dtype === "f16" || dtype === "bf16" ? "f32" : dtype;
}

/** An input of a fused kernel. */
export interface Leaf {
  readonly storage: Storage;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** A named value. */
export interface Expression {
  readonly name: string;
  readonly code: string;
}

/** A fused kernel before it is text. */
export interface KernelPlan {
  readonly shape: Shape;
  readonly leaves: readonly Leaf[];
  readonly steps: readonly Expression[];
  readonly result: string;
  readonly dtype: DType;
  readonly uses: ReadonlySet<string>;
  /** Numbers that the expressions read as `params.c0`, `params.c1`, … */
  readonly values: readonly { value: number; as: Register }[];
}

/** A fused kernel's text and the words of its parameters. */
export interface WrittenKernel {
  readonly code: string;
  readonly params: Uint32Array;
}

/** How a leaf is read: in step with the result, one element for all, or through coordinates. */
type Reading = "linear" | "single" | "strided";

interface Axes {
  /** Sizes of the merged axes, outermost first. */
  readonly sizes: readonly number[];
  /** Strides by leaf and merged axis. */
  readonly strides: readonly (readonly number[])[];
}

/**
 * Writes the kernel. One invocation makes four neighbouring elements, so that words of 16-bit elements have one owner and
 * f32 moves as vec4. Sizes and strides are parameters: the text depends on the pattern alone, so kernels are shared
 * between shapes.
 */
export function writeKernel(plan: KernelPlan): WrittenKernel {
  const axes = mergeAxes(plan.shape, plan.leaves);
  const readings = plan.leaves.map((leaf, k) => readingOf(axes, k, leaf));
  const inner = axes.sizes.at(-1) ?? 1;
  const quads = readings.every((reading, k) => {
    if (reading !== "strided") return true;
    const strides = axes.strides[k], last = strides.at(-1)!;
    if (inner % 4 !== 0) return false;
    return last === 0 ||
      (last === 1 && plan.leaves[k].offset % 4 === 0 && strides.slice(0, -1).every((s) => s % 4 === 0));
  });
  const writer = new Writer(plan, axes, readings, quads);
  return { code: writer.code(), params: writer.params() };
}

/** Merges axes that every leaf walks through in one go, and drops those of size 1. */
function mergeAxes(shape: Shape, leaves: readonly Leaf[]): Axes {
  const sizes: number[] = [];
  const strides: number[][] = leaves.map(() => []);
  for (let i = 0; i < shape.length; i++) {
    if (shape[i] === 1) continue;
    const mergeable = sizes.length > 0 && leaves.every((leaf, k) => strides[k].at(-1) === leaf.strides[i] * shape[i]);
    if (mergeable) {
      sizes[sizes.length - 1] *= shape[i];
      leaves.forEach((leaf, k) => strides[k][strides[k].length - 1] = leaf.strides[i]);
    } else {
      sizes.push(shape[i]);
      leaves.forEach((leaf, k) => strides[k].push(leaf.strides[i]));
    }
  }
  return { sizes, strides };
}

function readingOf(axes: Axes, k: number, leaf: Leaf): Reading {
  const strides = axes.strides[k];
  if (strides.every((stride) => stride === 0)) return "single";
  let expected = 1;
  for (let i = axes.sizes.length - 1; i >= 0; i--) {
    if (strides[i] !== expected) return "strided";
    expected *= axes.sizes[i];
  }
  return leaf.offset === 0 ? "linear" : "strided";
}

const LANES = ["x", "y", "z", "w"];

class Writer {
  readonly #plan: KernelPlan;
  readonly #axes: Axes;
  readonly #readings: readonly Reading[];
  readonly #quads: boolean;
  readonly #fields: { name: string; type: "u32" | "i32" | "f32"; value: number }[] = [];

  constructor(plan: KernelPlan, axes: Axes, readings: readonly Reading[], quads: boolean) {
    this.#plan = plan;
    this.#axes = axes;
    this.#readings = readings;
    this.#quads = quads;
    this.#field("quads", "u32", Math.ceil(numel(plan.shape) / 4));
    plan.values.forEach(({ value, as }, i) => this.#field(`c${i}`, as === "bool" ? "u32" : as, Number(value)));
    if (readings.includes("strided")) {
      for (let i = 1; i < axes.sizes.length; i++) this.#field(`d${i}`, "u32", axes.sizes[i]);
    }
    readings.forEach((reading, k) => {
      if (reading === "linear") return;
      if (plan.leaves[k].offset !== 0) this.#field(`o${k}`, "u32", plan.leaves[k].offset);
      if (reading === "strided") {
        axes.strides[k].forEach((stride, i) => {
          if (stride !== 0 && stride !== 1) this.#field(`s${k}_${i}`, "u32", stride);
        });
      }
    });
  }

  #field(name: string, type: "u32" | "i32" | "f32", value: number): void {
    this.#fields.push({ name, type, value });
  }

  params(): Uint32Array {
    const words = new Uint32Array(this.#fields.length);
    const floats = new Float32Array(words.buffer);
    this.#fields.forEach(({ type, value }, i) => {
      if (type === "f32") floats[i] = value;
      else words[i] = value;
    });
    if (words.length > 64) {
      throw new RangeError(`Cannot fuse a chain: it has ${words.length} parameters, at most 64 fit`);
    }
    return words;
  }

  code(): string {
    const { leaves, steps, result, dtype } = this.#plan;
    const out = registerOf(dtype);
    const lines: string[] = ["place", "bits", "halves", ...this.#plan.uses].filter((n, i, all) => all.indexOf(n) === i)
      .map((name) => this.#needs(name)).filter(Boolean);
    lines.push(`struct Params { ${this.#fields.map((f) => `${f.name}: ${f.type}`).join(", ")} }`);
    leaves.forEach((_, k) => {
      lines.push(`@group(0) @binding(${k}) var<storage, read> b${k}: array<${this.#bindingType(k)}>;`);
    });
    const stored = isHalf(dtype) ? "vec2u" : dtype === "bool" ? "vec4u" : `vec4<${out}>`;
    lines.push(`@group(0) @binding(${leaves.length}) var<storage, read_write> out: array<${stored}>;`);
    lines.push("@group(1) @binding(0) var<uniform> params: Params;");

    const args = leaves.map((leaf, k) => `l${k}: ${registerOf(leaf.storage.dtype)}`);
    lines.push(`fn element(${["i: u32", ...args].join(", ")}) -> ${out} {`);
    for (const step of steps) lines.push(`  let ${step.name} = ${step.code};`);
    lines.push(`  return ${result};`, "}");

    if (!this.#quads) lines.push(...this.#perElement(out));
    lines.push(
      "@compute @workgroup_size(64)",
      "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {",
      "  let q = workgroup_index(id, groups) * 64u + lane;",
      "  if (q >= params.quads) { return; }",
      "  let i = q * 4u;",
      ...(this.#quads ? this.#quadReads() : []),
    );
    const calls = LANES.map((lane, n) => {
      if (!this.#quads) return `at(i + ${n}u)`;
      return `element(${
        ["i + " + n + "u", ...leaves.map((_, k) => this.#readings[k] === "single" ? `q${k}` : `q${k}.${lane}`)].join(
          ", ",
        )
      })`;
    });
    lines.push(`  let r = vec4<${out}>(${calls.join(", ")});`);
    const store = dtype === "bool"
      ? "select(vec4u(0u), vec4u(1u), r)"
      : isHalf(dtype)
      ? `vec2u(pack_${dtype}(r.xy), pack_${dtype}(r.zw))`
      : "r";
    lines.push(`  out[q] = ${store};`, "}");
    return lines.join("\n");
  }

  #needs(name: string): string {
    const text = shared[name];
    if (text === undefined) throw new Error(`Cannot fuse a chain: there is no shared function ${name}`);
    if (name === "halves") {
      const half = isHalf(this.#plan.dtype) || this.#plan.leaves.some((leaf) => isHalf(leaf.storage.dtype)) ||
        this.#plan.steps.some((step) => step.code.includes("round_"));
      return half ? text : "";
    }
    if (name === "bits") return this.#plan.steps.some((step) => /is_(nan|inf|finite)/.test(step.code)) ? text : "";
    return text;
  }

  #bindingType(k: number): string {
    const { dtype } = this.#plan.leaves[k].storage;
    const word = isHalf(dtype) || dtype === "bool" ? "u32" : registerOf(dtype);
    const scalar = !this.#quads || this.#readings[k] === "single" || this.#axes.strides[k].at(-1) === 0;
    if (scalar) return word;
    return isHalf(dtype) ? "vec2u" : `vec4<${word}>`;
  }

  /** Text that reads element `index` of a leaf bound as single words. */
  #one(k: number, index: string): string {
    const { dtype } = this.#plan.leaves[k].storage;
    if (isHalf(dtype)) return `unpack_${dtype}(b${k}[(${index}) >> 1u])[(${index}) & 1u]`;
    return dtype === "bool" ? `(b${k}[${index}] != 0u)` : `b${k}[${index}]`;
  }

  /** Text of the coordinates of element `i`, as `p0`, `p1`, … along the merged axes. */
  #coordinates(): string[] {
    if (!this.#readings.includes("strided")) return [];
    const lines = ["  var rest = i;"];
    for (let axis = this.#axes.sizes.length - 1; axis >= 1; axis--) {
      lines.push(`  let p${axis} = rest % params.d${axis};`, `  rest = rest / params.d${axis};`);
    }
    lines.push("  let p0 = rest;");
    return lines;
  }

  /** Text of a strided leaf's index. */
  #index(k: number): string {
    const terms = this.#axes.strides[k].flatMap((stride, axis) => {
      if (stride === 0) return [];
      return [stride === 1 ? `p${axis}` : `p${axis} * params.s${k}_${axis}`];
    });
    if (this.#plan.leaves[k].offset !== 0) terms.push(`params.o${k}`);
    return terms.join(" + ") || "0u";
  }

  /** A function that makes one element, for patterns that vec4 cannot follow. */
  #perElement(out: Register): string[] {
    const args = this.#plan.leaves.map((leaf, k) => {
      if (this.#readings[k] === "linear") return this.#one(k, "i");
      if (this.#readings[k] === "single") return this.#one(k, leaf.offset === 0 ? "0u" : `params.o${k}`);
      return this.#one(k, this.#index(k));
    });
    return [
      `fn at(i: u32) -> ${out} {`,
      ...this.#coordinates(),
      `  return element(${["i", ...args].join(", ")});`,
      "}",
    ];
  }

  /** Reads of four elements at once, as `q0`, `q1`, … */
  #quadReads(): string[] {
    const lines = this.#coordinates();
    this.#plan.leaves.forEach((leaf, k) => {
      const { dtype } = leaf.storage;
      const reading = this.#readings[k];
      if (reading === "single") {
        lines.push(`  let q${k} = ${this.#one(k, leaf.offset === 0 ? "0u" : `params.o${k}`)};`);
      } else if (this.#axes.strides[k].at(-1) === 0) {
        lines.push(`  let q${k} = vec4<${registerOf(dtype)}>(${this.#one(k, this.#index(k))});`);
      } else {
        const at = reading === "linear" ? "q" : `(${this.#index(k)}) >> 2u`;
        if (isHalf(dtype)) {
          lines.push(
            `  let h${k} = b${k}[${at}];`,
            `  let q${k} = vec4f(unpack_${dtype}(h${k}.x), unpack_${dtype}(h${k}.y));`,
          );
        } else lines.push(`  let q${k} = b${k}[${at}]${dtype === "bool" ? " != vec4u(0u)" : ""};`);
      }
    });
    return lines;
  }
}
