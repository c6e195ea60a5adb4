import { show } from "../device/option_names.ts";
import { accumulate } from "../kernels/accumulate/accumulate.ts";
import { add, mul } from "../kernels/elementwise/arithmetic.ts";
import { autocast } from "../tensor/autocast.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { type DType, isFloat } from "../tensor/dtype.ts";
import { withGradMode } from "../tensor/grad_mode.ts";
import type { Node } from "../tensor/node.ts";
import { observing } from "../tensor/observer.ts";
import { sameShape } from "../tensor/shape.ts";
import { keep, scope } from "../tensor/scope.ts";
import { primitives } from "../tensor/op.ts";
import { tensorsOf } from "../tensor/operands.ts";
import { type GradHook, Tensor } from "../tensor/tensor.ts";
import { unit } from "../tensor/unit.ts";
import { watching } from "../tensor/watcher.ts";

/** How to walk the graph. */
export interface BackwardOptions {
  /** Gradient of the result itself; default ones, for a result with one element. */
  gradient?: Tensor;
  /** Keep what was saved, so that the graph can be walked again; default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the gradients' own computation, so that they can be differentiated; default false. */
  createGraph?: boolean;
}

/** What to differentiate, and how. */
export interface GradOptions {
  /** Gradients of the outputs; default ones, for outputs with one element. */
  gradOutputs?: readonly (Tensor | null)[] | Tensor;
  /** Keep what was saved, so that the graph can be walked again; default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the gradients' own computation, so that they can be differentiated; default false. */
  createGraph?: boolean;
  /** Give `null` for inputs that the outputs do not depend on, instead of an error; default false. */
  allowUnused?: boolean;
}

/**
 * Computes the gradients of all leaves that `loss` depends on and adds them to their `grad`.
 *
 * @param loss A tensor with one element, or any tensor with `gradient` given
 * @param options Gradient to start with, and what to keep
 * @throws {Error} If `loss` requires no gradient, or its graph was freed by an earlier call
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([1, 2, 3], { dtype: "f32", requiresGrad: true });
 * backward(x.mul(x).sum());
 * console.log(await x.grad!.array()); // [2, 4, 6]
 * ```
 */
export function backward(loss: Tensor, options: BackwardOptions = {}): void {
  const createGraph = options.createGraph ?? false;
  const retainGraph = options.retainGraph ?? createGraph;
  // A gradient is changed in place by clipping and unscaling, so it has memory of its own.
  const taken = new Set(options.gradient && [options.gradient.storage]);
  scope(() =>
    walk([loss], [options.gradient ?? null], createGraph, retainGraph, null, (leaf, gradient) => {
      const before = leaf.grad,
        shared = taken.has(gradient.storage) || gradient.storage === leaf.storage ||
          gradient.storage.constant;
      if (before !== null && !createGraph && ownsMemory(before, gradient)) return accumulate(before, gradient);
      leaf.grad = keep(before !== null ? add(before, gradient) : shared ? mul(gradient, 1) : alias(gradient));
      taken.add(leaf.grad.storage);
      if (!createGraph) before?.dispose();
    })
  );
}

/** Whether a gradient can grow in place: nobody else has its memory, and no graph its history. */
function ownsMemory(before: Tensor, gradient: Tensor): boolean {
  return before.dtype === gradient.dtype && !before.requiresGrad && !before.storage.shared && !before.disposed &&
    before.storage !== gradient.storage;
}

