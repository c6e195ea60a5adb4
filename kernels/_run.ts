import { type Access, type Device, device as current } from "../device/mod.ts";
import { show } from "../device/option_names.ts";
import { type DType, isHalf } from "../tensor/dtype.ts";
import { primitives } from "../tensor/op.ts";
import { numel, type Shape } from "../tensor/shape.ts";
import { Storage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import { halfBindings, halvesKey, splitsWords, storeHalves } from "./_halves.ts";
import {
  type KernelSource,
  packParams,
  type ParamType,
  type ParamValue,
  type Specialisation,
  specialise,
} from "./_source.ts";

/** Text that tells specialisations of one kernel apart. */
function keyOf(name: string, s: Specialisation | undefined): string {
  if (s === undefined) return name;
  let key = name;
  for (const k in s.overrides) key += `|${k}=${s.overrides[k]}`;
  for (const k in s.aliases) key += `|${k}:${s.aliases[k]}`;
  for (const k in s.functions) key += `|${s.functions[k]}`;
  return key;
}

/** Workgroups for `count`, folded into y and z where the device's limit for one axis is exceeded. */
export function fold(count: number, limit: number): [number, number, number] {
  if (count <= limit) return [count, 1, 1];
  const y = Math.ceil(count / limit);
  if (y <= limit) return [Math.ceil(count / y), y, 1];
  const z = Math.ceil(count / (limit * limit));
  const rows = Math.ceil(count / (limit * z));
  return [limit, rows, z];
}

/**
 * Records a kernel.
 *
 * @param kernel What `_wgsl.ts` exports for it
 * @param buffers A tensor for each binding, by name
 * @param params A value for each field of its `Params`
 * @param groups Number of workgroups: one number is folded over x, y and z where it is too large for x (the kernel then
 *   finds its place with `workgroup_index` of `_shared/place.wgsl`), three are taken as they are
 * @param special Overrides, aliases and functions
 * @throws {TypeError} If a buffer is no tensor, or of another device than the first, or a parameter is not of its type
 * @throws {RangeError} If the workgroups are not whole numbers from 0 to the device's limit
 *
 * @example
 * ```ts
 * import { apply, init, type Op, tensor } from "@fulgurite/core";
 * import { kernelOf, launch } from "@fulgurite/core/kernels";
 *
 * await init();
 * const kernel = kernelOf("plusOne", `
 *   struct Params { count: u32 }
 *   @group(0) @binding(0) var<storage, read> x: array<f32>;
 *   @group(0) @binding(1) var<storage, read_write> y: array<f32>;
 *   @group(0) @binding(32) var<uniform> params: Params;
 *   @compute @workgroup_size(64)
 *   fn main(@builtin(global_invocation_id) id: vec3u) {
 *     if (id.x < params.count) { y[id.x] = x[id.x] + 1.0; }
 *   }`);
 * const plusOne: Op<null> = {
 *   name: "plusOne",
 *   infer: ([x]) => ({ shape: x!.shape, dtype: "f32" }),
 *   forward: ([x], _, [y]) => launch(kernel, { x: x!, y }, { count: y.numel }, Math.ceil(y.numel / 64)),
 *   grad: (dy) => [dy],
 * };
 * console.log(await apply(plusOne, [tensor([1.5, 2.5])], null).array()); // [2.5, 3.5]
 * ```
 */
export function launch<B extends Record<string, Access>, P extends Record<string, ParamType>>(
  kernel: KernelSource<B, P>,
  buffers: { readonly [K in keyof B]: Tensor },
  params: { readonly [K in keyof P]: ParamValue<P[K]> },
  groups: number | readonly [number, number, number],
  special?: Specialisation,
): void {
  const names = Object.keys(kernel.bindings);
  const tensors: Record<string, Tensor> = { ...buffers };
  const device = deviceOf(kernel.name, names, tensors);
  const place = placeOf(kernel.name, groups, device.limits.maxComputeWorkgroupsPerDimension);
  checkParams(kernel.name, kernel.params, params);
  const all = names.some((name) => isHalf(tensors[name].dtype)) ? halfBindings(kernel, tensors, special) : [];
  // A word must have one owner: elements that are written one by one come in f32, and are rounded afterwards.
  const split = all.filter(splitsWords), halves = split.length === 0 ? all : all.filter((half) => !splitsWords(half));
  for (const { name } of split) tensors[name] = temporary(tensors[name].shape, "f32", kernel.name);
  const key = keyOf(kernel.key ?? kernel.name, special) + halvesKey(halves);
  const hasParams = Object.keys(kernel.params).length > 0;
  const pipeline = device.pipelines.cached(key) ?? device.pipelines.pipeline(
    key,
    kernel.name,
    names.map((name) => kernel.bindings[name]),
    hasParams,
    () => {
      const code = specialise(kernel.code, special ?? {});
      return halves.length === 0 ? code : storeHalves(code, halves);
    },
    special?.overrides,
    names.map((name) => tensors[name].shape),
  );
  // Materialise first: filling a pending input records dispatches of its own, which pack parameters too.
  const bound = names.map((name) => tensors[name].storage.buffer);
  const words = hasParams
    ? packParams(kernel.params, params as unknown as Record<string, number | readonly number[]>)
    : null;
  // Where an operation has nothing to go through, WebGPU takes a dispatch without workgroups, but Dawn warns of it.
  if (!place.includes(0)) {
    if (device.recorder.wantsShapes) device.recorder.shapes = names.map((name) => tensors[name].shape);
    device.recorder.dispatch(pipeline, bound, words, place);
  }
  for (const { name } of split) {
    round(tensors[name], (buffers as Record<string, Tensor>)[name]);
    tensors[name].dispose();
  }
}

/** The device of a kernel's tensors. */
function deviceOf(kernel: string, names: readonly string[], tensors: Readonly<Record<string, Tensor>>): Device {
  let found: Device | null = null;
  for (const name of names) {
    const t = tensors[name];
    if (!(t instanceof Tensor)) {
      throw new TypeError(`Cannot run ${kernel}: its buffer ${name} must be a tensor, got ${show(t)}`);
    }
    if (t.disposed) throw new Error(`Cannot run ${kernel}: its tensor ${name} is disposed`);
    const { device } = t.storage;
    found ??= device;
    if (device === found) continue;
    const strange = device === current() ? names[0] : name;
    throw new TypeError(
      `Cannot run ${kernel}: its tensors must be on one device, ${strange} is on one that was closed or replaced`,
    );
  }
  return found ?? current();
}

/** Workgroups in x, y and z. */
function placeOf(
  kernel: string,
  groups: number | readonly [number, number, number],
  limit: number,
): readonly [number, number, number] {
  if (typeof groups === "number") {
    if (count(groups, Infinity)) return fold(groups, limit);
  } else if (Array.isArray(groups) && groups.length === 3 && groups.every((size) => count(size, limit))) return groups;
  throw new RangeError(
    `Cannot run ${kernel}: workgroups must be a whole number from 0 on, or three up to ${limit}, got ${show(groups)}`,
  );
}

const count = (value: number, limit: number) => Number.isInteger(value) && value >= 0 && value <= limit;

/** Throws unless there is a number for each parameter that is one, and numbers for the others. */
function checkParams(kernel: string, types: Readonly<Record<string, ParamType>>, values: unknown): void {
  const given = (values ?? {}) as Readonly<Record<string, unknown>>;
  for (const name in types) {
    const type = types[name], value = given[name];
    const single = type === "u32" || type === "f32" || type === "i32";
    if (single ? typeof value === "number" : isNumbers(value)) continue;
    const wanted = single ? "a number" : "numbers";
    throw new TypeError(`Cannot run ${kernel}: its parameter ${name} (${type}) must be ${wanted}, got ${show(value)}`);
  }
}

const isNumbers = (value: unknown) => Array.isArray(value) && value.every((v) => typeof v === "number");

/** A tensor in f32 or another word, inside a forward function. */
export function temporary(shape: Shape, dtype: DType, label: string): Tensor {
  return new Tensor({ shape, storage: new Storage(numel(shape), dtype, label), scoped: false });
}

/** Rounds f32 elements into a tensor of 16-bit ones. */
function round(from: Tensor, into: Tensor): void {
  const cast = primitives.cast(from, into.dtype);
  const { pending } = cast.storage;
  pending!.record(into.storage);
  cast.dispose();
}
