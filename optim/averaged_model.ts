import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { strided } from "../kernels/elementwise/view.ts";
import { type AverageOptions, equalAverage, exponentialAverage } from "../kernels/optimizer/average.ts";
import { advance, NUMBERS, optionNumbers } from "../kernels/optimizer/rule.ts";
import { update, type Updated } from "../kernels/optimizer/update.ts";
import { Buffer, type LoadResult, type Module, type NamedValues } from "../nn/mod.ts";
import { loadState } from "../nn/_load.ts";
import { tensor } from "../tensor/create.ts";
import { isFloat } from "../tensor/dtype.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { copyBytes } from "../tensor/in_place.ts";
import { keep } from "../tensor/scope.ts";
import { Storage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Options of {@link AveragedModel}. */
export interface AveragedModelOptions {
  /** Share of the old average that each update keeps (EMA); without it all updates weigh equally (SWA). */
  decay?: number | null;
  /** Whether buffers are averaged too; default false: they follow the model. */
  useBuffers?: boolean;
}

/**
 * Running averages of a model's weights: exponential (EMA), or of equal weights (stochastic weight averaging, Izmailov
 * and others 2018). The first update copies.
 *
 * The averages live beside the model, in f32, under its names. {@link swap} puts them into the model, for an
 * evaluation, and a second call puts the model's own weights back.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { Linear } from "@fulgurite/core/nn";
 * import { AveragedModel } from "@fulgurite/core/optim";
 *
 * await init();
 * const model = new Linear(4, 2);
 * const ema = new AveragedModel(model, { decay: 0.999 });
 * ema.updateParameters(model); // after each step of the optimizer
 * ema.swap(model);
 * console.log(model.forward(randn([1, 4])).shape); // [1, 2], by averaged weights
 * ema.swap(model);
 * ```
 */
export class AveragedModel {
  /** The averages by the model's names. */
  readonly averages: ReadonlyMap<string, Tensor>;
  readonly #options: AverageOptions;
  readonly #averaged: ReadonlySet<string>;
  readonly #numbers: Tensor;
  readonly #given: Tensor;
  readonly #control: Tensor;

  /**
   * Begins to average.
   *
   * @param model The model; averages start with its weights
   * @param options Kind of average
   * @throws {RangeError} If the decay is not from 0 to 1
   */
  constructor(model: Module, { decay = null, useBuffers = false }: AveragedModelOptions = {}) {
    if (decay !== null && !(decay >= 0 && decay <= 1)) {
      throw new RangeError(`Cannot average weights: decay must be from 0 to 1, got ${decay}`);
    }
    this.#options = { decay };
    const averages = new Map<string, Tensor>();
    const averaged = new Set<string>();
    const state = model.stateDict();
    for (const [name, t] of state) {
      const mean = isFloat(t.dtype) && (useBuffers || !(t instanceof Buffer));
      if (mean) averaged.add(name);
      averages.set(name, copyOf(t, mean ? "f32" : t.dtype));
    }
    this.averages = averages;
    this.#averaged = averaged;
    const kept = (values: Float32Array<ArrayBuffer>) => keep(tensor(values));
    this.#numbers = kept(new Float32Array(NUMBERS));
    const numbers = optionNumbers(this.#rule, this.#options);
    this.#given = kept(numbers.length > 0 ? numbers : new Float32Array(1));
    this.#control = kept(Float32Array.of(0, 1));
  }

  get #rule(): typeof equalAverage {
    return this.#options.decay === null ? equalAverage : exponentialAverage;
  }

  /** How many times the averages were updated, a tensor without axes. */
  get nAveraged(): Tensor {
    return strided(this.#numbers, { name: "nAveraged", shape: [], strides: [], offset: 0, grad: (dy) => dy });
  }

  /**
   * Takes the model's present weights into the averages.
   *
   * @param model The model, or one with the same names
   */
  updateParameters(model: Module): void {
    const state = model.stateDict();
    noGrad(() => {
      advance(this.#rule, this.#given, this.#control, this.#numbers);
      const updated: Updated[] = [];
      for (const [name, average] of this.averages) {
        const value = state.get(name);
        if (value === undefined) throw new TypeError(`Cannot average weights: the model has no ${name}`);
        if (this.#averaged.has(name)) updated.push({ param: average, grad: value, state: [] });
        else copyInto(average, value);
      }
      update(this.#rule, this.#numbers, updated);
    });
  }

  /**
   * Exchanges the averages with a model's weights.
   *
   * @param model The model, or one with the same names
   */
  swap(model: Module): void {
    const state = model.stateDict();
    noGrad(() => {
      for (const [name, average] of this.averages) {
        const value = state.get(name);
        if (value === undefined) throw new TypeError(`Cannot swap averaged weights: the model has no ${name}`);
        const held = copyOf(value, average.dtype);
        copyInto(value, average);
        copyInto(average, held);
        held.dispose();
      }
    });
  }

  /** The averages as PyTorch's AveragedModel names them: `n_averaged`, and the model's names behind `module.`. */
  stateDict(): Map<string, Tensor> {
    const named = [...this.averages].map(([name, t]): [string, Tensor] => [`module.${name}`, t]);
    return new Map([["n_averaged", this.nAveraged], ...named]);
  }

  /**
   * Copies averages from what {@link stateDict} gave.
   *
   * @param state Values by name, on the device or on the host
   * @returns The names that were missing, and those that were unexpected
   * @throws {Error} Listing every missing and unexpected name
   */
  loadStateDict(state: NamedValues): LoadResult {
    const count = copyOf(this.nAveraged, "f32");
    const targets = new Map(this.stateDict()).set("n_averaged", count);
    const result = noGrad(() => loadState(this.constructor.name, targets, state, true));
    copyBytes(count.storage, 0, this.#numbers.storage, 0, 4);
    count.dispose();
    return result;
  }

  /** Frees the averages. */
  dispose(): void {
    for (const t of [...this.averages.values(), this.#numbers, this.#given, this.#control]) t.dispose();
  }

  /** Frees the averages at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A copy that outlives every scope. */
function copyOf(t: Tensor, dtype: Tensor["dtype"]): Tensor {
  const copy = new Tensor({ shape: t.shape, storage: new Storage(t.numel, dtype, "average"), scoped: false });
  copyInto(copy, t);
  return copy;
}
