import type { Access } from "../device/mod.ts";
import { PARAMS_BINDING } from "../device/pipelines.ts";

/** Types that a kernel's parameters may have. */
export type ParamType = "u32" | "i32" | "f32" | "vec4u" | "vec4i" | "vec4f" | `array<vec4u,${number}>`;

/** A kernel's WGSL with the names of its bindings and parameters, as written by tools/embed_wgsl.ts. */
export interface KernelSource<B extends Record<string, Access>, P extends Record<string, ParamType>> {
  /** Its name, for labels and errors. */
  readonly name: string;
  /** How each binding is used, in the order of their numbers. */
  readonly bindings: B;
  /** Types of the fields of its `Params`, in their order. */
  readonly params: P;
  /** The WGSL, with what it uses of `_shared/`. */
  readonly code: string;
  /** What its pipelines are kept under; default its name, which is unique among the library's own kernels. */
  readonly key?: string;
}

type AnyKernel = KernelSource<Record<string, Access>, Record<string, ParamType>>;

/** What {@link kernelOf} has read, by name and WGSL: the same source is the same kernel, with the same pipelines. */
const own = new Map<string, Map<string, AnyKernel>>();

/**
 * Reads the bindings and parameters of a kernel from its WGSL: storage in `@group(0)` from binding 0 on without gaps,
 * and `struct Params` bound as `@group(0) @binding(32) var<uniform> params`.
 *
 * @param name The kernel's name, for labels and errors
 * @param code Its WGSL, with the entry point `main`
 * @returns What `launch` takes
 * @throws {TypeError} If the WGSL does not follow these rules
 *
 * @example
 * ```ts
 * import { kernelOf } from "@fulgurite/core/kernels";
 *
 * const double = kernelOf("double", `
 *   struct Params { count: u32 }
 *   @group(0) @binding(0) var<storage, read> x: array<f32>;
 *   @group(0) @binding(1) var<storage, read_write> y: array<f32>;
 *   @group(0) @binding(32) var<uniform> params: Params;
 *   @compute @workgroup_size(64)
 *   fn main(@builtin(global_invocation_id) id: vec3u) {
 *     if (id.x < params.count) { y[id.x] = 2.0 * x[id.x]; }
 *   }`);
 * console.log(double.bindings); // { x: "read", y: "read_write" }
 * ```
 */
export function kernelOf(name: string, code: string): KernelSource<Record<string, Access>, Record<string, ParamType>> {
  let kernel = own.get(name)?.get(code);
  if (kernel === undefined) {
    const sameName = own.get(name) ?? new Map<string, AnyKernel>();
    // A space is in no name of the library's kernels.
    const key = `${name} ${sameName.size}`;
    kernel = { name, key, bindings: bindingsIn(name, code), params: paramsIn(name, code), code };
    own.set(name, sameName.set(code, kernel));
  }
  return kernel;
}

function bindingsIn(kernel: string, code: string): Record<string, Access> {
  const found: [number, string, Access][] = [];
  const pattern = /@group\((\d+)\)\s*@binding\((\d+)\)\s*var<([^>]+)>\s*(\w+)\s*:/g;
  for (const [, group, binding, space, name] of code.matchAll(pattern)) {
    if (space === "uniform") {
      if (group !== "0" || Number(binding) !== PARAMS_BINDING || name !== "params") {
        throw new TypeError(
          `Cannot read the kernel ${kernel}: the uniform must be @group(0) @binding(${PARAMS_BINDING}) params, got ${name}`,
        );
      }
      continue;
    }
    if (group !== "0") {
      throw new TypeError(`Cannot read the kernel ${kernel}: storage must be in group 0, ${name} is in ${group}`);
    }
    found.push([Number(binding), name, /read_write/.test(space) ? "read_write" : "read"]);
  }
  found.sort((a, b) => a[0] - b[0]);
  found.forEach(([binding, name], index) => {
    if (binding !== index) {
      throw new TypeError(`Cannot read the kernel ${kernel}: binding ${index} is missing, before ${name}`);
    }
  });
  return Object.fromEntries(found.map(([, name, access]) => [name, access]));
}