/**
 * Computes the gradients of outputs with respect to inputs, and returns them; nobody's `grad` is touched.
 *
 * @param outputs One tensor or several
 * @param inputs The tensors (leaves or results on the way) whose gradients are wanted
 * @param options Gradients of the outputs, and what to keep
 * @returns A gradient for each input; `null` for one that does not matter, with `allowUnused`
 * @throws {Error} If an input does not matter and `allowUnused` is not set
 *
 * @example
 * ```ts
 * import { grad, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor(3, { dtype: "f32", requiresGrad: true });
 * const [dx] = grad([x.mul(x).mul(x)], [x], { createGraph: true });
 * const [ddx] = grad([dx!], [x]);
 * console.log(await dx!.item(), await ddx!.item()); // 27 18
 * ```
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const listOf = (given: Tensor | readonly Tensor[], item: string) =>
    given instanceof Tensor
      ? [given]
      : tensorsOf("grad", "differentiate", given, { item, least: 0, mayBeDisposed: true });
  const outs = listOf(outputs, "output"), ins = listOf(inputs, "input");
  const starts = startsOf(outs, options.gradOutputs);
  const createGraph = options.createGraph ?? false;
  const found = new Map<Tensor, Tensor>();
  const wanted = new Map<Node, Map<number, Tensor[]>>();
  const leaves = new Map<Tensor, Tensor[]>();
  for (const input of ins) {
    if (!input.requiresGrad) {
      throw new Error(`Cannot differentiate: input ${ins.indexOf(input)} does not require gradients`);
    }
    if (input.node === null) push(leaves, input.origin ?? input, input);
    else {
      let byIndex = wanted.get(input.node);
      if (byIndex === undefined) wanted.set(input.node, byIndex = new Map());
      push(byIndex, input.outputIndex, input);
    }
  }
  const accumulate = (t: Tensor, g: Tensor) => {
    const before = found.get(t);
    found.set(t, before === undefined ? g : add(before, g));
  };
  return scope(() => {
    walk(outs, starts, createGraph, options.retainGraph ?? createGraph, (node, index, g) => {
      for (const t of wanted.get(node)?.get(index) ?? []) accumulate(t, g);
    }, (leaf, g) => {
      for (const t of leaves.get(leaf) ?? []) accumulate(t, g);
    });
    return collect(ins, found, options.allowUnused ?? false);
  });
}

/** The gradients that outputs start with, one for each; `null` stands for ones. */
function startsOf(outs: readonly Tensor[], given: GradOptions["gradOutputs"]): readonly (Tensor | null)[] {
  if (given === undefined) return outs.map(() => null);
  const list = Array.isArray(given) ? given as readonly (Tensor | null)[] : [given as Tensor];
  if (list.length !== outs.length) {
    throw new TypeError(
      `Cannot differentiate in grad: gradOutputs must have one for each of ${outs.length} outputs, got ${list.length}`,
    );
  }
  const wrong = list.findIndex((g) => g !== null && !(g instanceof Tensor));
  if (wrong >= 0) {
    throw new TypeError(
      `Cannot differentiate in grad: gradOutputs must be tensors or null, that of output ${wrong} is ${
        show(list[wrong])
      }`,
    );
  }
  return list;
}

function collect(ins: readonly Tensor[], found: Map<Tensor, Tensor>, allowUnused: boolean): (Tensor | null)[] {
  return ins.map((input, i) => {
    const g = found.get(input);
    if (g === undefined && !allowUnused) {
      throw new Error(
        `Cannot differentiate: the outputs do not depend on input ${i} of shape ${showShape(input.shape)}, ` +
          "use { allowUnused: true } to get null for it",
      );
    }
    return g === undefined ? null : alias(g);
  });
}

/** A handle of its own on a gradient, which may be the very tensor that was passed in. */
function alias(t: Tensor): Tensor {
  return new Tensor({ shape: t.shape, storage: t.storage.retain(), node: t.node, outputIndex: t.outputIndex });
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** Nodes from the outputs to the leaves, each after everything that uses it. */
function topologicalOrder(roots: readonly Node[]): Node[] {
  const order: Node[] = [];
  const state = new Map<Node, boolean>();
  const stack: { node: Node; next: number }[] = [];
  for (const root of roots) {
    if (state.has(root)) continue;
    state.set(root, false);
    stack.push({ node: root, next: 0 });
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next === top.node.edges.length) {
        order.push(top.node);
        stack.pop();
        continue;
      }
      const edge = top.node.edges[top.next++];
      if (edge !== null && "node" in edge && !state.has(edge.node)) {
        state.set(edge.node, false);
        stack.push({ node: edge.node, next: 0 });
      }
    }
  }
  return order.reverse();
}

function runHooks(hooks: readonly GradHook[], gradient: Tensor): Tensor {
  // A hook may store what it sees, beyond the end of the walk; of a captured function nothing may stay behind.
  for (const hook of hooks) {
    const next = hook(watching.by === null ? keep(gradient) : gradient) ?? gradient;
    if (next !== gradient) checkHooked(next, gradient);
    gradient = next;
  }
  return gradient;
}

/** Throws unless what a hook returned can take the gradient's place. */
function checkHooked(next: unknown, { shape, dtype }: Tensor): void {
  const rule = `Cannot replace a gradient by a hook's result: it must be a ${dtype} tensor of shape ${
    showShape(shape)
  }`;
  if (!(next instanceof Tensor)) throw new TypeError(`${rule}, got ${show(next)}`);
  if (next.disposed) throw new Error("Cannot replace a gradient by a hook's result: it is disposed");
  if (!sameShape(next.shape, shape) || next.dtype !== dtype) {
    throw new ShapeError("registerHook", `${rule}, got ${next.dtype} ${showShape(next.shape)}`, [shape, next.shape]);
  }
}

