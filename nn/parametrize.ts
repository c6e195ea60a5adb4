import { noGrad } from "../tensor/grad_mode.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { clearGradients } from "./_gradients.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/**
 * How a parameter is computed from others that are learned in its place: write `forward`, and `rightInverse`, which
 * says where they start.
 *
 * @example
 * ```ts
 * import { init, mul, ones, type Tensor, tensor } from "@fulgurite/core";
 * import { Buffer, Linear, Parametrization, registerParametrization } from "@fulgurite/core/nn";
 *
 * await init();
 * class Pruned extends Parametrization { // weights that stay 0
 *   mask = new Buffer(tensor([[1, 0, 1]], { dtype: "f32" }));
 *   forward(weight: Tensor): Tensor {
 *     return mul(weight, this.mask);
 *   }
 * }
 * const layer = registerParametrization(new Linear(3, 1, { bias: false }), "weight", new Pruned());
 * console.log(layer.forward(ones([1, 3])).shape); // [1, 1]
 * console.log([...layer.stateDict().keys()]); // ["parametrizations.weight.original", "parametrizations.weight.0.mask"]
 * ```
 */
export abstract class Parametrization extends Module<Tensor[], Tensor> {
  /**
   * What is learned, for a value that the parameter is to have.
   *
   * @param value The value
   * @returns One tensor or several; default: the value itself
   */
  rightInverse(value: Tensor): Tensor | readonly Tensor[] {
    return value;
  }
}

/** The parametrizations of one parameter, and what they start from; PyTorch's names. */
class ParametrizationList extends Module<[], Tensor> {
  readonly #originals: Parameter[];
  readonly #steps: Parametrization[];

  constructor(parameter: Parameter, first: Parametrization) {
    super();
    const start = noGrad(() => first.rightInverse(parameter));
    const values = Array.isArray(start) ? start as readonly Tensor[] : [start as Tensor];
    const { requiresGrad } = parameter;
    this.#originals = values.map((value) => value === parameter ? parameter : new Parameter(value, { requiresGrad }));
    this.#steps = [];
    this.#originals.forEach((original, i) =>
      this.registerParameter(values.length === 1 ? "original" : `original${i}`, original)
    );
    this.add(first);
    if (this.#originals.includes(parameter)) return;
    clearGradients([parameter], true);
    parameter.dispose();
  }

