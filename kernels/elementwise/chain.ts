import type { DType } from "../../tensor/dtype.ts";
import { isHalf } from "../../tensor/dtype.ts";
import { broadcastStrides, sameShape, type Shape, stridesOf } from "../../tensor/shape.ts";
import type { Pending, Storage } from "../../tensor/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { fold } from "../_run.ts";
import { type Expression, type Leaf, type Register, registerOf, writeKernel } from "./codegen.ts";

/** An operand: the elements of a tensor, seen through strides, or a number that may change from call to call. */
export type Operand =
  | { readonly storage: Storage; readonly shape: Shape; readonly view: View | null; readonly as: Register }
  | { readonly value: number; readonly as: Register };

/** How an operand is read: element (i, j, …) of the result lies at `offset + i·strides[0] + j·strides[1] + …`. */
export interface View {
  readonly strides: readonly number[];
  readonly offset: number;
}

/** One pointwise operation: an expression in `x`, `y`, `z` (its operands) and its parameters, by name. */
export interface PointwiseWork {
  readonly f: string;
  readonly operands: readonly Operand[];
  /** Names of shared functions in `f`. */
  readonly uses: readonly string[];
  readonly dtype: DType;
}

/** A chain may grow to this many operations before it is recorded: beyond, registers spill and code gets long. */
const MOST_OPERATIONS = 48;

/** Words that strides, offsets and numbers of a chain may take of the parameters' 64; the rest is for sizes. */
const MOST_WORDS = 48;

/** Operand names in an expression, in order. */
const NAMES = ["x", "y", "z", "u", "v", "w"];

/**
 * A pointwise operation whose result has not been needed yet. Operations on it take it in, so that a whole chain becomes
 * one kernel that reads its inputs once and writes its result once.
 */
export class Chain implements Pending {
  readonly shape: Shape;
  readonly work: PointwiseWork;
  readonly operations: number;
  readonly leaves: number;
  readonly words: number;

  /**
   * @param work The operation
   * @param shape The result's shape
   */
  constructor(work: PointwiseWork, shape: Shape) {
    this.shape = shape;
    this.work = work;
    const held = work.operands.filter((o): o is Extract<Operand, { storage: Storage }> => "storage" in o);
    for (const { storage } of held) storage.retain();
    const room = mostLeaves(held[0]?.storage);
    let operations = 1, leaves = 0;
    let words = work.operands.length - held.length;
    for (const operand of held) words += wordsOf(operand, shape);
    const inner = held.map((o) => inlined(o, shape));
    // Take in the operands' chains, smallest first, while registers and bindings last; record the others now.
    const order = inner.map((_, i) => i).sort((a, b) => (inner[a]?.leaves ?? 1) - (inner[b]?.leaves ?? 1));
    let remaining = held.length;
    for (const i of order) {
      remaining--;
      const chain = inner[i];
      if (chain === null) leaves++;
      else if (
        operations + chain.operations > MOST_OPERATIONS || leaves + chain.leaves + remaining > room ||
        words + chain.words > MOST_WORDS
      ) {
        void held[i].storage.buffer;
        leaves++;
      } else {
        operations += chain.operations;
        leaves += chain.leaves;
        words += chain.words;
      }
    }
    this.operations = operations;
    this.leaves = leaves;
    this.words = words;
  }

  record(into: Storage): void {
    const plan = new Plan(this);
    const { device } = into;
    const kernel = writeKernel({
      shape: this.shape,
      leaves: plan.leaves,
      steps: plan.steps,
      result: plan.result,
      dtype: into.dtype,
      uses: plan.uses,
      values: plan.values,
    });
    const pipeline = device.pipelines.cached(kernel.code) ?? device.pipelines.pipeline(
      kernel.code,
      into.label,
      [...plan.leaves.map(() => "read" as const), "read_write"],
      true,
      () => kernel.code,
    );
    const groups = fold(Math.ceil(into.numel / 256), device.limits.maxComputeWorkgroupsPerDimension);
    const buffers = plan.leaves.map((leaf) => leaf.storage.buffer);
    device.recorder.dispatch(pipeline, [...buffers, into.buffer], kernel.params, groups);
  }

