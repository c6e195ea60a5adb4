import type { Module } from "../nn/mod.ts";
import { byteLength } from "../tensor/dtype.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { defaultGenerator } from "../tensor/mod.ts";
import { observing, type OpObserver } from "../tensor/observer.ts";
import type { Inputs, Op } from "../tensor/op.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { drawTable } from "./_table.ts";
import { mapTensors, toDevice } from "./transfer.ts";

/** What is known of one layer. */
export interface LayerSummary {
  /** Its name in the model. */
  readonly name: string;
  /** Its class. */
  readonly type: string;
  /** Its parameters, those of layers below included. */
  readonly parameters: number;
  /** Bytes of parameters and buffers. */
  readonly bytes: number;
  /** Whether it trains or evaluates. */
  readonly mode: "train" | "eval";
  /** Floating-point operations of one call, in products, convolutions and attention; `null` if it was not called. */
  readonly flops: number | null;
  /** Shapes of its inputs in its first call; empty if it was not called. */
  readonly inSizes: string;
  /** Shapes of its outputs. */
  readonly outSizes: string;
}

/** A model's layers and their sizes. */
export interface ModelSummaryTable {
  /** The layers. */
  readonly layers: readonly LayerSummary[];
  /** Parameters of the model itself, which belong to no layer, and their bytes. */
  readonly other: { readonly parameters: number; readonly bytes: number };
  /** Parameters that want gradients. */
  readonly trainableParameters: number;
  /** Parameters in all, each once. */
  readonly totalParameters: number;
  /** Bytes of parameters and buffers. */
  readonly totalBytes: number;
  /** Floating-point operations of one forward; `null` without an example. */
  readonly totalFlops: number | null;
  /** Modules in training, and in evaluation. */
  readonly modes: { readonly train: number; readonly eval: number };
}

/** What a layer did when the model was tried. */
interface Trace {
  flops: number;
  inSizes: string;
  outSizes: string;
}

/**
 * Counts a model's parameters, bytes and, with an example, shapes and floating-point operations: two for each
 * multiplication with its addition in products, convolutions and attention; what is done element by element is not
 * counted.
 *
 * @param module The model
 * @param options How deep layers are listed (1: those directly below; −1: all), and what `forward` is tried with:
 *   tensors, or a list of its arguments; default the model's `exampleInputArray`
 * @returns The table
 *
 * @example
 * ```ts
 * import { device, init, randn } from "@fulgurite/core";
 * import { Linear, ReLU, Sequential } from "@fulgurite/core/nn";
 * import { summarize } from "@fulgurite/core/trainer";
 *
 * await init();
 * const model = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 2));
 * const { totalParameters, totalFlops } = summarize(model, { example: randn([1, 4]) });
 * console.log(totalParameters, totalFlops); // 58 96
 * await device().sync();
 * ```
 */
export function summarize(
  module: Module,
  { maxDepth = 1, example = (module as { exampleInputArray?: unknown }).exampleInputArray ?? null }: {
    maxDepth?: number;
    example?: unknown;
  } = {},
): ModelSummaryTable {
  const traces = example === null ? new Map<Module, Trace>() : tryForward(module, example);
  const depth = (name: string) => name.split(".").length;
  const named = [...module.namedModules()].filter(([name]) => name !== "");
  const layers = named.filter(([name]) => maxDepth < 0 || depth(name) <= maxDepth).map(([name, part]): LayerSummary => {
    const trace = traces.get(part);
    return {
      name,
      type: part.constructor.name,
      parameters: count([...part.parameters()]),
      bytes: bytesOf(stateOf(part)),
      mode: part.training ? "train" : "eval",
      flops: trace?.flops ?? null,
      inSizes: trace?.inSizes ?? "",
      outSizes: trace?.outSizes ?? "",
    };
  });
  const parameters = [...module.parameters()], modules = named.map(([, part]) => part);
  const layered = new Set(modules.flatMap((part) => [...part.parameters()]));
  const other = parameters.filter((parameter) => !layered.has(parameter));
  return {
    layers,
    other: { parameters: count(other), bytes: bytesOf(other) },
    trainableParameters: count(parameters.filter(({ requiresGrad }) => requiresGrad)),
    totalParameters: count(parameters),
    totalBytes: bytesOf(stateOf(module)),
    totalFlops: traces.get(module)?.flops ?? null,
    modes: {
      train: modules.filter((part) => part.training).length,
      eval: modules.filter((part) => !part.training).length,
    },
  };
}

