import { byteLength, type DType, isHalf } from "../../tensor/dtype.ts";
import { copyBytes } from "../../tensor/in_place.ts";
import { slabSize } from "../../tensor/slab.ts";
import type { Storage } from "../../tensor/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { functionsFor } from "../elementwise/functions.ts";
import { launch, temporary } from "../_run.ts";
import { kernelOf } from "../_source.ts";
import { type Rule, ruleText } from "./rule.ts";

/** A parameter in a step. */
export interface Updated {
  /** The parameter; it changes in place. */
  readonly param: Tensor;
  /** Its gradient, of the same size. */
  readonly grad: Tensor;
  /** Its state tensors in the rule's order, all of one type; they change in place. */
  readonly state: readonly Tensor[];
}

type Kernel = ReturnType<typeof kernelOf>;

/** Invocations of a workgroup; each updates four neighbouring elements. */
const WORKGROUP = 64;

/** Segments that a dispatch takes at most, however many bindings there are: each is a branch. */
const MOST_SEGMENTS = 12;

/** Where the fields of `Cell` are kept: the rule's states in their order. */
const FIELDS = ["a", "b", "c"];

/** Where a tensor lies in what is bound: in itself, or in the memory that it shares with others. */
interface Place {
  readonly all: Tensor;
  /** Its first element there. */
  readonly at: number;
}

/** A parameter, and where lies what changes in place. */
interface Placed {
  readonly updated: Updated;
  readonly param: Place;
  readonly state: readonly Place[];
}

/** Parameters that lie one behind the other, as do their states and gradients: to the kernel they are one. */
type Segment = readonly Placed[];

/**
 * Records the step of parameters: every element is read once and written once. What lies in common memory is bound
 * once, so that a dispatch takes as many parameters as the adapter has bindings for gradients. While a function is
 * captured gradients are gathered in common memory too, where replays make them in the first place: then a dispatch
 * takes all.
 *
 * @param rule The rule
 * @param numbers The step's numbers, from `advance`
 * @param updated The parameters with gradients and state
 */
export function update<O>(rule: Rule<O>, numbers: Tensor, updated: readonly Updated[]): void {
  for (const members of withCommonMemory(updated)) {
    const { device } = members[0].updated.param.storage;
    const bindings = device.limits.maxStorageBuffersPerShaderStage - 2 - rule.state.length;
    const gathered = areOfRecording(members);
    const segments = gathered ? neighbours(members) : members.map((one) => [one]);
    const most = gathered ? MOST_SEGMENTS : Math.min(MOST_SEGMENTS, bindings);
    for (let i = 0; i < segments.length; i += most) record(rule, numbers, segments.slice(i, i + most), gathered);
  }
}

/** Those that a dispatch can take together: in the same memories, of the same types, and none twice. */
function withCommonMemory(updated: readonly Updated[]): Placed[][] {
  const lists: Placed[][] = [], open = new Map<string, { list: Placed[]; seen: Set<Storage> }>();
  for (const one of updated) {
    const { param, grad, state } = one;
    if (param.numel === 0) continue;
    const placed = { updated: one, param: placeOf(param), state: state.map(placeOf) };
    const ids = [placed.param, ...placed.state].map(({ all }) => all.storage.buffer.id);
    const key = `${ids}|${param.dtype}|${grad.dtype}`;
    const known = open.get(key);
    // Who shares all memory with an earlier one goes on from what that has made of it.
    if (known === undefined || known.seen.has(param.storage)) {
      const list = [placed];
      lists.push(list);
      open.set(key, { list, seen: new Set([param.storage]) });
    } else {
      known.list.push(placed);
      known.seen.add(param.storage);
    }
  }
  return lists;
}

function placeOf(t: Tensor): Place {
  const { place } = t.storage;
  return place === null ? { all: t, at: 0 } : { all: place.slab.all, at: place.at };
}

