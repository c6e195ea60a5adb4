import { type BindingLayout, Pipeline } from "./pipeline.ts";
import type { PooledBuffer } from "./pool.ts";

/** How a kernel uses a storage binding. */
export type Access = "read" | "read_write";

const COMPUTE_STAGE = 0x4;

/** Bytes of the window through which a kernel sees its parameters; a `Params` struct may not be larger. */
export const PARAMS_WINDOW = 256;

/**
 * Bind groups that are kept: a steady step needs some dozens, but where buffers keep changing places they never end.
 */
const MOST_GROUPS = 8192;

/**
 * Where the parameters are bound: in the group of the storage, beside all that an adapter may have, since each group
 * that is set costs a call for each dispatch.
 */
export const PARAMS_BINDING = 32;

const UNIFORM_COPY_DST = 0x40 | 0x8;

/** What a bind group is made of and dies with. */
export interface Bound {
  /** Unique among the buffers of its kind. */
  readonly id: number;
  readonly gpu: GPUBuffer;
  /** Keys of cached bind groups that hold it. */
  readonly groups: Set<string>;
}

/** Compiles kernels and makes bind groups, each once. */
export class PipelineCache {
  readonly #pipelines = new Map<string, Pipeline>();
  readonly #layouts = new Map<string, BindingLayout>();
  readonly #groups = new Map<string, { readonly group: GPUBindGroup; readonly holds: readonly Bound[] }>();
  /** Compilations that are under way. */
  readonly #pending = new Set<Promise<void>>();
  #pendingSince = 0;
  #milliseconds = 0;
  /**
   * How many want kernels to be compiled side by side while the host goes on: recordings and trainings, which wait for
   * their values in the end. Else a kernel is there at once: Dawn ends the process when an environment that runs no
   * longer (a test that is over) is told of a kernel.
   */
  sideBySide = 0;
  /** Bind groups ever made; a steady training step makes none. */
  groupsCreated = 0;
  #paramsBuffers = 0;

  /**
   * @param gpu The device
   * @param onError Takes compile errors, which WebGPU reports later
   */
  constructor(readonly gpu: GPUDevice, readonly onError: (error: Error) => void) {}

  /** The kernel for `key`; the first time, its compilation from `source()` begins. */
  pipeline(
    key: string,
    label: string,
    access: readonly Access[],
    hasParams: boolean,
    source: () => string,
    constants?: Record<string, number>,
    operands: readonly (readonly number[])[] = [],
  ): Pipeline {
    let pipeline = this.#pipelines.get(key);
    if (pipeline === undefined) {
      const text = { label, code: source(), constants, operands };
      const start = performance.now();
      pipeline = new Pipeline(this.gpu, text, this.#layout(access, hasParams), this.onError, this.sideBySide > 0);
      this.#pipelines.set(key, pipeline);
      this.#time(pipeline.ready, start);
    }
    return pipeline;
  }

  /** Resolves when every compilation so far is known to be good, or its error reported. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  /** Kernels that were compiled. */
  get size(): number {
    return this.#pipelines.size;
  }

  /** Milliseconds in which at least one kernel was being compiled. */
  get milliseconds(): number {
    return this.#milliseconds + (this.#pending.size > 0 ? performance.now() - this.#pendingSince : 0);
  }

  /** The pipeline for a key, if it was compiled before. */
  cached(key: string): Pipeline | undefined {
    return this.#pipelines.get(key);
  }

  /**
   * The bind group of these buffers for this layout.
   *
   * @param layout The kernel's
   * @param buffers Its storage bindings, in order
   * @param params Where its parameters lie, if it has any
   */
  group(layout: BindingLayout, buffers: readonly PooledBuffer[], params: Bound): GPUBindGroup {
    let key = layout.key;
    for (const buffer of buffers) key += "," + buffer.id;
    if (layout.hasParams) key += ";" + params.id;
    let cached = this.#groups.get(key);
    if (cached === undefined) {
      const entries: GPUBindGroupEntry[] = buffers.map(({ gpu: buffer, offset, size }, binding) => ({
        binding,
        resource: { buffer, offset, size },
      }));
      if (layout.hasParams) {
        entries.push({ binding: PARAMS_BINDING, resource: { buffer: params.gpu, size: PARAMS_WINDOW } });
      }
      const holds = layout.hasParams ? [...buffers, params] : buffers;
      cached = { group: this.gpu.createBindGroup({ layout: layout.group, entries }), holds };
      this.groupsCreated++;
      if (this.#groups.size >= MOST_GROUPS) this.#dropOldest();
      this.#groups.set(key, cached);
      for (const bound of holds) bound.groups.add(key);
    }
    return cached.group;
  }

  /** Forgets half of the bind groups, those that were made first. */
  #dropOldest(): void {
    let left = MOST_GROUPS / 2;
    for (const [key, { holds }] of this.#groups) {
      if (left-- === 0) break;
      for (const bound of holds) bound.groups.delete(key);
      this.#groups.delete(key);
    }
  }

  /** A buffer for parameters of kernels. */
  paramsBuffer(label: string, size: number): Bound {
    const gpu = this.gpu.createBuffer({ label, size, usage: UNIFORM_COPY_DST });
    return { id: this.#paramsBuffers++, gpu, groups: new Set() };
  }

  /** Forgets the bind groups of a buffer that is destroyed. */
  dropGroupsOf(buffer: Bound): void {
    for (const key of [...buffer.groups]) {
      for (const bound of this.#groups.get(key)!.holds) bound.groups.delete(key);
      this.#groups.delete(key);
    }
  }

  #layout(access: readonly Access[], hasParams: boolean): BindingLayout {
    const key = access.map((a) => a === "read" ? "r" : "w").join("") + (hasParams ? "p" : "");
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      const entries: GPUBindGroupLayoutEntry[] = access.map((a, binding) => ({
        binding,
        visibility: COMPUTE_STAGE,
        buffer: { type: a === "read" ? "read-only-storage" : "storage" },
      }));
      if (hasParams) {
        entries.push({
          binding: PARAMS_BINDING,
          visibility: COMPUTE_STAGE,
          buffer: { type: "uniform", hasDynamicOffset: true },
        });
      }
      const group = this.gpu.createBindGroupLayout({ label: key, entries });
      const pipeline = this.gpu.createPipelineLayout({ label: key, bindGroupLayouts: [group] });
      this.#layouts.set(key, layout = { key, group, hasParams, pipeline });
    }
    return layout;
  }

  #time(ready: Promise<void>, start: number): void {
    if (this.#pending.size === 0) this.#pendingSince = start;
    this.#pending.add(ready);
    ready.then(() => {
      this.#pending.delete(ready);
      if (this.#pending.size === 0) this.#milliseconds += performance.now() - this.#pendingSince;
    });
  }
}
