/** How the named inputs and attributes of a fixture become a call: what is positional, and what is in the options. */
import { Tensor } from "../../mod.ts";
import { findClass, findOp } from "./library.ts";

/** Named arguments. */
export type Arguments = Record<string, unknown>;

/** What a call gave. */
export interface Called {
  outputs: Tensor[];
  /**
   * The tensors that stand for inputs in the graph, where they are not the inputs themselves: parameters, which belong
   * to no scope and have to be disposed.
   */
  leaves?: Record<string, Tensor>;
}

const INPUT = ["input"];
const WITH_WEIGHT = ["input", "weight"];
const WITH_TARGET = ["input", "target"];

/**
 * Positional parameters, by op: required tensors, then required values. Everything else goes into the options.
 * For an op that is not here, all inputs are positional and all attributes are options.
 */
const POSITIONAL: Record<string, readonly string[]> = {
  linear: WITH_WEIGHT,
  conv1d: WITH_WEIGHT,
  conv2d: WITH_WEIGHT,
  conv3d: WITH_WEIGHT,
  convTranspose1d: WITH_WEIGHT,
  convTranspose2d: WITH_WEIGHT,
  convTranspose3d: WITH_WEIGHT,
  layerNorm: INPUT,
  rmsNorm: INPUT,
  groupNorm: INPUT,
  instanceNorm: INPUT,
  batchNorm: INPUT,
  crossEntropy: WITH_TARGET,
  nllLoss: WITH_TARGET,
  binaryCrossEntropy: WITH_TARGET,
  binaryCrossEntropyWithLogits: WITH_TARGET,
  scaledDotProductAttention: ["query", "key", "value"],
  embedding: WITH_WEIGHT,
  maskedFill: ["input", "mask", "value"],
  einsum: ["tensors", "equation"],
  split: ["input", "splitSize"],
  chunk: ["input", "chunks"],
  reshape: ["input", "shape"],
  permute: ["input", "dims"],
  transpose: ["input", "dim0", "dim1"],
  unsqueeze: ["input", "dim"],
  expand: ["input", "size"],
  repeat: ["input", "repeats"],
  flip: ["input", "dims"],
  roll: ["input", "shifts"],
  pad: ["input", "pad"],
  to: ["input", "dtype"],
  topk: ["input", "k"],
};

/** Ops whose outputs or arguments need more than the table says. */
const SPECIAL: Record<string, (inputs: Arguments, attrs: Arguments) => Promise<Called>> = {
  matmul({ input, other }, { transposeInput, transposeOther, ...attrs }) {
    const swapped = (x: unknown) => findOp("transpose")(x, -2, -1);
    return plain("matmul", {
      input: transposeInput ? swapped(input) : input,
      other: transposeOther ? swapped(other) : other,
    }, attrs);
  },
  async batchNorm(inputs, attrs) {
    const { outputs } = await plain("batchNorm", inputs, attrs);
    const statistics = [inputs.runningMean, inputs.runningVar].filter((t) => t instanceof Tensor);
    return { outputs: [...outputs, ...statistics] };
  },
  lstm: (inputs, attrs) => recurrent("LSTM", inputs, attrs),
  gru: (inputs, attrs) => recurrent("GRU", inputs, attrs),
  rnn: (inputs, attrs) => recurrent("RNN", inputs, attrs),
  lstmCell: (inputs, attrs) => cell("LSTMCell", inputs, attrs),
  gruCell: (inputs, attrs) => cell("GRUCell", inputs, attrs),
  rnnCell: (inputs, attrs) => cell("RNNCell", inputs, attrs),
  multiheadAttention,
};

/**
 * Calls an op with the named inputs and attributes of a fixture. Inputs `tensors.0`, `tensors.1`, … are one list.
 *
 * It is asynchronous for the ops whose result has a shape that depends on the data: they have to read it.
 */
export async function call(op: string, inputs: Arguments, attrs: Arguments): Promise<Called> {
  const grouped = groupLists(inputs);
  return await (Object.hasOwn(SPECIAL, op) ? SPECIAL[op](grouped, attrs) : plain(op, grouped, attrs));
}