/** Whether all gradients are made by a function that is being captured. */
function areOfRecording(members: readonly Placed[]): boolean {
  const { recording } = members[0].updated.param.storage.device.recorder;
  if (recording === null || members.length === 1) return false;
  return members.every(({ updated: { grad } }) => recording.stayOf(grad.storage.buffer)?.fromHost === false);
}

/** Joins those that lie one behind the other. */
function neighbours(members: readonly Placed[]): Segment[] {
  const segments: Placed[][] = [];
  for (const one of members) {
    const before = segments.at(-1)?.at(-1), step = before === undefined ? 0 : slabSize(before.updated.param.numel);
    const follows = before !== undefined && one.param.at === before.param.at + step &&
      one.state.every(({ at }, k) => at === before.state[k].at + step);
    if (follows) segments.at(-1)!.push(one);
    else segments.push([one]);
  }
  return segments;
}

function record<O>(rule: Rule<O>, numbers: Tensor, segments: readonly Segment[], gathered: boolean): void {
  const all = segments.flat(), [{ updated: first, param, state }] = all;
  // Chains that are not computed yet may read what is about to change.
  for (const { updated: { grad } } of all) void grad.storage.buffer;
  for (const { updated } of all) for (const t of [updated.param, ...updated.state]) t.storage.willChange();
  for (const { all } of [param, ...state]) all.storage.willChange();
  const grads = gathered ? [gatheredGradients(all)] : all.map(({ updated: { grad } }) => grad);
  const buffers: Record<string, Tensor> = { numbers, param: param.all };
  state.forEach(({ all }, k) => buffers[FIELDS[k]] = all);
  grads.forEach((grad, n) => buffers[`grad_${n}`] = grad);
  const rows = () => new Array<number>(MOST_SEGMENTS).fill(0);
  const params: Record<string, number[]> = { ends: rows(), param: rows() };
  for (const k of state.keys()) params[FIELDS[k]] = rows();
  let quads = 0;
  segments.forEach((segment, n) => {
    // What belongs to quad q lies so many quads further on; the sum wraps around.
    params.param[n] = (segment[0].param.at / 4 - quads) >>> 0;
    segment[0].state.forEach(({ at }, k) => params[FIELDS[k]][n] = (at / 4 - quads) >>> 0);
    for (const { updated: { param: { numel } } } of segment) {
      // Gathered gradients are found at q itself. What is free behind a member is updated too, which nobody sees.
      quads += gathered ? slabSize(numel) / 4 : Math.ceil(numel / 4);
    }
    params.ends[n] = quads;
  });
  const types = { param: first.param.dtype, grad: first.grad.dtype, state: first.state.map(({ dtype }) => dtype) };
  launch(kernelFor(rule, types, segments.length, gathered), buffers, params, Math.ceil(quads / WORKGROUP));
  if (gathered) grads[0].dispose();
}

/** A copy of gradients, one behind the other; a replay makes them there, and does not copy. */
function gatheredGradients(members: readonly Placed[]): Tensor {
  const total = members.reduce((sum, { updated: { grad } }) => sum + slabSize(grad.numel), 0);
  const gathered = temporary([total], members[0].updated.grad.dtype, "gradients");
  let at = 0;
  for (const { updated: { grad } } of members) {
    const bytes = Math.ceil(grad.byteLength / 4) * 4;
    copyBytes(grad.storage, 0, gathered.storage, byteLength(grad.dtype, at), bytes);
    at += slabSize(grad.numel);
  }
  return gathered;
}

/** Types of parameters, their gradients and their states. */
interface Types {
  readonly param: DType;
  readonly grad: DType;
  readonly state: readonly DType[];
}

/** Kernels by rule, then by types and what is bound. */
const kernels = new WeakMap<Rule<never>, Map<string, Kernel>>();

function kernelFor<O>(rule: Rule<O>, types: Types, segments: number, gathered: boolean): Kernel {
  let known = kernels.get(rule);
  if (known === undefined) kernels.set(rule, known = new Map());
  const key = `${types.param},${types.grad},${types.state},${segments},${gathered}`;
  let kernel = known.get(key);
  if (kernel === undefined) known.set(key, kernel = kernelOf(rule.name, updateText(rule, types, segments, gathered)));
  return kernel;
}