function paramsIn(kernel: string, code: string): Record<string, ParamType> {
  const body = /struct Params\s*\{([^}]*)\}/.exec(code)?.[1];
  if (body === undefined) return {};
  const fields = body.replace(/\/\/.*$/gm, "").split(/,(?![^<]*>)/).map((field) => field.trim()).filter(Boolean);
  return Object.fromEntries(fields.map((field) => {
    const match = /^(\w+)\s*:\s*(u32|i32|f32|vec4u|vec4i|vec4f|array<vec4u,\s*\d+>)$/.exec(field);
    if (match === null) {
      throw new TypeError(
        `Cannot read the kernel ${kernel}: Params takes u32, i32, f32, vec4 and array<vec4u, N>, got ${field}`,
      );
    }
    return [match[1], match[2].replace(/\s/g, "") as ParamType];
  }));
}

/** What TypeScript passes for a parameter: a number, or the numbers of a vector or array. */
export type ParamValue<T extends ParamType> = T extends "u32" | "i32" | "f32" ? number : readonly number[];

/** How a kernel is specialised. Numbers by `override`, types by `alias`, behaviour by functions. */
export interface Specialisation {
  /** Values of the kernel's `override` constants. */
  readonly overrides?: Readonly<Record<string, number>>;
  /** Types that take the place of its `alias` declarations. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Whole functions that take the place of those of the same name. */
  readonly functions?: Readonly<Record<string, string>>;
}

/** The WGSL of a kernel with its aliases and functions replaced. */
export function specialise(code: string, { aliases, functions }: Specialisation): string {
  for (const [name, type] of Object.entries(aliases ?? {})) {
    const pattern = new RegExp(`^alias ${name} = [^;]*;`, "m");
    if (!pattern.test(code)) throw new Error(`Cannot specialise a kernel: it has no alias ${name}`);
    code = code.replace(pattern, () => `alias ${name} = ${type};`);
  }
  for (const [name, body] of Object.entries(functions ?? {})) code = replaceFunction(code, name, body);
  return code;
}

function replaceFunction(code: string, name: string, body: string): string {
  const start = new RegExp(`^fn ${name}\\(`, "m").exec(code)?.index;
  if (start === undefined) throw new Error(`Cannot specialise a kernel: it has no function ${name}`);
  let depth = 0;
  let end = code.indexOf("{", start);
  do {
    if (code[end] === "{") depth++;
    else if (code[end] === "}") depth--;
    end++;
  } while (depth > 0);
  return code.slice(0, start) + body + code.slice(end);
}

const WORDS = new ArrayBuffer(256);
const asU32 = new Uint32Array(WORDS), asI32 = new Int32Array(WORDS), asF32 = new Float32Array(WORDS);

/** The words of a `Params` struct, in WGSL's uniform layout. The result is a view that the next call overwrites. */
export function packParams(
  types: Record<string, ParamType>,
  values: Record<string, number | readonly number[]>,
): Uint32Array {
  let at = 0;
  for (const name in types) {
    const type = types[name], value = values[name];
    const vector = type.startsWith("vec4") || type.startsWith("array");
    const view = type === "f32" || type === "vec4f" ? asF32 : type === "i32" || type === "vec4i" ? asI32 : asU32;
    if (!vector) view[at++] = value as number;
    else {
      at = (at + 3) & ~3;
      const room = type.startsWith("array") ? 4 * Number(type.slice(12, -1)) : 4;
      const numbers = value as readonly number[];
      if (numbers.length > room) {
        throw new RangeError(
          `Cannot pack the parameter ${name}: it has room for ${room} numbers, got ${numbers.length}`,
        );
      }
      for (let i = 0; i < room; i++) view[at + i] = numbers[i] ?? 0;
      at += room;
    }
  }
  return asU32.subarray(0, at);
}
