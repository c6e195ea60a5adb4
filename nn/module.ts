import { type DType, isFloat } from "../tensor/dtype.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { watching } from "../tensor/watcher.ts";
import { convert } from "./_convert.ts";
import { type ForwardHook, type ForwardPreHook, hooksOf } from "./_hooks.ts";
import { clearGradients } from "./_gradients.ts";
import { type LoadResult, loadState, type NamedValues } from "./_load.ts";
import { loadFile, saveFile } from "./_file.ts";
import { Buffer, Parameter } from "./parameter.ts";

/** A place in a module that holds a parameter, a buffer or a module, by its name there. */
export interface Slot {
  /** The name, as it stands in `stateDict()`: a property, with an index for an array's element. */
  readonly name: string;
  /** What it holds. */
  readonly value: unknown;
  /** Puts something else there. */
  replace(value: Tensor): void;
}

/** A name in front of the names below it. */
const join = (prefix: string, name: string): string =>
  prefix === "" ? name : name === "" ? prefix : `${prefix}.${name}`;

/**
 * The base of layers and models: it finds parameters, buffers and modules in its own properties, also in arrays, so
 * that names are those that PyTorch gives (`conv1.weight`, `layers.0.bias`). Fields that are `#private` cannot be
 * found.
 *
 * Write `forward`; call it as `model.forward(x)`.
 *
 * @typeParam Inputs What `forward` takes
 * @typeParam Output What it gives
 *
 * @example
 * ```ts
 * import { init, randn, relu, type Tensor } from "@fulgurite/core";
 * import { Linear, Module } from "@fulgurite/core/nn";
 *
 * await init();
 * class Mlp extends Module<[x: Tensor], Tensor> {
 *   fc1 = new Linear(784, 128);
 *   fc2 = new Linear(128, 10);
 *   forward(x: Tensor): Tensor {
 *     return this.fc2.forward(relu(this.fc1.forward(x)));
 *   }
 * }
 * const model = new Mlp();
 * console.log([...model.stateDict().keys()]); // ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
 * console.log(model.forward(randn([32, 784])).shape); // [32, 10]
 * ```
 */
export abstract class Module<Inputs extends readonly unknown[] = never[], Output = unknown> {
  #training = true;
  readonly #registered = new Map<string, Parameter | Buffer | Module | null>();
  /** What is computed in the place of registered parameters. */
  readonly #computed = new Map<string, () => Tensor>();

  /** Whether layers behave as in training (dropout, batch statistics); {@link train} and {@link eval} set it. */
  get training(): boolean {
    watching.by?.depends(this, "training", () => this.#training);
    return this.#training;
  }

  /** Switches this module alone. */
  set training(mode: boolean) {
    this.#training = mode;
  }

  /** The result for inputs. */
  abstract forward(...inputs: Inputs): Output;

  /**
   * Adds a parameter under a name that is not a property, such as one of PyTorch's with underscores.
   *
   * @param name Its name in `stateDict()`
   * @param parameter The parameter, or `null` for one that is left out
   * @returns The parameter
   */
  registerParameter<P extends Parameter | null>(name: string, parameter: P): P {
    this.#checkName(name, "parameter");
    this.#registered.set(name, parameter);
    return parameter;
  }

  /**
   * Adds a buffer under a name: a tensor that belongs to the module and is not learned.
   *
   * @param name Its name in `stateDict()`
   * @param value Its value, or `null` for one that is left out
   * @param options Whether it is part of `stateDict()`; default true
   * @returns The buffer
   */
  registerBuffer(name: string, value: Tensor, options?: { persistent?: boolean }): Buffer;
  /** Adds the name of a buffer that is left out. */
  registerBuffer(name: string, value: null): null;
  /** Adds a buffer that may be left out. */
  registerBuffer(name: string, value: Tensor | null, options?: { persistent?: boolean }): Buffer | null;
  registerBuffer(name: string, value: Tensor | null, options: { persistent?: boolean } = {}): Buffer | null {
    this.#checkName(name, "new Buffer(value)");
    const buffer = value === null ? null : new Buffer(value, options);
    this.#registered.set(name, buffer);
    return buffer;
  }

  /**
   * Adds a module under a name that is not a property.
   *
   * @param name Its name in `stateDict()`
   * @param module The module
   * @returns The module
   */
  registerModule<M extends Module>(name: string, module: M): M {
    this.#checkName(name, "module");
    this.#registered.set(name, module);
    return module;
  }

  /** Forgets what was registered under a name; the caller frees it. */
  unregister(name: string): void {
    this.#registered.delete(name);
  }

  /**
   * A parameter by the name it was registered under; one that is computed from others (see `weightNorm`) anew each
   * time.
   */
  registeredParameter(name: string): Parameter | null {
    const computed = this.#computed.get(name);
    // Whoever reads a parameter only computes with it.
    if (computed !== undefined) return computed() as Parameter;
    const value = this.#registered.get(name);
    return value instanceof Parameter ? value : null;
  }

  /**
   * Has a registered parameter computed each time it is read, as parametrizations do.
   *
   * @internal
   * @returns The parameter that was registered, or `null` where there is none
   */
  computeRegistered(name: string, value: () => Tensor): Parameter | null {
    const before = this.#registered.get(name);
    if (!(before instanceof Parameter)) return null;
    this.#registered.delete(name);
    this.#computed.set(name, value);
    return before;
  }

  /**
   * Ends {@link computeRegistered}: the name holds a parameter again.
   *
   * @internal
   */
  restoreRegistered(name: string, parameter: Parameter): void {
    this.#computed.delete(name);
    this.#registered.set(name, parameter);
  }

  /** A buffer by the name it was registered under. */
  protected registeredBuffer(name: string): Buffer | null {
    const value = this.#registered.get(name);
    return value instanceof Buffer ? value : null;
  }

  #checkName(name: string, value: string): void {
    if (name === "" || name.includes(".") || name in this) {
      const why = name in this ? "be free" : "not be empty or have a dot";
      // PyTorch's self.register_buffer("mask", …) makes the attribute; a class here has declared the property.
      const hint = Object.hasOwn(this, name) ? `; a property is found where it is, this.${name} = ${value}` : "";
      throw new TypeError(`Cannot register in ${this.constructor.name}: a name must ${why}, got "${name}"${hint}`);
    }
  }

