import type { Access } from "../../device/mod.ts";
import type { Shape } from "../../tensor/shape.ts";
import type { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { type Finish, Producer } from "../elementwise/finish.ts";
import { functionsFor } from "../elementwise/functions.ts";
import { PLAIN, type Sink, sinkBindings, sinkKey, sinkTakes, writeSink } from "../matmul/_sink.ts";
import { launch } from "../_run.ts";
import type { KernelSource, ParamType, Specialisation } from "../_source.ts";

/** A kernel of which each invocation makes one element of `dx`. */
type Kernel = KernelSource<Record<string, Access>, Record<string, ParamType>>;

/** What a pool's gradient is launched with. */
export interface PoolGradient {
  readonly kernel: Kernel;
  /** Tensors by the names of its inputs' bindings. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly params: Readonly<Record<string, number | readonly number[]>>;
  readonly special: Specialisation;
}

const STORE = /^( *)dx\[at\] = (.*);$/m;
const BINDING = /^@group\(0\) @binding\((\d+)\) var<storage, read_write> dx: array<f32>;$/m;

const kernels = new Map<string, Kernel>();

/** A kernel whose results go to a sink instead of `dx`. */
function through(kernel: Kernel, sink: Sink): Kernel {
  const key = `${kernel.name} ${sinkKey(sink)}`;
  let made = kernels.get(key);
  if (made === undefined) {
    const [, binding] = BINDING.exec(kernel.code)!;
    const text = writeSink(sink, 1, Number(binding));
    const fields = Object.entries({ ...sink.finish?.params.types }).map(([name, type]) => `  ${name}: ${type},\n`);
    const code = kernel.code
      .replace(BINDING, () => `${text}\n${functionsFor(text, kernel.code)}`)
      .replace(STORE, (_, indent, value) => `${indent}put(at, ${value});`)
      .replace(/^struct Params \{\n[^}]*/m, (struct) => struct + fields.join(""));
    const { dx: _, ...inputs } = kernel.bindings;
    const params = { ...kernel.params, ...sink.finish?.params.types };
    kernels.set(key, made = { name: kernel.name, key, code, params, bindings: { ...inputs, ...sinkBindings(sink) } });
  }
  return made;
}

/** Words of parameters that a kernel may have. */
const MOST_WORDS = 64;

/**
 * The gradient of a pool, which waits for its consumer: the gradient of an activation in front of the pool is computed
 * by the same kernel. It is a step on the way of a gradient, and stored only when it is read by another kernel.
 */
export class WaitingGradient extends Producer {
  readonly shape: Shape;
  readonly #work: PoolGradient;
  /** Whether a reader has had it without storing it. */
  #passed = false;

  /**
   * @param work The kernel and its inputs
   * @param shape The result's shape
   */
  constructor(work: PoolGradient, shape: Shape) {
    super();
    this.shape = shape;
    for (const input of Object.values(work.inputs)) void input.storage.buffer;
    const inputs = Object.entries(work.inputs).map(([name, t]) => [name, handle(t.storage)] as const);
    this.#work = { ...work, inputs: Object.fromEntries(inputs) };
  }

  record(into: Storage): void {
    this.#launch(PLAIN, { y: into });
  }

  recordThrough(finish: Finish, into: Storage, own: Storage): boolean {
    const sink: Sink = { own: null, bias: null, finish, sums: null };
    // Inputs first: they may be chains that read this, too.
    for (const input of Object.values(finish.inputs)) void input.buffer;
    if (this.#passed || own.pending !== this || !sinkTakes(sink, 1) || !this.#takes(finish, into)) return false;
    this.#passed = true;
    this.#launch(sink, { z: into, ...finish.inputs });
    return true;
  }

  release(): void {
    for (const input of Object.values(this.#work.inputs)) input.dispose();
  }

  /** Whether there are bindings and parameters enough for a chain. */
  #takes({ inputs, params }: Finish, { device }: Storage): boolean {
    const { kernel } = this.#work;
    const words = Object.values({ ...kernel.params, ...params.types }).reduce(
      (sum, type) =>
        sum + (type.startsWith("array") ? 4 * Number(type.slice(12, -1)) : type.startsWith("vec4") ? 4 : 1),
      0,
    );
    const bindings = Object.keys(kernel.bindings).length + Object.keys(inputs).length;
    return bindings <= device.limits.maxStorageBuffersPerShaderStage && words <= MOST_WORDS;
  }

  #launch(sink: Sink, storages: Record<string, Storage>): void {
    const { kernel, inputs, params, special } = this.#work;
    const ends = Object.entries(storages).map(([name, storage]) => [name, handle(storage)] as const);
    launch(
      through(kernel, sink),
      { ...inputs, ...Object.fromEntries(ends) },
      { ...params, ...sink.finish?.params.values },
      Math.ceil(this.shape.reduce((a, b) => a * b, 1) / 64),
      special,
    );
    for (const [, end] of ends) end.dispose();
  }
}

/** A handle of its own on the elements of a storage. */
function handle(storage: Storage): Tensor {
  return new Tensor({ shape: [storage.numel], storage: storage.retain(), scoped: false });
}
