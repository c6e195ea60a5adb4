import { full } from "../kernels/elementwise/constants.ts";
import { strided } from "../kernels/elementwise/view.ts";
import { advance, NUMBERS, optionNumbers, type Rule } from "../kernels/optimizer/rule.ts";
import { update } from "../kernels/optimizer/update.ts";
import { tensor } from "../tensor/create.ts";
import { copyBytes } from "../tensor/in_place.ts";
import type { DType } from "../tensor/dtype.ts";
import { keep } from "../tensor/scope.ts";
import { gather, mostElements, slabOf } from "../tensor/slab.ts";
import { Tensor } from "../tensor/tensor.ts";
import { watching } from "../tensor/watcher.ts";
import { DeviceNumbers } from "./_numbers.ts";
import { copyOf, stateType } from "./_state.ts";
import { Optimizer, type OptimizerOptions, type ParamGroup, type StateValue } from "./optimizer.ts";

/**
 * Parameters of a group that have made the same steps: they share the step count and what is derived from it. All of a
 * group, as long as none is left without a gradient.
 */
interface Cohort {
  /** On the device: step count, and the numbers of the step. */
  readonly numbers: Tensor;
  /** How many parameters it has. */
  size: number;
  /** The step count (and what is carried) as tensors without axes, while the numbers are the same. */
  shown: { version: number; values: Tensor[] } | null;
}

/** What is kept for a parameter. */
interface ParamState {
  readonly rule: Rule<never>;
  readonly tensors: Record<string, Tensor>;
  cohort: Cohort;
}

/**
 * An optimizer whose step is a rule of the table in kernels/optimizer: kernels for many parameters at once, which read
 * parameter, gradient and state once and write parameter and state once. Rates, step counts and the like reach it
 * through the device.
 *
 * @typeParam O Options of a parameter group
 */
export abstract class RuleOptimizer<O extends OptimizerOptions> extends Optimizer<O> {
  readonly #states = new Map<Tensor, ParamState>();
  readonly #options = new Map<ParamGroup<O>, DeviceNumbers>();
  readonly #neutral = new DeviceNumbers();

  /** The rule for a group's present options. */
  protected abstract ruleOf(group: ParamGroup<O>): Rule<O>;

  /** Brings options that have changed to the device. */
  override refresh(): void {
    for (const group of this.paramGroups) this.#optionsOf(group, this.ruleOf(group));
  }

  /** Updates parameters of a group. */
  protected override stepGroup(group: ParamGroup<O>, params: readonly Tensor[]): void {
    const rule = this.ruleOf(group);
    watching.by?.depends(group, "rule", () => this.ruleOf(group));
    watching.by?.depends(group, "cohorts", () => params.map((p) => this.#states.get(p)?.cohort));
    const options = this.#optionsOf(group, rule);
    const control = this.control ?? this.#neutral.hold(Float32Array.of(0, 1));
    for (const [cohort, members] of this.#cohorts(group, rule, params)) {
      this.#gather(rule, members);
      advance(rule, options, control, cohort.numbers);
      const updated = members.map((p) => {
        const { tensors } = this.#states.get(p)!;
        return { param: p, grad: p.grad!, state: rule.state.map((name) => tensors[name]) };
      });
      update(rule, cohort.numbers, updated);
    }
  }

  /** The state of a parameter, `null` before its first step. */
  protected override stateOf(param: Tensor): Record<string, StateValue> | null {
    const state = this.#states.get(param);
    if (state === undefined) return null;
    const { rule, cohort, tensors } = state;
    if (!rule.counted) return { ...tensors };
    const { version } = cohort.numbers.storage;
    if (cohort.shown === null || cohort.shown.version !== version || cohort.shown.values.some((t) => t.disposed)) {
      cohort.shown = { version, values: [0, 3].map((offset) => scalarAt(cohort.numbers, offset)) };
    }
    const [step, carried] = cohort.shown.values;
    return { step, ...(rule.carry ? { [rule.carry.name]: carried } : {}), ...tensors };
  }

  /** Replaces all state. */
  protected override loadStates(states: ReadonlyMap<Tensor, Readonly<Record<string, StateValue>>>): void {
    const loaded = new Map<Tensor, ParamState>();
    for (const group of this.paramGroups) {
      const rule = this.ruleOf(group);
      const cohorts = new Map<string, Cohort>();
      for (const p of group.params) {
        const entry = states.get(p);
        if (entry === undefined || (rule.state.length > 0 && Object.keys(entry).length === 0)) continue;
        const need = (name: string): StateValue => {
          if (entry[name] === undefined || entry[name] === null) {
            throw new Error(`Cannot load the state of ${this.constructor.name}: a parameter's ${name} is missing`);
          }
          return entry[name];
        };
        const tensors = Object.fromEntries(
          rule.state.map((name) => [name, copyOf(need(name), p.shape, name, stateType(p))]),
        );
        // Parameters with equal counts go on together; counts on the device are equal when they are the same tensor.
        const counts = [rule.counted ? need("step") : 1, rule.carry ? need(rule.carry.name) : 0];
        const key = counts.map(keyOf).join();
        let cohort = cohorts.get(key);
        if (cohort === undefined) cohorts.set(key, cohort = newCohort(counts[0], counts[1]));
        cohort.size++;
        loaded.set(p, { rule, tensors, cohort });
      }
    }
    this.#free();
    for (const [p, state] of loaded) this.#states.set(p, state);
  }

  /** Frees the state on the device. The optimizer can go on; it starts anew. */
  override dispose(): void {
    this.#free();
    for (const held of this.#options.values()) held.dispose();
    this.#options.clear();
    this.#neutral.dispose();
  }

  #optionsOf(group: ParamGroup<O>, rule: Rule<O>): Tensor {
    let held = this.#options.get(group);
    if (held === undefined) this.#options.set(group, held = new DeviceNumbers());
    return held.hold(optionNumbers(rule, group));
  }

  /** The parameters by cohort, with state. A cohort of which only some make this step is split. */
  #cohorts(group: ParamGroup<O>, rule: Rule<O>, params: readonly Tensor[]): Map<Cohort, Tensor[]> {
    const cohorts = new Map<Cohort, Tensor[]>();
    const lacking: Tensor[] = [];
    let fresh: Cohort | null = null;
    for (const p of params) {
      let state = this.#states.get(p);
      const missing = rule.state.filter((name) => state?.tensors[name] === undefined);
      if (state === undefined || (missing.length > 0 && !rule.counted)) {
        fresh ??= newCohort(0, rule.carry?.initial ?? 0);
        if (state !== undefined) this.#leave(state.cohort);
        fresh.size++;
        this.#states.set(p, state = { rule, tensors: state?.tensors ?? {}, cohort: fresh });
      } else if (state.rule !== rule) this.#states.set(p, state = { ...state, rule });
      if (missing.length > 0) lacking.push(p);
      const members = cohorts.get(state.cohort);
      if (members === undefined) cohorts.set(state.cohort, [p]);
      else members.push(p);
    }
    for (const name of rule.state) {
      this.#begin(name, rule.initial?.[name]?.(group) ?? 0, lacking.filter((p) => !this.#states.get(p)!.tensors[name]));
    }
    const whole = new Map<Cohort, Tensor[]>();
    for (const [cohort, members] of cohorts) {
      if (members.length === cohort.size) whole.set(cohort, members);
      else {
        const part = newCohort(cohort.numbers, cohort.numbers);
        part.size = members.length;
        cohort.size -= members.length;
        for (const p of members) this.#states.get(p)!.cohort = part;
        whole.set(part, members);
      }
    }
    return whole;
  }

  /** Makes the first state of parameters, in common memory. */
  #begin(name: string, value: number, params: readonly Tensor[]): void {
    for (const [dtype, some] of byType(params, stateType)) {
      const { pool } = some[0].storage.device;
      const make = (numel: number) => keep(full([numel], value, { dtype }));
      const made = slabOf(some.map(({ shape }) => shape), make, name, mostElements(pool.maxBytes, dtype));
      some.forEach((p, i) => this.#states.get(p)!.tensors[name] = made[i]);
    }
  }

  /** Moves parameters and states into common memory, where a kernel finds them all; done once. */
  #gather(rule: Rule<O>, params: readonly Tensor[]): void {
    gatherAlone(params, `parameters of ${this.constructor.name}`);
    for (const name of rule.state) gatherAlone(params.map((p) => this.#states.get(p)!.tensors[name]), name);
  }

  #leave(cohort: Cohort): void {
    if (--cohort.size === 0) cohort.numbers.dispose();
  }

  #free(): void {
    for (const { tensors, cohort } of this.#states.values()) {
      for (const t of Object.values(tensors)) t.dispose();
      this.#leave(cohort);
    }
    this.#states.clear();
  }
}