  /** Where parameters, buffers and modules may be: own properties in their order, then what was registered. */
  protected *slots(): Generator<Slot> {
    const own = this as unknown as Record<string, unknown>;
    for (const key of Object.keys(own)) {
      const value = own[key];
      if (Array.isArray(value)) yield* slotsOf(key, value);
      else if (belongs(value)) yield { name: key, value, replace: (next) => void (own[key] = next) };
    }
    for (const [name, value] of this.#registered) {
      if (value === null) continue;
      yield { name, value, replace: (next) => void this.#registered.set(name, next as Parameter | Buffer) };
    }
  }

  /** Modules directly below, with their names. */
  *namedChildren(): Generator<[string, Module]> {
    for (const { name, value } of this.slots()) if (value instanceof Module) yield [name, value];
  }

  /** Modules directly below. */
  *children(): Generator<Module> {
    for (const [, child] of this.namedChildren()) yield child;
  }

  /** This module and all below it, each once, with their names; its own is empty. */
  *namedModules(): Generator<[string, Module]> {
    const seen = new Set<Module>();
    function* visit(prefix: string, module: Module): Generator<[string, Module]> {
      if (seen.has(module)) return;
      seen.add(module);
      yield [prefix, module];
      for (const [name, child] of module.namedChildren()) yield* visit(join(prefix, name), child);
    }
    yield* visit("", this);
  }

  /** This module and all below it, each once. */
  *modules(): Generator<Module> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** A module below this one, by its name; an empty name is this one. */
  getSubmodule(name: string): Module {
    for (const [found, module] of this.namedModules()) if (found === name) return module;
    throw new RangeError(`Cannot find a module in ${this.constructor.name}: there is no "${name}"`);
  }

  /** Parameters with their names, each once under its first name. */
  *namedParameters(): Generator<[string, Parameter]> {
    yield* this.#named(Parameter);
  }

  /** Parameters, each once. */
  *parameters(): Generator<Parameter> {
    for (const [, parameter] of this.namedParameters()) yield parameter;
  }

  /** Buffers with their names, each once. */
  *namedBuffers(): Generator<[string, Buffer]> {
    yield* this.#named(Buffer);
  }

  /** Buffers, each once. */
  *buffers(): Generator<Buffer> {
    for (const [, buffer] of this.namedBuffers()) yield buffer;
  }

  *#named<T extends Parameter | Buffer>(kind: new (...args: never[]) => T): Generator<[string, T]> {
    const seen = new Set<unknown>();
    for (const [prefix, module] of this.namedModules()) {
      for (const { name, value } of module.slots()) {
        if (!(value instanceof kind) || seen.has(value)) continue;
        seen.add(value);
        yield [join(prefix, name), value];
      }
    }
  }

