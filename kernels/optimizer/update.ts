import { type DType, isHalf } from "../../tensor/dtype.ts";
import type { Storage } from "../../tensor/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { functionsFor } from "../elementwise/functions.ts";
import { launch } from "../_run.ts";
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

/** Parameters that a kernel takes at most, however many bindings there are: each is a branch. */
const MOST_PARAMETERS = 8;

/** Where the fields of `Cell` are kept: the rule's states in their order. */
const FIELDS = ["a", "b", "c"];

/**
 * Records the step of parameters: every element is read once and written once, as many parameters in a dispatch as the
 * adapter has storage bindings for.
 *
 * @param rule The rule
 * @param numbers The step's numbers, from `advance`
 * @param updated The parameters with gradients and state
 */
export function update<O>(rule: Rule<O>, numbers: Tensor, updated: readonly Updated[]): void {
  const filled = updated.filter(({ param }) => param.numel > 0);
  if (filled.length === 0) return;
  const { maxStorageBuffersPerShaderStage } = filled[0].param.storage.device.limits;
  const most = Math.min(MOST_PARAMETERS, Math.floor((maxStorageBuffersPerShaderStage - 1) / (2 + rule.state.length)));
  let together: Updated[] = [];
  const bound = new Set<Storage>();
  const record = () => {
    if (together.length > 0) recordTogether(rule, numbers, together);
    together = [];
    bound.clear();
  };
  for (const one of filled) {
    const storages = [one.param, one.grad, ...one.state].map((t) => t.storage);
    // A buffer that is written may be bound once.
    if (together.length === most || storages.some((storage) => bound.has(storage))) record();
    together.push(one);
    for (const storage of storages) bound.add(storage);
  }
  record();
}

function recordTogether<O>(rule: Rule<O>, numbers: Tensor, updated: readonly Updated[]): void {
  const buffers: Record<string, Tensor> = { numbers };
  const ends = new Array<number>(MOST_PARAMETERS).fill(0);
  let quads = 0;
  updated.forEach(({ param, grad, state }, n) => {
    // Chains that are not computed yet may read what is about to change.
    void grad.storage.buffer;
    for (const t of [param, ...state]) t.storage.willChange();
    buffers[`grad_${n}`] = grad;
    buffers[`param_${n}`] = param;
    state.forEach((t, k) => buffers[`${FIELDS[k]}_${n}`] = t);
    ends[n] = quads += Math.ceil(param.numel / 4);
  });
  const kernel = kernelFor(rule, updated.map(({ param, grad, state }) => [param.dtype, grad.dtype, state[0]?.dtype]));
  launch(kernel, buffers, { ends }, Math.ceil(quads / WORKGROUP));
}

/** Types of a parameter, its gradient, and its state (default f32). */
type Types = readonly [param: DType, grad: DType, state?: DType];

/** Kernels by rule, then by types of parameters and gradients. */
const kernels = new WeakMap<Rule<never>, Map<string, Kernel>>();

function kernelFor<O>(rule: Rule<O>, dtypes: readonly Types[]): Kernel {
  let known = kernels.get(rule);
  if (known === undefined) kernels.set(rule, known = new Map());
  const key = dtypes.join();
  let kernel = known.get(key);
  if (kernel === undefined) known.set(key, kernel = kernelOf(rule.name, updateText(rule, dtypes)));
  return kernel;
}

/**
 * WGSL of a step of several parameters: (param, state) = rule(grad, param, state) for each. It is written here because its
 * bindings are as many as there are parameters.
 *
 * @param rule The rule
 * @param dtypes Types of each parameter, its gradient and its state
 */
export function updateText<O>(rule: Rule<O>, dtypes: readonly Types[]): string {
  const fields = FIELDS.slice(0, rule.state.length);
  let binding = 0;
  const declare = (access: string, name: string, dtype: DType) =>
    `@group(0) @binding(${binding++}) var<storage, ${access}> ${name}: array<${isHalf(dtype) ? "vec2u" : "vec4f"}>;`;
  const declarations = [
    `struct Params { ends: array<vec4u, ${MOST_PARAMETERS / 4}> }`,
    `@group(0) @binding(${binding++}) var<storage, read> numbers: array<f32>;`,
    ...dtypes.flatMap(([param, grad, state = "f32"], n) => [
      declare("read", `grad_${n}`, grad),
      declare("read_write", `param_${n}`, param),
      ...fields.map((field) => declare("read_write", `${field}_${n}`, state)),
    ]),
    "@group(0) @binding(32) var<uniform> params: Params;",
    "struct Cell { p: vec4f, a: vec4f, b: vec4f, c: vec4f }",
  ];
  const end = (n: number) => `params.ends[${n >> 2}].${"xyzw"[n & 3]}`;
  const branches = dtypes.flatMap(([param, grad, state = "f32"], n) => [
    `  ${n === 0 ? "" : "} else "}if (q < ${end(n)}) {`,
    `    let k = q${n === 0 ? "" : ` - ${end(n - 1)}`};`,
    `    var cell = Cell(${loaded(`param_${n}[k]`, param)}, ${
      FIELDS.map((field, k) => k < fields.length ? loaded(`${field}_${n}[k]`, state) : "vec4f()").join(", ")
    });`,
    `    cell = rule(${loaded(`grad_${n}[k]`, grad)} * numbers[2], cell);`,
    `    param_${n}[k] = ${stored("cell.p", param)};`,
    ...fields.map((field) => `    ${field}_${n}[k] = ${stored(`cell.${field}`, state)};`),
  ]);
  const body = [
    ruleText(rule),
    `@compute @workgroup_size(${WORKGROUP})`,
    "fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {",
    `  let q = workgroup_index(id, groups) * ${WORKGROUP}u + lane;`,
    "  if (numbers[1] != 0.0) { return; }",
    ...branches,
    "  }",
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
