import type { Access } from "../../device/mod.ts";
import { type DType, isHalf } from "../../tensor/dtype.ts";
import { readHalf, stored, storedType, type Width } from "../elementwise/stored.ts";
import type { Finish } from "../elementwise/finish.ts";

/** What a kernel does with the finished sums of a product. Text and key depend on it. */
export interface Sink {
  /** The type in which the product itself is stored; `null` where only a chain behind it is. */
  readonly own: DType | null;
  /** The type of a vector that is added to every row. */
  readonly bias: DType | null;
  /** A chain behind the product. */
  readonly finish: Finish | null;
  /** Whether the sums of the rows of `a` are stored, too: in a binding of their own, or behind the product. */
  readonly sums: "apart" | "behind" | null;
}

/** Nothing but the product. */
export const PLAIN: Sink = { own: "f32", bias: null, finish: null, sums: null };

/** Tells sinks apart. */
export function sinkKey({ own, bias, finish, sums }: Sink): string {
  return `${own} ${bias} ${sums} ${finish?.key ?? ""}`;
}

/** Whether `width` neighbours at once are enough to store all results, which asks for whole words. */
export function sinkTakes({ own, finish }: Sink, width: Width): boolean {
  const half = (own !== null && isHalf(own)) || (finish !== null && isHalf(finish.dtype));
  return (width > 1 || !half) && (width === 4 || !finish?.drawn);
}

/** The bindings of a sink, in order. */
export function sinkBindings({ own, bias, finish, sums }: Sink): Record<string, Access> {
  const bindings: Record<string, Access> = {};
  if (own !== null) bindings.y = "read_write";
  if (finish !== null) bindings.z = "read_write";
  if (sums === "apart") bindings.sums = "read_write";
  if (bias !== null) bindings.bias = "read";
  for (const name of Object.keys(finish?.inputs ?? {})) bindings[name] = "read";
  return bindings;
}

const VECTOR: Record<Width, string> = { 1: "f32", 2: "vec2f", 4: "vec4f" };

/**
 * WGSL of a sink: its bindings; `put(at, x)`, which takes `width` neighbours of the product from element `at` on;
 * `bias_at(column)`, what is to be added before; and `put_sum(at, x)` for sums of rows.
 *
 * @param sink What happens to the sums
 * @param width How many neighbours are stored at once
 * @param binding Number of its first binding
 */
export function writeSink(sink: Sink, width: Width, binding: number): string {
  const { own, bias, finish, sums } = sink;
  const lines: string[] = [], body: string[] = [];
  const bind = (access: Access, name: string, type: string) =>
    lines.push(`@group(0) @binding(${binding++}) var<storage, ${access}> ${name}: array<${type}>;`);
  const place = width === 1 ? "at" : `at >> ${width === 2 ? 1 : 2}u`;
  if (own !== null) {
    bind("read_write", "y", storedType(own, width));
    body.push(`  y[${place}] = ${stored(own, width, "x")};`);
  }
  if (finish !== null) {
    bind("read_write", "z", storedType(finish.dtype, width));
    const value = width === 2 ? "vec2(finish(at, x.x), finish(at + 1u, x.y))" : "finish(at, x)";
    body.push(`  z[${place}] = ${stored(finish.dtype, width, value)};`);
  }
  if (sums !== null) {
    if (sums === "apart") bind("read_write", "sums", "f32");
    const element = sums === "apart" ? "sums[at]" : width === 1 ? "y[at]" : `y[${place}][at & ${width - 1}u]`;
    lines.push("fn put_sum(at: u32, x: f32) {", `  ${element} = x;`, "}");
  }
  if (bias !== null) {
    bind("read", "bias", isHalf(bias) ? "u32" : "f32");
    const element = isHalf(bias) ? `unpack_${bias}(bias[j >> 1u])[j & 1u]` : "bias[j]";
    lines.push("fn bias_at(j: u32) -> f32 {", `  return ${element};`, "}");
  }
  if (finish !== null) lines.push(finish.text(binding, width === 4));
  return [...lines, `fn put(at: u32, x: ${VECTOR[width]}) {`, ...body, "}"].join("\n");
}

/**
 * WGSL of an operand: its binding, and a function that unpacks what is stored in 16 bits.
 *
 * @param name The binding
 * @param binding Its number
 * @param dtype What is stored; read as f32
 * @param quads Whether four neighbours are read, from a multiple of four on
 */
export function writeOperand(name: string, binding: number, dtype: DType, quads: boolean): string {
  const declared = (type: string) => `@group(0) @binding(${binding}) var<storage, read> ${name}: array<${type}>;`;
  if (!isHalf(dtype)) return declared(quads ? "vec4f" : "f32");
  return [
    declared(quads ? "vec2u" : "u32"),
    `fn ${name}_at(i: u32) -> ${quads ? "vec4f" : "f32"} {`,
    readHalf(dtype, quads ? 4 : 1, name, quads ? "i >> 2u" : "i"),
    "}",
  ].join("\n");
}

/** WGSL of the element (or four) of an operand from `index` on. */
export function readOperand(name: string, dtype: DType, quads: boolean, index: string): string {
  if (isHalf(dtype)) return `${name}_at(${index})`;
  return quads ? `${name}[(${index}) >> 2u]` : `${name}[${index}]`;
}
