import { add, mul } from "../kernels/elementwise/arithmetic.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { zeros } from "../kernels/elementwise/constants.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { strided } from "../kernels/elementwise/view.ts";
import { keep, scope } from "../tensor/scope.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { DeviceNumbers } from "./_numbers.ts";
import { copyOf } from "./_state.ts";
import { Optimizer, type OptimizerOptions, type ParamGroup, type StateValue } from "./optimizer.ts";

/** NamedTensors by name. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/** What a step makes of a parameter: its new value, and that of each tensor of its state. */
export interface ComposedChange {
  /** The parameter. */
  readonly param: Tensor;
  /** The tensors of its state that change. */
  readonly state: NamedTensors;
}

/**
 * An optimizer whose step is written in functions of tensors, for rules that look at norms of whole parameters. Rates
 * and step counts are read from the device, so that a recorded step can be repeated.
 */
export abstract class ComposedOptimizer<O extends OptimizerOptions> extends Optimizer<O> {
  readonly #states = new Map<Tensor, Record<string, Tensor>>();
  readonly #options = new Map<ParamGroup<O>, DeviceNumbers>();

  /** Shapes of the tensors that are kept for a parameter, besides `step`. */
  protected abstract stateShapes(param: Tensor, group: ParamGroup<O>): Readonly<Record<string, Shape>>;

  /** The options that a step reads as numbers, by name. */
  protected abstract numbersOf(group: ParamGroup<O>): Readonly<Record<string, number>>;

  /**
   * One step of a parameter.
   *
   * @param param Its value
   * @param grad Its gradient, f32
   * @param state What is kept, with `step`: the number of this step, without axes
   * @param numbers NamedTensors without axes
   */
  protected abstract change(
    param: Tensor,
    grad: Tensor,
    state: NamedTensors,
    numbers: NamedTensors,
    group: ParamGroup<O>,
  ): ComposedChange;

  /** Brings options that have changed to the device. */
  override refresh(): void {
    for (const group of this.paramGroups) this.#held(group);
  }

  /** Updates parameters of a group. */
  protected override stepGroup(group: ParamGroup<O>, params: readonly Tensor[]): void {
    scope(() => {
      const numbers = this.#held(group);
      for (const p of params) {
        let state = this.#states.get(p);
        if (state === undefined) {
          const shapes = { step: [], ...this.stateShapes(p, group) };
          state = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, keep(zeros(shape))]));
          this.#states.set(p, state);
        }
        const { control } = this;
        const gradient = to(p.grad!, "f32");
        const grad = control === null ? gradient : mul(gradient, scalar(control, 1));
        this.#put(state.step, add(state.step, 1));
        const changed = this.change(p, grad, state, numbers, group);
        // All is computed before anything is replaced.
        for (const [name, value] of Object.entries(changed.state)) this.#put(state[name], value);
        this.#put(p, changed.param);
      }
    });
  }

  /** Changes a tensor in place, unless the step is skipped. */
  #put(target: Tensor, value: Tensor): void {
    copyInto(target, this.control === null ? value : where(to(scalar(this.control, 0), "bool"), target, value));
  }

  /** The state of a parameter, `null` before its first step. */
  protected override stateOf(param: Tensor): Record<string, StateValue> | null {
    return this.#states.get(param) ?? null;
  }

  /** Replaces all state. */
  protected override loadStates(states: ReadonlyMap<Tensor, Readonly<Record<string, StateValue>>>): void {
    const loaded = new Map<Tensor, Record<string, Tensor>>();
    for (const group of this.paramGroups) {
      for (const p of group.params) {
        const entry = states.get(p);
        if (entry === undefined || Object.keys(entry).length === 0) continue;
        const shapes = { step: [], ...this.stateShapes(p, group) };
        loaded.set(
          p,
          Object.fromEntries(
            Object.entries(shapes).map(([name, shape]) => {
              if (entry[name] === undefined) {
                throw new Error(`Cannot load the state of ${this.constructor.name}: a parameter's ${name} is missing`);
              }
              return [name, copyOf(entry[name], shape, name)];
            }),
          ),
        );
      }
    }
    this.#free();
    for (const [p, state] of loaded) this.#states.set(p, state);
  }

  /** Frees the state on the device. The optimizer can go on; it starts anew. */
  override dispose(): void {
    super.dispose();
    this.#free();
    for (const held of this.#options.values()) held.dispose();
    this.#options.clear();
  }

  #free(): void {
    for (const state of this.#states.values()) for (const t of Object.values(state)) t.dispose();
    this.#states.clear();
  }

  #held(group: ParamGroup<O>): NamedTensors {
    let held = this.#options.get(group);
    if (held === undefined) this.#options.set(group, held = new DeviceNumbers());
    const numbers = Object.entries(this.numbersOf(group));
    const tensor = held.hold(Float32Array.from(numbers, ([, value]) => value));
    return Object.fromEntries(numbers.map(([name], i) => [name, scalar(tensor, i)]));
  }
}

/** One number of several, as a tensor without axes. */
function scalar(numbers: Tensor, offset: number): Tensor {
  return strided(numbers, { name: "number", shape: [], strides: [], offset, grad: (dy) => dy });
}
