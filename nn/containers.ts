import type { Tensor } from "../tensor/tensor.ts";
import { Module, type Slot } from "./module.ts";

function* slotsOf(modules: Iterable<readonly [string, Module]>): Generator<Slot> {
  for (const [name, value] of modules) {
    yield { name, value, replace: () => {} };
  }
}

/**
 * Modules in a row: each gets what the one before gave.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { Linear, ReLU, Sequential } from "@fulgurite/core/nn";
 *
 * await init();
 * const model = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 2));
 * console.log(model.forward(randn([3, 4])).shape); // [3, 2]
 * console.log([...model.stateDict().keys()]); // ["0.weight", "0.bias", "2.weight", "2.bias"]
 * ```
 */
export class Sequential extends Module<[x: Tensor], Tensor> {
  readonly #modules: Map<string, Module<[x: Tensor], Tensor>>;

  /**
   * Puts modules together.
   *
   * @param modules The modules in order, or one record of them by name
   */
  constructor(
    ...modules: readonly Module<[x: Tensor], Tensor>[] | [Readonly<Record<string, Module<[x: Tensor], Tensor>>>]
  ) {
    super();
    const [first] = modules;
    this.#modules = first === undefined || first instanceof Module
      ? new Map((modules as readonly Module<[x: Tensor], Tensor>[]).map((module, i) => [String(i), module]))
      : new Map(Object.entries(first));
  }

  /** Number of modules. */
  get length(): number {
    return this.#modules.size;
  }

  /** The module at a place; negative places count from the end. */
  at(index: number): Module<[x: Tensor], Tensor> | undefined {
    return [...this.#modules.values()].at(index);
  }

  /** Adds a module at the end. */
  append(module: Module<[x: Tensor], Tensor>): this {
    this.#modules.set(String(this.#modules.size), module);
    return this;
  }

  /** The modules in order. */
  [Symbol.iterator](): IterableIterator<Module<[x: Tensor], Tensor>> {
    return this.#modules.values();
  }

  /** The last module's result. */
  forward(x: Tensor): Tensor {
    for (const module of this.#modules.values()) x = module.forward(x);
    return x;
  }

  /** Where modules are, besides the own properties. */
  protected override *slots(): Generator<Slot> {
    yield* super.slots();
    yield* slotsOf(this.#modules);
  }
}

/**
 * A list of modules. A plain array as a property serves as well.
 *
 * @typeParam M What the modules are
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { Linear, ModuleList } from "@fulgurite/core/nn";
 *
 * await init();
 * const layers = new ModuleList([1, 2, 3].map((n) => new Linear(n, n + 1)));
 * console.log(layers.length, [...layers.stateDict().keys()][0]); // 3 "0.weight"
 * ```
 */
export class ModuleList<M extends Module = Module> extends Module<never[], never> {
  readonly #modules: M[];

  /**
   * Puts modules together.
   *
   * @param modules The modules
   */
  constructor(modules: Iterable<M> = []) {
    super();
    this.#modules = [...modules];
  }

  /** Number of modules. */
  get length(): number {
    return this.#modules.length;
  }

  /** The module at a place; negative places count from the end. */
  at(index: number): M | undefined {
    return this.#modules.at(index);
  }

  /** Adds a module at the end. */
  append(module: M): this {
    this.#modules.push(module);
    return this;
  }

  /** Adds modules at the end. */
  extend(modules: Iterable<M>): this {
    this.#modules.push(...modules);
    return this;
  }

  /** The modules in order. */
  [Symbol.iterator](): IterableIterator<M> {
    return this.#modules.values();
  }

  /** A list computes nothing: it throws. */
  forward(): never {
    throw new Error("Cannot call forward of a ModuleList: call that of its modules");
  }

  /** Where modules are, besides the own properties. */
  protected override *slots(): Generator<Slot> {
    yield* super.slots();
    yield* slotsOf(this.#modules.map((module, i) => [String(i), module]));
  }
}

/**
 * Modules by name. Names must not have dots.
 *
 * @typeParam M What the modules are
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { GELU, ModuleDict, ReLU } from "@fulgurite/core/nn";
 *
 * await init();
 * const activations = new ModuleDict({ relu: new ReLU(), gelu: new GELU() });
 * console.log(activations.get("gelu")!.forward(randn([2])).shape); // [2]
 * ```
 */
export class ModuleDict<M extends Module = Module> extends Module<never[], never> {
  readonly #modules: Map<string, M>;

  /**
   * Puts modules together.
   *
   * @param modules The modules by name
   */
  constructor(modules: Readonly<Record<string, M>> | ReadonlyMap<string, M> = {}) {
    super();
    this.#modules = new Map();
    const entries = modules instanceof Map ? modules : Object.entries(modules as Record<string, M>);
    for (const [name, module] of entries as Iterable<[string, M]>) this.set(name, module);
  }

  /** Number of modules. */
  get size(): number {
    return this.#modules.size;
  }

  /** The module of a name. */
  get(name: string): M | undefined {
    return this.#modules.get(name);
  }

  /** Adds or replaces a module. */
  set(name: string, module: M): this {
    if (name === "" || name.includes(".")) {
      throw new TypeError(`Cannot add to a ModuleDict: a name must not be empty or have a dot, got "${name}"`);
    }
    this.#modules.set(name, module);
    return this;
  }

  /** Whether there is a module of a name. */
  has(name: string): boolean {
    return this.#modules.has(name);
  }

  /** Names, in order. */
  keys(): IterableIterator<string> {
    return this.#modules.keys();
  }

  /** Modules, in order. */
  values(): IterableIterator<M> {
    return this.#modules.values();
  }

  /** Names and modules, in order. */
  [Symbol.iterator](): IterableIterator<[string, M]> {
    return this.#modules.entries();
  }

  /** A collection computes nothing: it throws. */
  forward(): never {
    throw new Error("Cannot call forward of a ModuleDict: call that of its modules");
  }

  /** Where modules are, besides the own properties. */
  protected override *slots(): Generator<Slot> {
    yield* super.slots();
    yield* slotsOf(this.#modules);
  }
}
