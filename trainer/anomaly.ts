import { isnan } from "../kernels/elementwise/mod.ts";
import { any } from "../kernels/reduce/mod.ts";
import type { Module } from "../nn/mod.ts";
import { isFloat } from "../tensor/dtype.ts";
import { showShape } from "../tensor/errors.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { observing, type OpObserver, unobserved } from "../tensor/observer.ts";
import type { Inputs, Op } from "../tensor/op.ts";
import { keep } from "../tensor/scope.ts";
import type { Storage } from "../tensor/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { toHostAll } from "../tensor/to_host.ts";

/** A value that is not a number has come up: the message says which operation made it. */
export class AnomalyError extends Error {
  /** Name of the class. */
  override name = "AnomalyError";
  /** The operation; empty where the NaN was there before the batch. */
  readonly op: string;

  /**
   * The trainer makes it.
   *
   * @param message What was found
   * @param op The operation, empty where the NaN was there before
   */
  constructor(message: string, op: string) {
    super(message);
    this.op = op;
  }
}

/** Whether one value has a NaN, still on the device. */
interface Check {
  readonly op: string;
  readonly what: string;
  readonly found: Tensor;
}

/** Looks at everything that a batch computes, in its order, for the first NaN. */
export class AnomalyDetector implements OpObserver {
  readonly #module: Module;
  #checks: Check[] = [];
  #known = new WeakSet<Storage>();
  /** The operation whose gradient is being computed. */
  #backward: string | null = null;

  /** @param module Its parameters are called by their names */
  constructor(module: Module) {
    this.#module = module;
  }

  /**
   * Runs a training step, and throws if something in it was NaN. It reads one flag for each value.
   *
   * @param batchIdx The batch's number, for the error
   * @param step What to run
   * @throws {AnomalyError} Naming the operation that made the first one
   */
  async watch<T>(batchIdx: number, step: () => T | Promise<T>): Promise<T> {
    this.#checks = [];
    this.#known = new WeakSet();
    observing.by = this;
    try {
      const result = await step();
      observing.by = null;
      const flags = await toHostAll(this.#checks.map(({ found }) => found));
      const first = this.#checks.find((_, i) => Boolean(flags[i].data[0]));
      if (first === undefined) return result;
      throw new AnomalyError(`Cannot go on training: in batch ${batchIdx} the first NaN ${first.what}`, first.op);
    } finally {
      observing.by = this.#backward = null;
      for (const { found } of this.#checks.splice(0)) found.dispose();
    }
  }

  /** Has the results of an operation looked at, and what it was given from outside. */
  applied({ name, alias }: Op<never, unknown>, inputs: Inputs, outputs: readonly Tensor[]): void {
    const given = `given ${inputs.map((x) => x === null ? "nothing" : showShape(x.shape)).join(", ")}`;
    for (const [i, x] of inputs.entries()) {
      if (x !== null) this.#check(x, "", () => `was there before: ${this.#nameOf(x)} is input ${i} of ${name}`);
    }
    for (const y of outputs) {
      if (alias) this.#known.add(y.storage);
      const where = this.#backward === null ? "forward" : `the gradient of ${this.#backward}`;
      this.#check(y, name, () => `was made by ${name} in ${where}, shape ${showShape(y.shape)}, ${given}`);
    }
  }

  /** Notes whose gradient is computed. */
  differentiates(name: string | null): void {
    this.#backward = name;
  }

  #check(t: Tensor, op: string, what: () => string): void {
    if (!isFloat(t.dtype) || t.numel === 0 || this.#known.has(t.storage)) return;
    this.#known.add(t.storage);
    const found = unobserved(() => noGrad(() => keep(any(isnan(t)))));
    void unobserved(() => found.storage.buffer); // before the value changes in place
    this.#checks.push({ op, what: what(), found });
  }

  #nameOf({ storage, shape }: Tensor): string {
    for (const [name, parameter] of this.#module.namedParameters()) {
      if (parameter.storage === storage) return `the parameter ${name}`;
      if (parameter.grad?.storage === storage) return `the gradient of ${name}`;
    }
    return `a tensor of shape ${showShape(shape)}`;
  }
}