/** Puts `name.0`, `name.1`, … into one list `name`. Parameters such as `out_proj.weight` keep their names. */
export function groupLists(inputs: Arguments): Arguments {
  const grouped: Arguments = {};
  for (const [name, value] of Object.entries(inputs)) {
    const match = /^(.+)\.\d+$/.exec(name);
    if (match === null) grouped[name] = value;
    else ((grouped[match[1]] ??= []) as unknown[]).push(value);
  }
  return grouped;
}

/** Splits named arguments into positional ones and options. */
function split(op: string, inputs: Arguments, attrs: Arguments): { args: unknown[]; options: Arguments } {
  const options: Arguments = { ...inputs, ...attrs };
  const positional = Object.hasOwn(POSITIONAL, op) ? POSITIONAL[op] : Object.keys(inputs);
  const args = positional.map((name) => options[name]);
  for (const name of positional) delete options[name];
  return { args, options };
}

async function plain(op: string, inputs: Arguments, attrs: Arguments): Promise<Called> {
  const fn = findOp(op);
  const { args, options } = split(op, inputs, attrs);
  if (Object.keys(options).length > 0) args.push(options);
  return { outputs: tensors(await fn(...args)) };
}

/** The tensors of a result: one, a list, or lists of lists; absent ones are left out. */
function tensors(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result];
  if (Array.isArray(result)) return result.flatMap(tensors);
  if (result === null || result === undefined) return [];
  throw new TypeError(`Cannot use the result of an op: it must be a tensor or a list of tensors, got ${typeof result}`);
}

/** What the runner needs of a module. */
interface ModuleLike {
  forward(...args: unknown[]): unknown;
  namedParameters(): Iterable<[string, Tensor]>;
  loadStateDict(state: Record<string, Tensor>): unknown;
  dispose(): void;
}

/** Loads the inputs that are parameters of a module and runs it on the others. */
async function throughModule(
  module: ModuleLike,
  inputs: Arguments,
  run: (module: ModuleLike, others: Arguments) => unknown,
): Promise<Called> {
  const leaves = Object.fromEntries(module.namedParameters());
  const own = Object.entries(inputs).filter(([name]) => name in leaves) as [string, Tensor][];
  const others = Object.fromEntries(Object.entries(inputs).filter(([name]) => !(name in leaves)));
  try {
    module.loadStateDict(Object.fromEntries(own));
    return { outputs: tensors(await run(module, others)), leaves };
  } catch (error) {
    module.dispose();
    throw error;
  }
}

function lastSize(x: unknown): number {
  return (x as Tensor).shape.at(-1) as number;
}

function recurrent(name: string, inputs: Arguments, attrs: Arguments): Promise<Called> {
  const { hiddenSize, ...options } = attrs;
  const module = new (findClass<ModuleLike>("nn", name))(lastSize(inputs.input), hiddenSize, options);
  return throughModule(module, inputs, (m, { input, h0, c0 }) => {
    if (h0 === undefined) return m.forward(input);
    return m.forward(input, name === "LSTM" ? [h0, c0] : h0);
  });
}

function cell(name: string, inputs: Arguments, attrs: Arguments): Promise<Called> {
  const hidden = lastSize(inputs.hx);
  const options = { ...attrs, bias: inputs.bias_ih !== undefined };
  const module = new (findClass<ModuleLike>("nn", name))(lastSize(inputs.input), hidden, options);
  return throughModule(module, inputs, (m, { input, hx, cx }) => m.forward(input, cx === undefined ? hx : [hx, cx]));
}

function multiheadAttention(inputs: Arguments, attrs: Arguments): Promise<Called> {
  const { embedDim, numHeads, kdim, vdim, ...rest } = attrs;
  const options: Arguments = { batchFirst: true, bias: inputs.in_proj_bias !== undefined };
  if (kdim !== undefined) options.kdim = kdim;
  if (vdim !== undefined) options.vdim = vdim;
  const module = new (findClass<ModuleLike>("nn", "MultiheadAttention"))(embedDim, numHeads, options);
  return throughModule(
    module,
    inputs,
    (m, { query, key, value, ...masks }) => m.forward(query, key, value, { ...masks, ...rest }),
  );
}