  add(step: Parametrization): void {
    this.registerModule(String(this.#steps.length), step);
    this.#steps.push(step);
    step.train(this.training);
  }

  forward(): Tensor {
    const [first, ...rest] = this.#steps;
    return rest.reduce((value, step) => step.forward(value), first.forward(...this.#current()));
  }

  /** The originals; `to` may have put others in their place. */
  #current(): Parameter[] {
    return this.#originals.map((_, i) =>
      this.registeredParameter(this.#originals.length === 1 ? "original" : `original${i}`)!
    );
  }
}

/** What `parametrizations` holds in a module: a list for each parameter. */
class Parametrizations extends Module<[], never> {
  readonly lists = new Map<string, ParametrizationList>();

  forward(): never {
    throw new TypeError("Cannot run parametrizations: run the module that has them");
  }
}

const known = new WeakMap<Module, Parametrizations>();

/**
 * Has a parameter of a module computed from others. The module's property then gives the computed value, anew each time
 * it is read. What is learned stands under PyTorch's names: `parametrizations.weight.original`, or `original0`,
 * `original1` and so on. Make the optimizer afterwards. A second parametrization of the same parameter works on what
 * the first one gives.
 *
 * @param module The module
 * @param name A property that holds a parameter, or the name of a registered one, such as an LSTM's `weight_hh_l0`
 * @param parametrization How it is computed
 * @returns The module
 * @throws {TypeError} If the module has no such parameter
 * @throws {ShapeError} If the computed value has another shape
 *
 * @example
 * ```ts
 * import { add, init, mT, triu, type Tensor } from "@fulgurite/core";
 * import { Linear, Parametrization, registerParametrization } from "@fulgurite/core/nn";
 *
 * await init();
 * class Symmetric extends Parametrization {
 *   forward(x: Tensor): Tensor {
 *     return add(triu(x), mT(triu(x, { diagonal: 1 })));
 *   }
 * }
 * const layer = registerParametrization(new Linear(2, 2), "weight", new Symmetric());
 * const [[, b], [c]] = await layer.weight.array() as number[][];
 * console.log(b === c); // true
 * ```
 */
export function registerParametrization<M extends Module>(
  module: M,
  name: string,
  parametrization: Parametrization,
): M {
  const lists = known.get(module)?.lists.get(name);
  const before = valueOf(module, name);
  if (before === null || (lists === undefined && !(before instanceof Parameter))) {
    throw new TypeError(
      `Cannot parametrize ${module.constructor.name}: it must have a property "${name}" that holds a parameter, or have ` +
        `registered one under that name`,
    );
  }
  const value = noGrad(() => {
    if (lists !== undefined) return parametrization.forward(before);
    const start = parametrization.rightInverse(before);
    return parametrization.forward(...(Array.isArray(start) ? start as readonly Tensor[] : [start as Tensor]));
  });
  if (!sameShape(value.shape, before.shape)) {
    throw new ShapeError(
      "registerParametrization",
      `Cannot parametrize ${module.constructor.name}: the shape of ${name} must stay, current shapes are ${
        showShape(before.shape)
      } and ${showShape(value.shape)}`,
      [before.shape, value.shape],
    );
  }
  if (lists !== undefined) {
    lists.add(parametrization);
    return module;
  }
  let all = known.get(module);
  if (all === undefined) {
    all = new Parametrizations();
    known.set(module, all);
    module.registerModule("parametrizations", all);
  }
  const list = new ParametrizationList(before as Parameter, parametrization);
  list.train(module.training);
  all.registerModule(name, list);
  all.lists.set(name, list);
  if (Object.hasOwn(module, name)) {
    Object.defineProperty(module, name, { configurable: true, enumerable: false, get: () => list.forward() });
  } else module.computeRegistered(name, () => list.forward());
  return module;
}

/** What a module has in an own property or registered under a name: a parameter, or what is computed in its place. */
export function valueOf(module: Module, name: string): Tensor | null {
  const value = Object.hasOwn(module, name)
    ? (module as unknown as Record<string, unknown>)[name]
    : module.registeredParameter(name);
  return value instanceof Tensor ? value : null;
}

/**
 * Whether a parameter of a module is computed from others.
 *
 * @param module The module
 * @param name The parameter; default: any
 * @returns The answer
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { isParametrized, Linear, weightNorm } from "@fulgurite/core/nn";
 *
 * await init();
 * console.log(isParametrized(weightNorm(new Linear(2, 2)), "weight")); // true
 * ```
 */
export function isParametrized(module: Module, name?: string): boolean {
  const lists = known.get(module)?.lists;
  return lists !== undefined && (name === undefined ? lists.size > 0 : lists.has(name));
}

/**
 * Makes a parameter an ordinary one again, with the value that it has now. Make the optimizer afterwards.
 *
 * @param module The module
 * @param name The parameter
 * @returns The module
 * @throws {TypeError} If the parameter is not computed from others
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { Linear, removeParametrizations, weightNorm } from "@fulgurite/core/nn";
 *
 * await init();
 * const layer = removeParametrizations(weightNorm(new Linear(2, 2)), "weight");
 * console.log([...layer.stateDict().keys()]); // ["weight", "bias"]
 * ```
 */
export function removeParametrizations<M extends Module>(module: M, name: string): M {
  const all = known.get(module), list = all?.lists.get(name);
  if (all === undefined || list === undefined) {
    throw new TypeError(`Cannot remove parametrizations of ${module.constructor.name}: "${name}" has none`);
  }
  const value = noGrad(() => list.forward());
  const requiresGrad = [...list.parameters()].some((p) => p.requiresGrad);
  const parameter = new Parameter(value, { requiresGrad });
  if (Object.hasOwn(module, name)) {
    Object.defineProperty(module, name, { configurable: true, enumerable: true, writable: true, value: parameter });
  } else module.restoreRegistered(name, parameter);
  all.lists.delete(name);
  all.unregister(name);
  if (all.lists.size === 0) {
    known.delete(module);
    module.unregister("parametrizations");
  }
  list.dispose();
  return module;
}