  /**
   * All parameters and persistent buffers by name, in PyTorch's order. They are the module's own tensors, not copies;
   * one that stands in two places appears under both names.
   *
   * @returns Names and tensors
   *
   * @example
   * ```ts
   * import { init } from "@fulgurite/core";
   * import { BatchNorm2d, Conv2d, Sequential } from "@fulgurite/core/nn";
   *
   * await init();
   * const model = new Sequential(new Conv2d(1, 8, 3), new BatchNorm2d(8));
   * for (const [name, tensor] of model.stateDict()) console.log(name, tensor.shape);
   * ```
   */
  stateDict(): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    const path = new Set<Module>();
    const visit = (prefix: string, module: Module): void => {
      if (path.has(module)) return;
      path.add(module);
      const slots = [...module.slots()];
      for (const kind of [Parameter, Buffer]) {
        for (const { name, value } of slots) {
          if (value instanceof kind && !(value instanceof Buffer && !value.persistent)) {
            state.set(join(prefix, name), value);
          }
        }
      }
      for (const { name, value } of slots) if (value instanceof Module) visit(join(prefix, name), value);
      path.delete(module);
    };
    visit("", this);
    return state;
  }

  /**
   * Copies values into the parameters and buffers, converted to their types.
   *
   * @param state Values by name, on the device or on the host
   * @param options With `strict: false` names may be missing or unknown; default true
   * @returns The names that were missing, and those that were unexpected
   * @throws {Error} Listing every missing and unexpected name, if strict
   * @throws {ShapeError} Listing every value of another shape
   */
  loadStateDict(state: NamedValues, { strict = true }: { strict?: boolean } = {}): LoadResult {
    return noGrad(() => loadState(this.constructor.name, this.stateDict(), state, strict));
  }

  /**
   * Writes {@link stateDict} to a safetensors file, which PyTorch and Hugging Face read.
   *
   * @param path The file
   * @param metadata Texts to store beside the tensors
   */
  async saveSafetensors(path: string, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
    await saveFile(path, this.stateDict(), { format: "pt", ...metadata });
  }

  /**
   * Loads a safetensors file, PyTorch's or ours.
   *
   * @param path The file, or in a browser a `Blob` or `File`
   * @param options With `strict: false` names may be missing or unknown; default true
   * @returns The names that were missing, and those that were unexpected
   * @throws {SafetensorsError} If the file is damaged
   */
  async loadSafetensors(path: string | Blob, options: { strict?: boolean } = {}): Promise<LoadResult> {
    return this.loadStateDict(await loadFile(path), options);
  }

  /**
   * Switches to training, or with `false` to evaluation, here and below.
   *
   * @param mode Whether to train
   * @returns This module
   */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** Switches to evaluation, here and below. */
  eval(): this {
    return this.train(false);
  }

  /** Sets whether parameters want gradients, here and below. */
  requiresGrad_(wanted = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = wanted;
    return this;
  }

  /** Frees the gradients of all parameters; `setToNull: false` makes them zeros instead. */
  zeroGrad({ setToNull = true }: { setToNull?: boolean } = {}): void {
    clearGradients(this.parameters(), setToNull);
  }

  /** Calls a function with every module below, then with this one; to initialise weights, for example. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /**
   * Converts parameters and floating-point buffers, here and below. They become new tensors: make the optimizer
   * afterwards.
   *
   * @param dtype A floating-point type
   * @returns This module
   */
  to(dtype: DType): this {
    if (!isFloat(dtype)) {
      throw new TypeError(`Cannot convert ${this.constructor.name}: it can be floats only, got ${dtype}`);
    }
    convert([...this.modules()].flatMap((module) => [...module.slots()]), dtype);
    return this;
  }

  /**
   * Has a function called after every {@link forward} of this module; what it returns, if anything, takes the output's
   * place.
   *
   * @param hook Gets the module, the inputs and the output
   * @returns A function that removes it
   */
  registerForwardHook(hook: ForwardHook): () => void {
    return hooksOf(this).after(hook);
  }

  /**
   * Has a function called before every {@link forward} of this module; a list that it returns takes the inputs' place.
   *
   * @param hook Gets the module and the inputs
   * @returns A function that removes it
   */
  registerForwardPreHook(hook: ForwardPreHook): () => void {
    return hooksOf(this).before(hook);
  }

  /** Frees all parameters, their gradients, all buffers, and what else modules hold. */
  dispose(): void {
    this.zeroGrad();
    for (const t of [...this.parameters(), ...this.buffers()]) t.dispose();
    for (const module of this.modules()) module.disposeOwn();
  }

  /** Frees what this module alone holds beside parameters and buffers; {@link dispose} calls it, here and below. */
  protected disposeOwn(): void {}

  /** Frees everything at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What stands in parentheses when the module is printed. */
  extraRepr(): string {
    return "";
  }

  /** The modules as a tree, in the manner of PyTorch. */
  toString(): string {
    const lines = [...this.namedChildren()].map(([name, child]) =>
      `  (${name}): ${child.toString().replace(/\n/g, "\n  ")}`
    );
    const extra = this.extraRepr();
    return `${this.constructor.name}(${lines.length === 0 ? extra : `${extra}\n${lines.join("\n")}\n`})`;
  }
}

function belongs(value: unknown): value is Parameter | Buffer | Module {
  return value instanceof Parameter || value instanceof Buffer || value instanceof Module;
}

function* slotsOf(name: string, list: unknown[]): Generator<Slot> {
  for (let i = 0; i < list.length; i++) {
    const value = list[i];
    if (Array.isArray(value)) yield* slotsOf(`${name}.${i}`, value);
    else if (belongs(value)) yield { name: `${name}.${i}`, value, replace: (next) => void (list[i] = next) };
  }
}