/** Runs the model once, and notes for every module what it gets, gives and computes. Random numbers are as before. */
function tryForward(module: Module, example: unknown): Map<Module, Trace> {
  const traces = new Map<Module, Trace>(), running: Trace[] = [];
  const undo: (() => void)[] = [];
  for (const part of module.modules()) {
    undo.push(
      part.registerForwardPreHook((_, inputs) => {
        const known = traces.get(part);
        const trace: Trace = known ?? { flops: 0, inSizes: sizesOf(inputs), outSizes: "" };
        traces.set(part, trace);
        running.push(trace);
      }),
      part.registerForwardHook((_, __, output) => {
        const trace = running.pop()!;
        trace.outSizes ||= sizesOf(output);
      }),
    );
  }
  const counter: OpObserver = {
    applied(op, inputs, [output], attrs) {
      const flops = flopsOf(op, inputs, output, attrs);
      // A module that is called within itself counts once.
      for (const trace of new Set(running)) trace.flops += flops;
    },
  };
  const { by } = observing, random = defaultGenerator.state;
  try {
    observing.by = counter;
    const inputs = toDevice(example);
    const forward = module.forward as (...inputs: unknown[]) => unknown;
    scope(() => noGrad(() => void forward.apply(module, Array.isArray(inputs) ? inputs : [inputs])));
  } finally {
    observing.by = by;
    defaultGenerator.state = random;
    for (const remove of undo) remove();
  }
  return traces;
}

/** Two for each multiplication with its addition. */
function flopsOf({ name }: Op<never, unknown>, inputs: Inputs, output: Tensor, attrs: unknown): number {
  const [x, w] = inputs;
  if (x === null || w === null || w === undefined || x === undefined) return 0;
  if (name === "linear") return 2 * output.numel * x.shape[x.ndim - 1];
  if (name === "matmul") {
    // Either may be transposed: the inner size is what is left of the first operand's matrix beside the rows.
    const rows = output.shape[output.ndim - 2] ?? 1;
    const matrix = (x.shape[x.ndim - 2] ?? 1) * x.shape[x.ndim - 1];
    return 2 * output.numel * Math.max(1, matrix / rows);
  }
  if (name === "conv") {
    const moved = (attrs as { backwards?: boolean }).backwards ? x : output;
    return 2 * moved.numel * w.numel / w.shape[0];
  }
  // Scores and their product with the values, in each as many as queries times keys times width.
  if (name === "attention") return 4 * x.numel * w.shape[w.ndim - 2];
  return 0;
}

function sizesOf(values: unknown): string {
  const shapes: string[] = [];
  mapTensors(values, (t: Tensor) => {
    shapes.push(`[${t.shape.join(", ")}]`);
    return t;
  });
  return shapes.length === 0 ? "?" : shapes.join(" ");
}

function count(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { numel }) => sum + numel, 0);
}

function stateOf(module: Module): Tensor[] {
  return [...module.parameters(), ...module.buffers()];
}

function bytesOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, t) => sum + byteLength(t.dtype, t.numel), 0);
}

const UNITS = ["", " K", " M", " B", " T"];

function shortCount(value: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  return power === 0 ? String(value) : `${(value / 1000 ** power).toFixed(1)}${UNITS[power]}`;
}

function shortBytes(bytes: number): string {
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${["B", "KiB", "MiB", "GiB"][power]}`;
}

/**
 * A summary as a table for people.
 *
 * @param summary What {@link summarize} gave
 */
export function showSummary(summary: ModelSummaryTable): string {
  const { layers, other, trainableParameters, totalParameters, totalBytes, totalFlops, modes } = summary;
  const shaped = totalFlops !== null;
  const header = ["", "Name", "Type", "Params", "Bytes", "Mode", ...shaped ? ["FLOPs", "In sizes", "Out sizes"] : []];
  const rows = layers.map((layer, i) => [
    String(i),
    layer.name,
    layer.type,
    shortCount(layer.parameters),
    shortBytes(layer.bytes),
    layer.mode,
    ...shaped ? [layer.flops === null ? "?" : shortCount(layer.flops), layer.inSizes, layer.outSizes] : [],
  ]);
  if (other.parameters > 0) {
    const cells = ["", "other params", "n/a", shortCount(other.parameters), shortBytes(other.bytes)];
    rows.push([...cells, ...header.slice(cells.length).map(() => "n/a")]);
  }
  const table = drawTable(header, rows);
  const totals = [
    [shortCount(trainableParameters), "Trainable params"],
    [shortCount(totalParameters - trainableParameters), "Non-trainable params"],
    [shortCount(totalParameters), "Total params"],
    [shortBytes(totalBytes), "Parameters and buffers"],
    [String(modes.train), "Modules in train mode"],
    [String(modes.eval), "Modules in eval mode"],
    ...shaped ? [[shortCount(totalFlops), "FLOPs of a forward"]] : [],
  ];
  return [
    ...table,
    table[1],
    ...totals.map(([value, what]) => `${value.padEnd(10)}${what}`),
  ].join("\n");
}
