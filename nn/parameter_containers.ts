import { Module, type Slot } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { show } from "../device/option_names.ts";
import { Tensor } from "../tensor/tensor.ts";

function requireParameter(container: string, value: unknown, place = ""): void {
  if (value instanceof Parameter) return;
  const got = value instanceof Tensor ? "a tensor that is none" : show(value);
  throw new TypeError(
    `Cannot add to a ${container}: it holds parameters, make one with new Parameter(…), got ${got}${place}`,
  );
}

/**
 * A list of parameters. A plain array of them as a property serves as well.
 *
 * @example
 * ```ts
 * import { init, ones } from "@fulgurite/core";
 * import { Parameter, ParameterList } from "@fulgurite/core/nn";
 *
 * await init();
 * const scales = new ParameterList([1, 2, 3].map((n) => new Parameter(ones([n]))));
 * console.log(scales.length, [...scales.stateDict().keys()]); // 3 ["0", "1", "2"]
 * ```
 */
export class ParameterList extends Module<never[], never> {
  readonly #parameters: Parameter[] = [];

  /**
   * Puts parameters together.
   *
   * @param parameters The parameters
   * @throws {TypeError} If one is none
   */
  constructor(parameters: Iterable<Parameter> = []) {
    super();
    this.extend(parameters);
  }

  /** Number of parameters. */
  get length(): number {
    return this.#parameters.length;
  }

  /** The parameter at a place; negative places count from the end. */
  at(index: number): Parameter | undefined {
    return this.#parameters.at(index);
  }

  /** Adds a parameter at the end. */
  append(parameter: Parameter): this {
    requireParameter("ParameterList", parameter);
    this.#parameters.push(parameter);
    return this;
  }

  /** Adds parameters at the end. */
  extend(parameters: Iterable<Parameter>): this {
    if (typeof (parameters as Partial<typeof parameters> | null)?.[Symbol.iterator] !== "function") {
      throw new TypeError(`Cannot add to a ParameterList: it takes a list of parameters, got ${show(parameters)}`);
    }
    const added = [...parameters];
    added.forEach((parameter, i) => requireParameter("ParameterList", parameter, ` at place ${i}`));
    this.#parameters.push(...added);
    return this;
  }

  /** The parameters in order. */
  [Symbol.iterator](): IterableIterator<Parameter> {
    return this.#parameters.values();
  }

  /** A list computes nothing: it throws. */
  forward(): never {
    throw new Error("Cannot call forward of a ParameterList: compute with its parameters");
  }

  /** Where parameters are, besides the own properties. */
  protected override *slots(): Generator<Slot> {
    yield* super.slots();
    for (const [i, value] of this.#parameters.entries()) {
      yield { name: String(i), value, replace: (next: Tensor) => void (this.#parameters[i] = next as Parameter) };
    }
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return this.#parameters.map(({ dtype, shape }) => `${dtype} [${shape.join(", ")}]`).join(", ");
  }
}

/**
 * Parameters by name. Names must not have dots.
 *
 * @example
 * ```ts
 * import { init, ones, zeros } from "@fulgurite/core";
 * import { Parameter, ParameterDict } from "@fulgurite/core/nn";
 *
 * await init();
 * const affine = new ParameterDict({ scale: new Parameter(ones([2])), shift: new Parameter(zeros([2])) });
 * console.log(affine.get("shift")!.shape, [...affine.stateDict().keys()]); // [2] ["scale", "shift"]
 * ```
 */
export class ParameterDict extends Module<never[], never> {
  readonly #parameters = new Map<string, Parameter>();

  /**
   * Puts parameters together.
   *
   * @param parameters The parameters by name
   * @throws {TypeError} If a name is empty or has a dot, or a value is no parameter
   */
  constructor(parameters: Readonly<Record<string, Parameter>> | ReadonlyMap<string, Parameter> = {}) {
    super();
    const entries = parameters instanceof Map ? parameters : Object.entries(parameters as Record<string, Parameter>);
    for (const [name, parameter] of entries as Iterable<[string, Parameter]>) this.set(name, parameter);
  }

  /** Number of parameters. */
  get size(): number {
    return this.#parameters.size;
  }

  /** The parameter of a name. */
  get(name: string): Parameter | undefined {
    return this.#parameters.get(name);
  }

  /** Adds or replaces a parameter; who replaces one frees it. */
  set(name: string, parameter: Parameter): this {
    if (name === "" || name.includes(".")) {
      throw new TypeError(`Cannot add to a ParameterDict: a name must not be empty or have a dot, got "${name}"`);
    }
    requireParameter("ParameterDict", parameter);
    this.#parameters.set(name, parameter);
    return this;
  }

  /** Whether there is a parameter of a name. */
  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  /** Names, in order. */
  keys(): IterableIterator<string> {
    return this.#parameters.keys();
  }

  /** Parameters, in order. */
  values(): IterableIterator<Parameter> {
    return this.#parameters.values();
  }

  /** Names and parameters, in order. */
  [Symbol.iterator](): IterableIterator<[string, Parameter]> {
    return this.#parameters.entries();
  }

  /** A collection computes nothing: it throws. */
  forward(): never {
    throw new Error("Cannot call forward of a ParameterDict: compute with its parameters");
  }

  /** Where parameters are, besides the own properties. */
  protected override *slots(): Generator<Slot> {
    yield* super.slots();
    for (const [name, value] of this.#parameters) {
      yield { name, value, replace: (next: Tensor) => void this.#parameters.set(name, next as Parameter) };
    }
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return [...this].map(([name, { dtype, shape }]) => `${name}: ${dtype} [${shape.join(", ")}]`).join(", ");
  }
}
