import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { optimizerAdvance } from "../_wgsl.ts";

/**
 * How an optimizer changes an element: an entry of the table of optimizers. Everything that may differ from step to
 * step (learning rate, momentum, step count) is read from the device, so a recorded step can be replayed.
 *
 * @typeParam O Options of a parameter group
 */
export interface Rule<O> {
  /** Labels kernels. */
  readonly name: string;
  /** State tensors of a parameter, at most three, f32 in registers; PyTorch's names in camelCase. */
  readonly state: readonly string[];
  /** Value that a state tensor starts with; default 0. */
  readonly initial?: Readonly<Record<string, (options: O) => number>>;
  /** Numbers made of a group's options on the host, in f64. */
  readonly numbers: Readonly<Record<string, (options: O) => number>>;
  /**
   * Numbers derived from those once a step, on the device: WGSL expressions in `t` (steps counted, this one included),
   * the names in `numbers`, and earlier derived names. One that is called as {@link carry} keeps its value for the next
   * step.
   */
  readonly derived?: Readonly<Record<string, string>>;
  /**
   * The name of a derived number that the next step's expressions see as `carried`, and its value before the first
   * step.
   */
  readonly carry?: { readonly name: string; readonly initial: number };
  /**
   * WGSL statements for four elements: they change the vectors `p` (the parameter), `g` (its gradient) and those named
   * in `state`, and read the names in `numbers` and `derived`.
   */
  readonly update: string;
  /** Whether PyTorch's state has a `step`. */
  readonly counted: boolean;
}

/** Where a rule's options begin among the numbers. */
const OPTIONS = 4;

/** Words of the tensor that holds a step's numbers. */
export const NUMBERS = 32;

/** −ln β, so that βᵗ = exp(−t·decayOf(β)); finite also for β = 0. */
export function decayOf(beta: number): number {
  return -Math.log(Math.max(beta, 1e-30));
}

/** WGSL of the function that changes an element. */
export function ruleText<O>({ name, state, numbers, derived = {}, update }: Rule<O>): string {
  const names = [...Object.keys(numbers), ...Object.keys(derived)];
  if (state.length > 3 || OPTIONS + names.length > NUMBERS) {
    throw new RangeError(
      `Cannot make the rule ${name}: it may have 3 states and ${NUMBERS - OPTIONS} numbers, got ${state.length} and ` +
        names.length,
    );
  }
  return [
    "fn rule(gradient: vec4f, cell: Cell) -> Cell {",
    ...names.map((n, i) => `  let ${n} = numbers[${OPTIONS + i}u];`),
    "  var g = gradient;",
    "  var p = cell.p;",
    ...state.map((n, i) => `  var ${n} = cell.${"abc"[i]};`),
    update,
    `  return Cell(${["p", ...["a", "b", "c"].map((n, i) => state[i] ?? `cell.${n}`)].join(", ")});`,
    "}",
  ].join("\n");
}

/** Text of the functions that derive a rule's numbers, made once. */
const derivations = new WeakMap<Rule<never>, string>();

function deriveText<O>(rule: Rule<O>): string {
  let text = derivations.get(rule);
  if (text === undefined) derivations.set(rule, text = writeDerivation(rule));
  return text;
}

function writeDerivation<O>({ numbers, derived = {}, carry }: Rule<O>): string {
  const given = Object.keys(numbers), made = Object.entries(derived);
  return [
    "fn derive(t: f32) {",
    ...given.map((n, i) => `  let ${n} = numbers[${OPTIONS + i}u];`),
    ...(carry ? ["  let carried = numbers[3];"] : []),
    ...made.map(([n, expression]) => `  let ${n} = ${expression};`),
    ...made.map(([n], i) => `  numbers[${OPTIONS + given.length + i}u] = ${n};`),
    ...(carry ? [`  numbers[3] = ${carry.name};`] : []),
    "}",
  ].join("\n");
}

/** The numbers of a group's options, as the device takes them. */
export function optionNumbers<O>(rule: Rule<O>, options: O): Float32Array<ArrayBuffer> {
  return Float32Array.from(Object.values(rule.numbers), (number) => number(options));
}

/**
 * Records the start of a step for parameters that have made the same steps so far: counts it and derives its numbers.
 *
 * @param rule The rule
 * @param options The group's numbers, `optionNumbers` on the device
 * @param control Two numbers: whether the step is skipped (≠ 0), and the factor of the gradients
 * @param numbers What the parameters share: `NUMBERS` words, changed in place
 */
export function advance<O>(rule: Rule<O>, options: Tensor, control: Tensor, numbers: Tensor): void {
  numbers.storage.willChange();
  launch(optimizerAdvance, { options, control, numbers }, { options: Object.keys(rule.numbers).length }, [1, 1, 1], {
    functions: { derive: deriveText(rule) },
  });
}
