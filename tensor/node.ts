import type { DType } from "./dtype.ts";
import type { GradContext, Op, Saves } from "./op.ts";
import type { Shape } from "./shape.ts";
import { type GradHook, keepAlias, Tensor } from "./tensor.ts";

/** Where a gradient goes: to the node that made the input, or to the leaf itself; `null` when nobody wants it. */
export type Edge = { readonly node: Node; readonly index: number } | { readonly leaf: Tensor } | null;

/** The shape and type of one output of a node. */
export interface OutputSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** One operation in the graph of a differentiable value: its op, where its gradients go, and what it kept. */
export class Node {
  readonly op: Op<unknown, unknown>;
  readonly attrs: unknown;
  readonly edges: readonly Edge[];
  readonly outputs: readonly OutputSpec[];
  readonly inputs: readonly (OutputSpec | null)[];
  readonly #saves: Saves;
  #savedInputs: Map<number, { tensor: Tensor; version: number }> | null = null;
  #savedOutputs: Map<number, { tensor: Tensor; version: number }> | null = null;
  #hooks: Map<number, GradHook[]> | null = null;
  #users = 0;
  #freed = false;

  constructor(
    op: Op<unknown, unknown>,
    attrs: unknown,
    inputs: readonly (Tensor | null)[],
    outputs: readonly OutputSpec[],
  ) {
    this.op = op;
    this.attrs = attrs;
    this.outputs = outputs;
    this.inputs = inputs.map((x) => x && { shape: x.shape, dtype: x.dtype });
    this.edges = inputs.map((x) => {
      if (x === null || !x.requiresGrad) return null;
      return x.node === null ? { leaf: x.origin ?? x } : { node: x.node, index: x.outputIndex };
    });
    for (const edge of this.edges) if (edge !== null && "node" in edge) edge.node.retain();
    this.#saves = typeof op.saves === "function"
      ? op.saves(attrs, this.edges.map((edge) => edge !== null))
      : op.saves ?? {};
    for (const index of this.#saves.inputs ?? []) {
      const x = inputs[index];
      if (!x) continue;
      this.#savedInputs ??= new Map();
      this.#savedInputs.set(index, { tensor: keepAlias(x), version: x.storage.version });
    }
  }

  /** The op's name. */
  get name(): string {
    return this.op.name;
  }

  /** Keeps the outputs that backward will read. It holds values only: a link back to this node would be a cycle. */
  saveOutputs(outputs: readonly Tensor[]): void {
    for (const index of this.#saves.outputs ?? []) {
      const { shape, storage } = outputs[index];
      this.#savedOutputs ??= new Map();
      const tensor = new Tensor({ shape, storage: storage.retain(), scoped: false });
      this.#savedOutputs.set(index, { tensor, version: storage.version });
    }
  }

  /** Hooks on an output's gradient. */
  hooksOf(index: number): GradHook[] {
    this.#hooks ??= new Map();
    let hooks = this.#hooks.get(index);
    if (hooks === undefined) this.#hooks.set(index, hooks = []);
    return hooks;
  }

  /** Hooks on an output's gradient, if there are any. */
  existingHooks(index: number): readonly GradHook[] {
    return this.#hooks?.get(index) ?? [];
  }

  /** What the gradient function may look at. */
  context(dys: readonly (Tensor | null)[]): GradContext {
    if (this.#freed) {
      throw new Error(
        `Cannot differentiate through ${this.name} a second time: what it kept is freed, use { retainGraph: true } the first time`,
      );
    }
    const saved = (index: number): Tensor => {
      const entry = this.#savedInputs?.get(index);
      if (entry === undefined) {
        throw new Error(`Cannot read input ${index} in the gradient of ${this.name}: it was not saved`);
      }
      if (entry.tensor.storage.version !== entry.version) {
        throw new Error(
          `Cannot differentiate ${this.name}: its input ${index} was changed in place after it was used (version ` +
            `${entry.tensor.storage.version}, saved at version ${entry.version})`,
        );
      }
      return entry.tensor;
    };
    const output = (index: number): Tensor => {
      const saved = this.#savedOutputs?.get(index);
      if (saved === undefined) {
        throw new Error(`Cannot read output ${index} in the gradient of ${this.name}: it was not saved`);
      }
      const y = saved.tensor;
      if (y.storage.version !== saved.version) {
        throw new Error(
          `Cannot differentiate ${this.name}: its output ${index} was changed in place after it was computed (version ` +
            `${y.storage.version}, saved at version ${saved.version})`,
        );
      }
      return new Tensor({ shape: y.shape, storage: y.storage.retain(), node: this, outputIndex: index });
    };
    return {
      x: saved,
      output,
      get y(): Tensor {
        return output(0);
      },
      dys,
      needs: this.edges.map((edge) => edge !== null),
      inputs: this.inputs,
      outputs: this.outputs,
    };
  }

  /** One more tensor or node refers to this one. */
  retain(): void {
    this.#users++;
  }

  /** One user less; the last one frees what was kept, here and further down. */
  release(): void {
    const stack: Node[] = [this];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (--node.#users > 0) continue;
      node.free();
      for (const edge of node.edges) if (edge !== null && "node" in edge) stack.push(edge.node);
    }
  }

  /** Frees what was kept for backward. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    for (const { tensor } of this.#savedInputs?.values() ?? []) tensor.dispose();
    for (const { tensor } of this.#savedOutputs?.values() ?? []) tensor.dispose();
    this.#savedInputs = null;
    this.#savedOutputs = null;
  }
}
