import type { Access } from "../device/mod.ts";
import { type DType, isHalf } from "../tensor/dtype.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { readHalf, stored, storedType, type Width } from "./elementwise/stored.ts";
import { functionsFor } from "./elementwise/functions.ts";
import type { KernelSource, ParamType, Specialisation } from "./_source.ts";

/*
 * Kernels are written for f32. Where a tensor of theirs is f16 or bf16, the elements of its binding become packed
 * words, and what reads or writes them unpacks, or rounds and packs: registers and sums stay f32.
 */

type Kernel = KernelSource<Record<string, Access>, Record<string, ParamType>>;

/** A binding of f32 elements, or vectors of them, behind which 16-bit elements lie. */
export interface HalfBinding {
  readonly name: string;
  readonly dtype: DType;
  /** Neighbours that the kernel reads or writes at once. */
  readonly width: Width;
  readonly access: Access;
}

const WIDTHS: Readonly<Record<string, Width>> = {
  "f32": 1,
  "vec2f": 2,
  "vec2<f32>": 2,
  "vec4f": 4,
  "vec4<f32>": 4,
};

/** Types of the elements of a kernel's bindings, as its text names them. */
const types = new WeakMap<Kernel, Map<string, string>>();

function typesOf(kernel: Kernel): Map<string, string> {
  let found = types.get(kernel);
  if (found === undefined) {
    const pattern = /var<storage, \w+> (\w+): array<([\w<>]+)>;|^alias (\w+) = ([^;]+);/gm;
    const entries = [...kernel.code.matchAll(pattern)].map(([, name, type, alias, meaning]) =>
      alias === undefined ? [`binding ${name}`, type] as const : [alias, meaning] as const
    );
    types.set(kernel, found = new Map(entries));
  }
  return found;
}

/** The bindings of a kernel that are f32 in its text and 16 bits wide in memory. */
export function halfBindings(
  kernel: Kernel,
  tensors: Readonly<Record<string, Tensor>>,
  special: Specialisation | undefined,
): HalfBinding[] {
  const found: HalfBinding[] = [];
  for (const name in kernel.bindings) {
    const { dtype } = tensors[name];
    if (!isHalf(dtype)) continue;
    const known = typesOf(kernel);
    const type = known.get(`binding ${name}`) ?? "";
    const width = WIDTHS[special?.aliases?.[type] ?? known.get(type) ?? type];
    if (width !== undefined) found.push({ name, dtype, width, access: kernel.bindings[name] });
  }
  return found;
}

/** Whether elements are written one by one, so that a word would have two owners. */
export function splitsWords({ width, access }: HalfBinding): boolean {
  return width === 1 && access === "read_write";
}

/** Tells what is stored how apart. */
export function halvesKey(bindings: readonly HalfBinding[]): string {
  return bindings.map(({ name, dtype }) => `|${name}=${dtype}`).join("");
}

/** The WGSL of a kernel (specialised already) for bindings that hold 16-bit elements. */
export function storeHalves(code: string, bindings: readonly HalfBinding[]): string {
  const functions: string[] = [];
  for (const { name, dtype, width, access } of bindings) {
    const declaration = new RegExp(`(var<storage, \\w+> ${name}: array<)[\\w<>]+(>;)`);
    code = code.replace(declaration, (_, before, after) => `${before}${storedType(dtype, width)}${after}`);
    code = throughFunctions(code, name);
    const type = width === 1 ? "f32" : `vec${width}f`;
    functions.push(`fn load_${name}(at: u32) -> ${type} {\n${readHalf(dtype, width, name, "at")}\n}`);
    if (access === "read_write") {
      functions.push(`fn store_${name}(at: u32, value: ${type}) {\n${writeHalf(dtype, width, name)}\n}`);
    }
  }
  const text = functions.join("\n");
  return `${code}\n${text}\n${functionsFor(text, code)}`;
}

function writeHalf(dtype: DType, width: Width, name: string): string {
  if (width > 1) return `  ${name}[at] = ${stored(dtype, width, "value")};`;
  // An invocation writes the two elements of a word one after the other.
  return [
    `  let bits = ${stored(dtype, 2, "vec2f(value, 0.0)")};`,
    `  if ((at & 1u) == 0u) {`,
    `    ${name}[at >> 1u] = bits;`,
    `  } else {`,
    `    ${name}[at >> 1u] |= bits << 16u;`,
    `  }`,
  ].join("\n");
}

/** Reads and writes of a binding's elements, as calls. */
function throughFunctions(code: string, name: string): string {
  const access = new RegExp(`\\b${name}\\[`, "g");
  let result = "", from = 0;
  for (let match = access.exec(code); match !== null; match = access.exec(code)) {
    const open = match.index + name.length;
    const close = endOf(code, open);
    const index = throughFunctions(code.slice(open + 1, close), name);
    const assigned = /^ = ([^;]*);/.exec(code.slice(close + 1));
    if (/^ [-+*/|&]= /.test(code.slice(close + 1))) {
      throw new Error(`Cannot store 16 bits: the kernel changes an element of ${name} in place`);
    }
    result += code.slice(from, match.index);
    if (assigned === null) {
      result += `load_${name}(${index})`;
      from = close + 1;
    } else {
      result += `store_${name}(${index}, ${throughFunctions(assigned[1], name)});`;
      from = close + 1 + assigned[0].length;
    }
    access.lastIndex = from;
  }
  return result + code.slice(from);
}

/** Where the bracket that opens at `open` closes. */
function endOf(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    if (code[at] === "[") depth++;
    else if (code[at] === "]" && --depth === 0) return at;
  }
  throw new Error("Cannot read a kernel: a bracket is not closed");
}
