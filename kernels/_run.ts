import type { Access } from "../device/mod.ts";
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
  for (const name of names) {
    if (tensors[name].disposed) throw new Error(`Cannot run ${kernel.name}: its tensor ${name} is disposed`);
  }
  const device = tensors[names[0]].storage.device;
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
  const place = typeof groups === "number" ? fold(groups, device.limits.maxComputeWorkgroupsPerDimension) : groups;
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
