import type { DType } from "../../tensor/dtype.ts";
import { sameShape, type Shape } from "../../tensor/shape.ts";
import type { Pending, Storage } from "../../tensor/storage.ts";
import { runOf } from "../_family.ts";
import { fold } from "../_run.ts";
import { kernelKey, WORKGROUP, writeKernel } from "./codegen.ts";
import { PARAMS_WORDS, writeParams } from "./params.ts";
import { type Expression, expressionOf } from "./expression.ts";
import { Finish, hostOf } from "./finish.ts";
import { layoutOf, repeatsDown } from "./layout.ts";
import { inlined, type Operand, storageOf, type TensorOperand } from "./operand.ts";
import { Plan } from "./plan.ts";

export { type Operand, read, readView, type View } from "./operand.ts";

/** One pointwise operation. */
export interface PointwiseWork {
  /** A WGSL expression in `x`, `y`, `z`, `u`, `v`, `w` (its operands, in order) and `i` (the number of the element). */
  readonly f: string | Expression;
  readonly operands: readonly Operand[];
  readonly dtype: DType;
}

/** A chain may grow to this many operations before it is recorded: beyond, registers spill and code gets long. */
const MOST_OPERATIONS = 48;

/** Chains that read others through views wait for each other to be recorded; this many deep at most. */
const MOST_WAITING = 32;

/**
 * A pointwise operation whose result has not been needed yet. Operations on it take it in, so that a whole chain
 * becomes one kernel that reads its inputs once and writes its result once.
 */
export class Chain implements Pending {
  readonly shape: Shape;
  readonly work: { readonly expression: Expression; readonly operands: readonly Operand[]; readonly dtype: DType };
  /** Upper bounds of what the kernel would have: operations, inputs, words of parameters. */
  operations = 1;
  leaves = 0;
  words = 0;
  /** How many recordings this one would set off, one inside the other. */
  waiting = 0;

  /**
   * @param work The operation
   * @param shape The result's shape
   */
  constructor({ f, operands, dtype }: PointwiseWork, shape: Shape) {
    this.shape = shape;
    this.work = { expression: typeof f === "string" ? expressionOf(f) : f, operands, dtype };
    for (const operand of operands) storageOf(operand)?.retain();
    try {
      this.#count();
      // Things used twice were counted twice; if that is not it, the longest part becomes a kernel of its own.
      while (!this.#fits() && (this.#countExactly() || this.#cut()));
    } catch (error) {
      this.release();
      throw error;
    }
  }

  record(into: Storage): void {
    const { device } = into;
    let plan = new Plan(this);
    // What was taken in without an input may have become one by being recorded for somebody else.
    while (plan.leaves.length > this.#mostLeaves() && this.#cut()) plan = new Plan(this);
    if (this.#recordBehind(plan, into)) return;
    const layout = layoutOf(this.shape, plan.leaves);
    const quads = Math.ceil(into.numel / 4);
    const run = runOf(quads, WORKGROUP);
    const down = run > 1 && layout.sizes[0] >= run && repeatsDown(layout);
    const walk = down ? "down" : "along";
    const key = kernelKey(plan, layout, into.dtype, walk);
    const pipeline = device.pipelines.cached(key) ?? device.pipelines.pipeline(
      key,
      into.label,
      [...plan.leaves.map(() => "read" as const), "read_write"],
      true,
      () => writeKernel(plan, layout, into.dtype, walk),
    );
    const runs = down ? Math.ceil(layout.sizes[0] / run) * layout.sizes[1] / 4 : Math.ceil(quads / run);
    const groups = fold(Math.ceil(runs / WORKGROUP), device.limits.maxComputeWorkgroupsPerDimension);
    // Buffers first: an input that is pending itself packs parameters too.
    const buffers = plan.leaves.map((leaf) => leaf.storage.buffer);
    buffers.push(into.buffer);
    if (device.recorder.wantsShapes) device.recorder.shapes = [this.shape];
    device.recorder.dispatch(pipeline, buffers, writeParams(plan, layout, quads, run), groups);
  }

  /** Computes the chain at the end of the kernel that makes one of its inputs, where there is one that can. */
  #recordBehind(plan: Plan, into: Storage): boolean {
    const found = hostOf(plan);
    if (found === null) return false;
    const { host, producer } = found;
    return producer.recordThrough(new Finish(plan, host, into.dtype), into, plan.leaves[host].storage);
  }

  release(): void {
    for (const operand of this.work.operands) storageOf(operand)?.release();
  }

  /** Adds up what the operands bring, as if they had nothing in common. */
  #count(): void {
    let operations = 1, leaves = 0, words = 0, waiting = 0;
    for (const operand of this.work.operands) {
      if ("value" in operand) words++;
      else if ("draw" in operand) {
        words += 5;
        if (storageOf(operand) !== null) leaves += 3;
      } else {
        const chain = inlined(operand, this.shape);
        if (chain !== null) {
          operations += chain.operations;
          leaves += chain.leaves;
          words += chain.words;
          waiting = Math.max(waiting, chain.waiting);
          continue;
        }
        leaves++;
        if (operand.view !== null || !sameShape(operand.shape, this.shape)) words += this.shape.length + 1;
        const { pending } = operand.storage;
        if (pending instanceof Chain) {
          if (pending.waiting >= MOST_WAITING) void operand.storage.buffer;
          else waiting = Math.max(waiting, pending.waiting + 1);
        }
      }
    }
    this.operations = operations;
    this.leaves = leaves;
    this.words = words;
    this.waiting = waiting;
  }

  #fits(): boolean {
    return this.operations <= MOST_OPERATIONS && this.leaves <= this.#mostLeaves() && this.words <= this.#mostWords();
  }

  /** Storage bindings left for inputs when the result takes one. */
  #mostLeaves(): number {
    for (const operand of this.work.operands) {
      const storage = storageOf(operand);
      if (storage !== null) return storage.device.limits.maxStorageBuffersPerShaderStage - 1;
    }
    return 7;
  }

  /** Words left for numbers and leaves when the size and the axes take theirs. */
  #mostWords(): number {
    return PARAMS_WORDS - 2 - 3 * Math.max(this.shape.length - 1, 0);
  }

  /** Counts shared parts once; tells whether that was less. */
  #countExactly(): boolean {
    const plan = new Plan(this);
    const less = plan.steps.length < this.operations || plan.leaves.length < this.leaves || plan.words < this.words;
    this.operations = plan.steps.length;
    this.leaves = plan.leaves.length;
    this.words = plan.words;
    return less;
  }

  /** Records the longest chain among the operands; `false` if there is none. */
  #cut(): boolean {
    let longest: TensorOperand | null = null, most = 0;
    for (const operand of this.work.operands) {
      if (!("storage" in operand)) continue;
      const chain = inlined(operand, this.shape);
      if (chain !== null && chain.operations > most) [longest, most] = [operand, chain.operations];
    }
    if (longest === null) return false;
    void longest.storage.buffer;
    this.#count();
    return true;
  }
}