  release(): void {
    for (const operand of this.work.operands) if ("storage" in operand) operand.storage.release();
  }
}

/** The most words of parameters that reading an operand can take. */
function wordsOf(operand: Extract<Operand, { storage: Storage }>, shape: Shape): number {
  return operand.view === null && sameShape(operand.shape, shape) ? 0 : shape.length + 1;
}

/** Storage bindings left for inputs when the result takes one. */
function mostLeaves(storage: Storage | undefined): number {
  return (storage?.device.limits.maxStorageBuffersPerShaderStage ?? 8) - 1;
}

/** The chain behind an operand, when it can be computed element by element in place of a read. */
function inlined(operand: Operand, shape: Shape): Chain | null {
  if (!("storage" in operand) || operand.view !== null) return null;
  const { pending } = operand.storage;
  return pending instanceof Chain && sameShape(operand.shape, shape) && sameShape(pending.shape, shape)
    ? pending
    : null;
}

/** A chain written out: the leaves to read, the steps to compute, each shared value once. */
class Plan {
  readonly leaves: Leaf[] = [];
  readonly steps: Expression[] = [];
  readonly values: { value: number; as: Register }[] = [];
  readonly uses = new Set<string>();
  readonly result: string;
  readonly #steps = new Map<Storage, string>();
  readonly #chain: Chain;

  constructor(chain: Chain) {
    this.#chain = chain;
    this.result = this.#step(chain);
  }

  /** Writes the operation of a chain and returns the name of its value. */
  #step(chain: Chain): string {
    const { f, operands, uses, dtype } = chain.work;
    for (const name of uses) this.uses.add(name);
    const names = operands.map((operand) => this.#operand(operand));
    const expression = f.replace(/\b[xyzuvw]\b/g, (name) => names[NAMES.indexOf(name)] ?? name);
    const root = chain === this.#chain;
    // Between operations a 16-bit result is rounded as if it had been stored: fusing never changes a value.
    const rounded = !root && isHalf(dtype) ? `round_${dtype}(${expression})` : expression;
    const name = `t${this.steps.length}`;
    this.steps.push({ name, code: rounded });
    return name;
  }

  /** The text that stands for an operand in an expression. */
  #operand(operand: Operand): string {
    if (!("storage" in operand)) {
      this.values.push(operand);
      return `params.c${this.values.length - 1}`;
    }
    const { storage, as } = operand;
    const chain = inlined(operand, this.#chain.shape);
    let name: string;
    if (chain === null) name = this.#leaf(operand.storage, operand.shape, operand.view);
    else {
      const known = this.#steps.get(storage);
      name = known ?? this.#step(chain);
      this.#steps.set(storage, name);
    }
    return convert(name, registerOf(storage.dtype), as);
  }

  #leaf(storage: Storage, shape: Shape, view: View | null): string {
    const strides = view?.strides ??
      (sameShape(shape, this.#chain.shape) ? stridesOf(shape) : broadcastStrides(shape, this.#chain.shape));
    const offset = view?.offset ?? 0;
    const at = this.leaves.findIndex((leaf) =>
      leaf.storage === storage && leaf.offset === offset && sameShape(leaf.strides, strides)
    );
    if (at >= 0) return `l${at}`;
    this.leaves.push({ storage, strides, offset });
    return `l${this.leaves.length - 1}`;
  }
}

function convert(name: string, from: Register, to: Register): string {
  if (from === to) return name;
  if (to === "bool") return from === "f32" ? `(${name} != 0.0)` : `(${name} != ${from}(0))`;
  return `${to}(${name})`;
}

/** An operand that reads a tensor where it broadcasts to the result's shape. */
export function read(t: Tensor, as: Register = registerOf(t.dtype)): Operand {
  return { storage: t.storage, shape: t.shape, view: null, as };
}

/** An operand that reads a tensor through strides. */
export function readView(t: Tensor, strides: readonly number[], offset: number): Operand {
  return { storage: t.storage, shape: t.shape, view: { strides, offset }, as: registerOf(t.dtype) };
}