/**
 * WGSL of a step of several parameters: (param, state) = rule(grad, param, state) for each. It is written here because
 * its bindings are as many as there are gradients.
 *
 * @param rule The rule
 * @param types Types of what is bound
 * @param segments Segments of parameters
 * @param gathered Whether gradients lie one behind the other in one binding, else each segment has one
 */
export function updateText<O>(rule: Rule<O>, types: Types, segments: number, gathered: boolean): string {
  const fields = FIELDS.slice(0, rule.state.length), places = ["param", ...fields];
  let binding = 0;
  const declare = (access: string, name: string, dtype: DType) =>
    `@group(0) @binding(${binding++}) var<storage, ${access}> ${name}: array<${isHalf(dtype) ? "vec2u" : "vec4f"}>;`;
  const grads = Array.from({ length: gathered ? 1 : segments }, (_, n) => `grad_${n}`);
  const declarations = [
    `struct Params { ${["ends", ...places].map((name) => `${name}: array<vec4u, ${MOST_SEGMENTS / 4}>`).join(", ")} }`,
    `@group(0) @binding(${binding++}) var<storage, read> numbers: array<f32>;`,
    ...grads.map((name) => declare("read", name, types.grad)),
    declare("read_write", "param", types.param),
    ...fields.map((field, k) => declare("read_write", field, types.state[k])),
    "@group(0) @binding(32) var<uniform> params: Params;",
    "struct Cell { p: vec4f, a: vec4f, b: vec4f, c: vec4f }",
    "struct Place { p: u32, a: u32, b: u32, c: u32 }",
  ];
  const entry = (name: string, n: number) => `params.${name}[${n >> 2}].${"xyzw"[n & 3]}`;
  const place = (n: number) => {
    const shifts = places.map((name) => `q + ${entry(name, n)}`);
    return `Place(${[...shifts, "0u", "0u", "0u"].slice(0, 4).join(", ")})`;
  };
  const branches = Array.from({ length: segments }, (_, n) => [
    `  ${n === 0 ? "" : "} else "}if (q < ${entry("ends", n)}) {`,
    `    at = ${place(n)};`,
    ...(gathered
      ? []
      : [`    g = ${loaded(`grad_${n}[q${n === 0 ? "" : ` - ${entry("ends", n - 1)}`}]`, types.grad)};`]),
  ]).flat();
  const body = [
    ruleText(rule),
    `@compute @workgroup_size(${WORKGROUP})`,
    "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {",
    `  let q = workgroup_index(id, groups) * ${WORKGROUP}u + lane;`,
    "  if (numbers[1] != 0.0) { return; }",
    "  var at: Place;",
    gathered ? `  let g = ${loaded("grad_0[q]", types.grad)};` : "  var g: vec4f;",
    ...branches,
    "  } else { return; }",
    `  var cell = Cell(${loaded("param[at.p]", types.param)}, ${
      FIELDS.map((field, k) => k < fields.length ? loaded(`${field}[at.${field}]`, types.state[k]) : "vec4f()").join(
        ", ",
      )
    });`,
    "  cell = rule(g * numbers[2], cell);",
    `  param[at.p] = ${stored("cell.p", types.param)};`,
    ...fields.map((field, k) => `  ${field}[at.${field}] = ${stored(`cell.${field}`, types.state[k])};`),
    "}",
  ].join("\n");
  return [functionsFor(body), ...declarations, body].join("\n");
}

function loaded(quad: string, dtype: DType): string {
  return isHalf(dtype) ? `vec4f(unpack_${dtype}(${quad}.x), unpack_${dtype}(${quad}.y))` : quad;
}

function stored(x: string, dtype: DType): string {
  return isHalf(dtype) ? `vec2u(pack_${dtype}(${x}.xy), pack_${dtype}(${x}.zw))` : x;
}
