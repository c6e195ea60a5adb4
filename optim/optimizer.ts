import { checkNames, type OptionNames, show } from "../device/option_names.ts";
import { clearGradients } from "../nn/_gradients.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { enableGrad, noGrad } from "../tensor/grad_mode.ts";
import { type HostTensor, isHostTensor } from "../tensor/host.ts";
import { tensorsOf } from "../tensor/operands.ts";
import { sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { watching } from "../tensor/watcher.ts";

/** Parameters that share options, and those options: change them as you like, the next step sees it. */
export type ParamGroup<O = OptimizerOptions> = O & {
  /** The parameters. */
  params: Tensor[];
  /** What logs call the group. */
  name?: string;
  /** The rate before any scheduler changed it; schedulers write it down. */
  initialLr?: number;
};

/** What all groups have. */
export interface OptimizerOptions {
  /** Learning rate. */
  lr: number;
}

/** A group as it is given to an optimizer: what is left out takes the optimizer's own option. */
export type ParamGroupInput<O> = Partial<O> & {
  /** The parameters. */
  params: Iterable<Tensor>;
  /** What logs call the group; default: by its place. */
  name?: string;
};

/** A value in the state of a parameter: tensors of its shape, or tensors and numbers without axes. */
export type StateValue = Tensor | HostTensor | number;

/** What an optimizer remembers, in PyTorch's structure: parameters are numbered through all groups. */
export interface OptimizerState {
  /** By number of the parameter: its state, by PyTorch's names in camelCase. */
  readonly state: { readonly [param: number]: { readonly [name: string]: StateValue } };
  /** The groups' options, with the numbers of their parameters. */
  readonly paramGroups: readonly ({ readonly params: readonly number[] } & { readonly [option: string]: unknown })[];
}

/** Called around a step with the optimizer that makes it. */
export type StepHook = (optimizer: Optimizer) => void;

/**
 * Changes parameters by their gradients. The base of all optimizers: groups, gradients, state.
 *
 * @typeParam O Options of a parameter group
 */
export abstract class Optimizer<O extends OptimizerOptions = OptimizerOptions> {
  readonly #groups: ParamGroup<O>[] = [];
  /** Options of groups that do not say otherwise. */
  readonly defaults: Readonly<O>;
  /**
   * Two numbers on the device that every step obeys: whether it is skipped (≠ 0), and a factor of the gradients. A loss
   * scaler puts its own here; `null` stands for [0, 1].
   */
  control: Tensor | null = null;
  readonly #preHooks: StepHook[] = [];
  readonly #postHooks: StepHook[] = [];

  /**
   * Makes the optimizer.
   *
   * @param params Parameters, or groups of them with options of their own
   * @param defaults Every option, for groups that do not say otherwise
   * @param options Options that the user gave in their place
   * @throws {TypeError} If there is nothing to optimize, something that is not a floating-point leaf, or an option that
   *   does not exist
   */
  constructor(params: Iterable<Tensor> | Iterable<ParamGroupInput<O>>, defaults: O, options: Partial<O> = {}) {
    const name = this.constructor.name;
    checkNames(`make ${name}`, options, namesOf(defaults) as unknown as OptionNames<Partial<O>>);
    this.defaults = { ...defaults, ...defined(options) };
    if (typeof (params as Partial<typeof params> | null)?.[Symbol.iterator] !== "function") {
      const hint = typeof (params as { parameters?: unknown } | null)?.parameters === "function"
        ? ", give its parameters: model.parameters()"
        : "";
      throw new TypeError(`Cannot make ${name}: it needs a list of parameters, got ${show(params)}${hint}`);
    }
    const list: (Tensor | ParamGroupInput<O>)[] = [...params];
    if (list.length === 0) {
      throw new TypeError(`Cannot make ${this.constructor.name}: it needs parameters, got an empty list`);
    }
    const tensors = list.filter((item) => item instanceof Tensor);
    if (tensors.length > 0 && tensors.length < list.length) {
      const [i, other] = [...list.entries()].find(([, item]) => !(item instanceof Tensor))!;
      throw new TypeError(
        `Cannot make ${name}: give parameters or groups, not both in one list, element ${i} is ${showItem(other)}`,
      );
    }
    const groups = tensors.length > 0
      ? [{ params: tensors } as unknown as ParamGroupInput<O>]
      : list as ParamGroupInput<O>[];
    for (const group of groups) this.addParamGroup(group);
  }

  /** The groups of parameters with their options. */
  get paramGroups(): ParamGroup<O>[] {
    watching.by?.depends(this, "groups", () => this.#groups.flatMap((group) => [group, ...group.params]));
    return this.#groups;
  }

  /**
   * Adds a group, for example of layers that are trained from now on.
   *
   * @param group Its parameters, and options that differ from the optimizer's
   * @throws {TypeError} If a parameter is no floating-point leaf, or is in another group
   * @throws {RangeError} If an option is out of range
   */
  addParamGroup(group: ParamGroupInput<O>): void {
    const name = this.constructor.name;
    if (typeof group?.params?.[Symbol.iterator] !== "function") {
      throw new TypeError(`Cannot optimize in ${name}: give tensors, or groups with params, got ${showItem(group)}`);
    }
    const params = [...tensorsOf(name, "optimize", group.params, { item: "parameter", least: 0 })];
    const known = new Set(this.paramGroups.flatMap((g) => g.params));
    for (const [i, p] of params.entries()) {
      const refuse = (rule: string, fault: string) =>
        new TypeError(`Cannot optimize in ${name}: ${rule}, parameter ${i} of shape ${showShape(p.shape)} is ${fault}`);
      if (!p.isLeaf) throw refuse("parameters must be leaves", `a result of ${p.node!.name}`);
      if (!isFloat(p.dtype)) throw refuse("parameters must be floats", p.dtype);
      if (known.has(p)) throw refuse("each may be in one place", "there twice");
      known.add(p);
    }
    const names = { ...namesOf(this.defaults), params: true, name: true, initialLr: true } as const;
    checkNames<object>(`make a group of ${name}`, group, names);
    const complete = { ...this.defaults, ...defined(group), params } as ParamGroup<O>;
    this.check(complete);
    this.paramGroups.push(complete);
  }

  /**
   * Updates every parameter that has a gradient.
   *
   * @returns `undefined`; with `closure`, what it returned
   */
  step(): undefined;
  /**
   * Computes the loss anew, then updates every parameter that has a gradient.
   *
   * @param closure Clears the gradients, computes the loss, calls backward and returns the loss
   */
  step<T>(closure: () => T): T;
  step(closure?: () => unknown): unknown {
    watching.by?.beforeReplay(this, () => this.refresh());
    watching.by?.depends(this, "hooks", () => [...this.#preHooks, this, ...this.#postHooks]);
    this.runPreHooks();
    const loss = closure && enableGrad(closure);
    noGrad(() => {
      for (const group of this.paramGroups) {
        const params = group.params.filter((p) => p.grad !== null);
        for (const p of params) this.#checkGradient(p, p.grad!);
        if (params.length > 0) this.stepGroup(group, params);
      }
    });
    this.runPostHooks();
    return loss;
  }

  /** Calls what is to be called before a step. */
  protected runPreHooks(): void {
    for (const hook of this.#preHooks) hook(this);
  }

  /** Calls what is to be called after a step. */
  protected runPostHooks(): void {
    for (const hook of this.#postHooks) hook(this);
  }

  /**
   * Has `hook` called before every {@link step}.
   *
   * @param hook The function
   * @returns A function that removes it
   */
  registerStepPreHook(hook: StepHook): () => void {
    return register(this.#preHooks, hook);
  }

  /**
   * Has `hook` called after every {@link step}.
   *
   * @param hook The function
   * @returns A function that removes it
   */
  registerStepPostHook(hook: StepHook): () => void {
    return register(this.#postHooks, hook);
  }

  /**
   * Brings options that have changed to the device. {@link step} does so itself; a program that replays a recorded step
   * calls it before each replay.
   */
  refresh(): void {}

  /**
   * Frees the gradients of all parameters.
   *
   * @param options `setToNull: false` makes them zeros instead, which optimizers with state do not skip
   */
  zeroGrad({ setToNull = true }: { setToNull?: boolean } = {}): void {
    for (const { params } of this.paramGroups) clearGradients(params, setToNull);
  }

  /**
   * What the optimizer remembers, to go on from later. Its tensors are the optimizer's own: read them, or write them to
   * a file, before the next step.
   */
  stateDict(): OptimizerState {
    const state: Record<number, Record<string, StateValue>> = {};
    let number = 0;
    const paramGroups = this.paramGroups.map(({ params, ...options }) => ({
      ...plain(options),
      params: params.map((p) => {
        const entry = this.stateOf(p);
        if (entry !== null) state[number] = entry;
        return number++;
      }),
    }));
    return { state, paramGroups };
  }

  /**
   * Goes on from what {@link stateDict} gave, in the same optimizer over the same parameters; values are copied.
   *
   * @param dict The state; tensors may be on the device or on the host
   * @throws {Error} If groups or parameters differ in number
   */
  loadStateDict(dict: OptimizerState): void {
    const name = this.constructor.name;
    checkState(name, dict, this.defaults);
    const counts = (groups: readonly { params: readonly unknown[] }[]) => groups.map((g) => g.params.length).join(", ");
    if (counts(dict.paramGroups) !== counts(this.paramGroups)) {
      throw new Error(
        `Cannot load the state of ${name}: groups must have as many parameters, the state has [${
          counts(dict.paramGroups)
        }], the optimizer [${counts(this.paramGroups)}]`,
      );
    }
    const states = new Map<Tensor, Readonly<Record<string, StateValue>>>();
    this.paramGroups.forEach((group, i) => {
      const { params: numbers, ...options } = dict.paramGroups[i];
      const next = { ...group, ...plain(options) };
      this.check(next);
      Object.assign(group, plain(options));
      group.params.forEach((p, k) => {
        const entry = dict.state[numbers[k]];
        if (entry !== undefined) states.set(p, entry);
      });
    });
    noGrad(() => this.loadStates(states));
  }

  /** Frees the state on the device. The optimizer can go on; it starts anew. */
  dispose(): void {
    this.loadStates(new Map());
  }

  /** Frees the state at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Throws unless a gradient, which anybody may have put there, fits its parameter. */
  #checkGradient(param: Tensor, grad: Tensor): void {
    const name = this.constructor.name;
    if (!(grad instanceof Tensor)) {
      throw new TypeError(`Cannot step ${name}: a gradient must be a tensor, got ${show(grad)}`);
    }
    if (!isFloat(grad.dtype) || !sameShape(grad.shape, param.shape)) {
      throw new ShapeError(
        "step",
        `Cannot step ${name}: a gradient must be floating-point and have its parameter's shape ${
          showShape(param.shape)
        }, got ${grad.dtype} ${showShape(grad.shape)}`,
        [param.shape, grad.shape],
      );
    }
    if (grad.disposed || param.disposed) {
      const what = param.disposed ? "parameter" : "gradient";
      throw new Error(`Cannot step ${name}: a ${what} of shape ${showShape(param.shape)} is disposed`);
    }
  }

  /** Throws a `RangeError` for options out of range. */
  protected abstract check(group: ParamGroup<O>): void;
  /** Updates parameters of a group; all have gradients. */
  protected abstract stepGroup(group: ParamGroup<O>, params: readonly Tensor[]): void;
  /** The state of a parameter, `null` before its first step. */
  protected abstract stateOf(param: Tensor): Record<string, StateValue> | null;
  /** Replaces all state: parameters that are not in `states` start anew. */
  protected abstract loadStates(states: ReadonlyMap<Tensor, Readonly<Record<string, StateValue>>>): void;

  /** Throws unless an option satisfies a rule. */
  protected require(holds: boolean, option: string, rule: string, value: unknown): void {
    if (!holds) throw new RangeError(`Cannot make ${this.constructor.name}: ${option} must be ${rule}, got ${value}`);
  }

  /** Throws unless options are ≥ 0. */
  protected requireNonNegative(group: ParamGroup<O>, ...options: (keyof O & string)[]): void {
    for (const option of options) {
      const value = group[option];
      this.require(typeof value === "number" && value >= 0, option, "at least 0", value);
    }
  }

  /** Throws unless decay rates are in [0, 1). */
  protected requireRates(rates: readonly number[], option: string): void {
    rates.forEach((rate, i) => this.require(rate >= 0 && rate < 1, `${option}[${i}]`, "from 0 to below 1", rate));
  }
}

/** Throws unless a state has the form of one: what is loaded may come from a file of a stranger. */
function checkState(name: string, dict: unknown, defaults: object): asserts dict is OptimizerState {
  const isRecord = (value: unknown): value is Record<string, unknown> =>
    value !== null && typeof value === "object" && !Array.isArray(value);
  const lengthOf = (value: unknown) => Array.isArray(value) ? value.length : -1;
  const fail = (rule: string, value: unknown): never => {
    throw new TypeError(`Cannot load the state of ${name}: ${rule}, got ${show(value)}`);
  };
  if (!isRecord(dict)) return fail("it must be an object with state and paramGroups", dict);
  if (!isRecord(dict.state)) return fail("state must be an object by number of the parameter", dict.state);
  if (!Array.isArray(dict.paramGroups)) return fail("paramGroups must be a list", dict.paramGroups);
  for (const group of dict.paramGroups) {
    if (!isRecord(group) || !Array.isArray(group.params)) return fail("a group must have a list params", group);
    // A group may lack what a later release added, or have what a scheduler did; both at once is another optimizer's.
    const preset = (option: string) => (defaults as Record<string, unknown>)[option];
    const own = Object.keys(defaults),
      lacks = own.filter((option) => group[option] === undefined && preset(option) !== null);
    const foreign = Object.keys(group).filter((option) => option !== "params" && !own.includes(option));
    if (lacks.length > 0 && foreign.length > 0) {
      throw new TypeError(
        `Cannot load the state of ${name}: it must be of such an optimizer, its groups have ${
          foreign.join(", ")
        } and ` +
          `lack ${lacks.join(", ")}`,
      );
    }
    for (const [option, preset] of Object.entries(defaults)) {
      const value = group[option];
      const same = typeof value === typeof preset && lengthOf(value) === lengthOf(preset);
      const numbers = !Array.isArray(value) || value.every((item) => typeof item === "number");
      if (value !== undefined && preset !== null && (!same || !numbers)) {
        fail(`${option} must be as ${show(preset)}`, value);
      }
    }
  }
  for (const [number, entry] of Object.entries(dict.state)) {
    if (!isRecord(entry)) return fail(`the state of parameter ${number} must be an object`, entry);
    for (const [key, value] of Object.entries(entry)) {
      if (typeof value === "number" || value instanceof Tensor || isHostTensor(value)) continue;
      fail(`${key} of parameter ${number} must be a tensor or a number`, value);
    }
  }
}

/**
 * What stands in a group's or parameter's place, for messages: of an object its names, for its values may be tensors.
 */
function showItem(item: unknown): string {
  const plain = typeof item === "object" && item !== null && !Array.isArray(item);
  return plain ? `an object with ${Object.keys(item).join(", ") || "nothing"}` : show(item);
}

/** The names of options, from their defaults. */
function namesOf(defaults: object): Record<string, true> {
  return Object.fromEntries(Object.keys(defaults).map((name) => [name, true]));
}

/** Those options that are given. */
function defined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** Copies of options that are safe to keep: arrays are copied too. */
function plain(options: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined).map(([key, value]) => [
      key,
      Array.isArray(value) ? [...value] : value,
    ]),
  );
}

function register(hooks: StepHook[], hook: StepHook): () => void {
  hooks.push(hook);
  return () => {
    const at = hooks.indexOf(hook);
    if (at >= 0) hooks.splice(at, 1);
  };
}