/**
 * Kernels that read any floating-point type may be given one and make gradients of another: rounded to the input's
 * type.
 */
function inTypeOf(dtype: DType, gradient: Tensor, { op: { half } }: Node): Tensor {
  const any = half === "any" || half === "reads";
  return any && isFloat(gradient.dtype) ? primitives.cast(gradient, dtype) : gradient;
}

/** Sends gradients from the outputs through the graph; the callbacks take those that arrive at nodes and leaves. */
function walk(
  outputs: readonly Tensor[],
  starts: readonly (Tensor | null)[],
  createGraph: boolean,
  retainGraph: boolean,
  atNode: ((node: Node, index: number, gradient: Tensor) => void) | null,
  atLeaf: (leaf: Tensor, gradient: Tensor) => void,
): void {
  // What autocast does to an operation is part of its node; gradients have the types that follow from that.
  autocast(null, () =>
    withGradMode(createGraph, () => {
      const pending = new Map<Node, (Tensor | null)[]>();
      const atLeaves = new Map<Tensor, Tensor>();
      const send = (edge: { node: Node; index: number } | { leaf: Tensor }, gradient: Tensor) => {
        if ("leaf" in edge) {
          const before = atLeaves.get(edge.leaf);
          atLeaves.set(edge.leaf, before === undefined ? gradient : add(before, gradient));
          return;
        }
        let slots = pending.get(edge.node);
        if (slots === undefined) pending.set(edge.node, slots = edge.node.outputs.map(() => null));
        const before = slots[edge.index];
        slots[edge.index] = before === null ? gradient : add(before, gradient);
      };

      outputs.forEach((output, i) => {
        const which = outputs.length === 1 ? "the result" : `output ${i}`;
        if (!output.requiresGrad) {
          throw new Error(
            `Cannot differentiate: ${which} of shape ${showShape(output.shape)} does not require gradients`,
          );
        }
        const start = starts[i] ?? null;
        if (start === null && output.numel !== 1) {
          throw new Error(
            `Cannot differentiate: without a gradient for it ${which} must have one element, its shape is ${
              showShape(output.shape)
            }`,
          );
        }
        if (start !== null && !sameShape(start.shape, output.shape)) {
          throw new TypeError(
            `Cannot differentiate: the gradient of ${which} must have its shape ${showShape(output.shape)}, got ${
              showShape(start.shape)
            }`,
          );
        }
        const gradient = start ?? unit(output.shape, output.dtype);
        send(
          output.node === null ? { leaf: output.origin ?? output } : { node: output.node, index: output.outputIndex },
          gradient,
        );
      });

      const order = topologicalOrder([...pending.keys()]);
      for (const node of order) {
        const slots = pending.get(node);
        if (slots === undefined) continue;
        slots.forEach((gradient, index) => {
          if (gradient === null) return;
          const hooked = runHooks(node.existingHooks(index), gradient);
          slots[index] = hooked;
          atNode?.(node, index, hooked);
        });
        const dy = slots[0] ?? primitives.zeros(node.outputs[0]);
        observing.by?.differentiates?.(node.name);
        const gradients = node.op.grad!(dy, node.context(slots), node.attrs);
        observing.by?.differentiates?.(null);
        node.edges.forEach((edge, i) => {
          if (edge === null || !gradients[i]) return;
          const want = node.inputs[i]!;
          const gradient = inTypeOf(want.dtype, gradients[i]!, node);
          if (!sameShape(gradient.shape, want.shape) || gradient.dtype !== want.dtype) {
            throw new Error(
              `Cannot differentiate ${node.name}: its gradient for input ${i} is ${gradient.dtype} ${
                showShape(gradient.shape)
              }, the input is ${want.dtype} ${showShape(want.shape)}`,
            );
          }
          send(edge, gradient);
        });
        pending.delete(node);
        if (!retainGraph) node.free();
      }
      for (const [leaf, gradient] of atLeaves) {
        watching.by?.depends(leaf, "hooks", () => leaf.hooks ?? []);
        atLeaf(leaf, runHooks(leaf.hooks ?? [], gradient));
      }
    }));
}