/** Gathers what has memory of its own: in most steps nothing, which must cost nothing. */
function gatherAlone(tensors: readonly Tensor[], label: string): void {
  const alone = tensors.filter(({ storage }) => storage.place === null);
  if (alone.length < 2) return;
  for (const [, some] of byType(alone, ({ dtype }) => dtype)) gather(some, label);
}

/** Tensors by a type. (Browsers and Node have no `Map.groupBy` yet that one could count on.) */
function byType(tensors: readonly Tensor[], typeOf: (t: Tensor) => DType): Map<DType, Tensor[]> {
  const groups = new Map<DType, Tensor[]>();
  for (const t of tensors) {
    const dtype = typeOf(t), group = groups.get(dtype);
    if (group === undefined) groups.set(dtype, [t]);
    else group.push(t);
  }
  return groups;
}

/** Ids of tensors as keys. */
const ids = new WeakMap<Tensor, number>();
let nextId = 0;

function keyOf(value: StateValue): string {
  if (typeof value === "number") return String(value);
  if (!(value instanceof Tensor)) return String(value.data[0]);
  let id = ids.get(value);
  if (id === undefined) ids.set(value, id = nextId++);
  return `tensor ${id}`;
}

/** Numbers with a step count and a carried value: of the host, of tensors without axes, or both of another cohort. */
function newCohort(step: StateValue, carried: StateValue): Cohort {
  const host = (value: StateValue) =>
    typeof value === "number" ? value : value instanceof Tensor ? 0 : Number(value.data[0]);
  const start = new Float32Array(NUMBERS);
  start[0] = host(step);
  start[3] = host(carried);
  const numbers = keep(tensor(start));
  if (step instanceof Tensor) {
    if (step === carried) copyBytes(step.storage, 0, numbers.storage, 0, 4 * NUMBERS);
    else copyBytes(step.storage, 0, numbers.storage, 0, 4);
  }
  if (carried instanceof Tensor && carried !== step) copyBytes(carried.storage, 0, numbers.storage, 12, 4);
  return { numbers, size: 0, shown: null };
}

/**
 * A copy of one of the numbers, made at once: a captured step must not find it waiting, and make it in its own memory.
 */
function scalarAt(numbers: Tensor, offset: number): Tensor {
  const scalar = strided(numbers, { name: "step", shape: [], strides: [], offset, grad: (dy) => dy });
  void scalar.storage.buffer;
  return scalar;
}
