import { copyInto } from "../../kernels/elementwise/copy_into.ts";
import { Metric } from "../../metrics/mod.ts";
import type { Module } from "../../nn/mod.ts";
import { defaultGenerator, type RandomState } from "../../tensor/mod.ts";
import { noGrad } from "../../tensor/grad_mode.ts";
import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** What a trial changes, copied, so that it can be put back bit for bit: parameters, buffers, modes, random numbers. */
export class Snapshot {
  readonly #module: Module;
  readonly #values: ReadonlyMap<string, Tensor>;
  readonly #modes: readonly { readonly part: Module; readonly training: boolean }[];
  readonly #random: RandomState;

  /** @param module What is copied */
  constructor(module: Module) {
    this.#module = module;
    this.#values = noGrad(() => new Map(named(module).map(([name, t]) => [name, copyOf(t)])));
    this.#modes = [...module.modules()].map((part) => ({ part, training: part.training }));
    this.#random = defaultGenerator.state;
  }

  /** Puts everything back. Layers that a trial has made late keep the values that they were made with. */
  restore(): void {
    this.#module.zeroGrad();
    for (const part of this.#module.modules()) if (part instanceof Metric) part.reset();
    noGrad(() => {
      for (const [name, t] of named(this.#module)) {
        const value = this.#values.get(name);
        if (value !== undefined) copyInto(t, value);
      }
    });
    for (const { part, training } of this.#modes) part.training = training;
    defaultGenerator.state = this.#random;
  }

  /** Frees the copies. */
  [Symbol.dispose](): void {
    for (const value of this.#values.values()) value.dispose();
  }
}

function named(module: Module): [string, Tensor][] {
  return [...module.namedParameters(), ...module.namedBuffers()];
}

function copyOf(t: Tensor): Tensor {
  const copy = new Tensor({ shape: t.shape, storage: new Storage(t.numel, t.dtype, "snapshot"), scoped: false });
  copyInto(copy, t);
  return copy;
}
