import type { DType } from "../../tensor/dtype.ts";
import { isHalf } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { optimizerAdvance, optimizerUpdate } from "../_wgsl.ts";

/**
 * How an optimizer changes an element: an entry of the table of optimizers. Everything that may differ from step to step
 * (learning rate, momentum, step count) is read from the device, so a recorded step can be replayed.
 *
 * @typeParam O Options of a parameter group
 */
export interface Rule<O> {
  /** Labels kernels. */
  readonly name: string;
  /** State tensors of a parameter, at most three, in f32; PyTorch's names in camelCase. */
  readonly state: readonly string[];
  /** Value that a state tensor starts with; default 0. */
  readonly initial?: Readonly<Record<string, (options: O) => number>>;
  /** Numbers made of a group's options on the host, in f64. */
  readonly numbers: Readonly<Record<string, (options: O) => number>>;
  /**
   * Numbers derived from those once a step, on the device: WGSL expressions in `t` (steps counted, this one included), the
   * names in `numbers`, and earlier derived names. One that is called as {@link carry} keeps its value for the next step.
   */
  readonly derived?: Readonly<Record<string, string>>;
  /** The name of a derived number that the next step's expressions see as `carried`, and its value before the first step. */
  readonly carry?: { readonly name: string; readonly initial: number };
  /**
   * WGSL statements for four elements: they change the vectors `p` (the parameter), `g` (its gradient) and those named in
   * `state`, and read the names in `numbers` and `derived`.
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

/** Text of a rule's functions, made once. */
const functions = new WeakMap<Rule<never>, { rule: string; derive: string }>();

function functionsOf<O>(rule: Rule<O>): { rule: string; derive: string } {
  let text = functions.get(rule);
  if (text === undefined) functions.set(rule, text = { rule: ruleText(rule), derive: deriveText(rule) });
  return text;
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

function deriveText<O>({ numbers, derived = {}, carry }: Rule<O>): string {
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
    functions: { derive: functionsOf(rule).derive },
  });
}

/**
 * Records the step of one parameter; parameter and states change in place.
 *
 * @param rule The rule
 * @param numbers The step's numbers, from {@link advance}
 * @param param The parameter
 * @param grad Its gradient, of the same size
 * @param state Its state tensors in the rule's order, f32
 * @param spare As many small tensors as states are missing to three, for bindings that stay untouched
 */
export function update<O>(
  rule: Rule<O>,
  numbers: Tensor,
  param: Tensor,
  grad: Tensor,
  state: readonly Tensor[],
  spare: readonly Tensor[],
): void {
  if (param.numel === 0) return;
  const [a, b, c] = [...state, ...spare];
  for (const t of [param, ...state]) t.storage.willChange();
  const quads = Math.ceil(param.numel / 4);
  const aliases: Record<string, string> = {};
  const replaced: Record<string, string> = { rule: functionsOf(rule).rule };
  if (isHalf(param.dtype)) {
    aliases.ParamQuad = "vec2u";
    replaced.load_param = loader("load_param", "ParamQuad", param.dtype);
    replaced.store_param =
      `fn store_param(x: vec4f) -> ParamQuad {\n  return vec2u(pack_${param.dtype}(x.xy), pack_${param.dtype}(x.zw));\n}`;
  }
  if (isHalf(grad.dtype)) {
    aliases.GradQuad = "vec2u";
    replaced.load_grad = loader("load_grad", "GradQuad", grad.dtype);
  }
  launch(
    optimizerUpdate,
    { numbers, grad, param, state_a: a, state_b: b, state_c: c },
    { quads },
    Math.ceil(quads / 64),
    { overrides: { states: state.length }, aliases, functions: replaced },
  );
}

function loader(name: string, quad: string, dtype: DType): string {
  return `fn ${name}(q: ${quad}) -> vec4f {\n  return vec4f(unpack_${dtype}(q.x), unpack_${dtype}(q.y));\n}`;
}
