import { checkNames } from "../device/option_names.ts";
import { cat, stack } from "../kernels/cat/cat.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { select } from "../kernels/layout/slice.ts";
import { dropout as drop } from "../kernels/random/dropout.ts";
import type { CellKind } from "../kernels/recurrent/_cells.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { lengthsOf, requireFeatures, startOf, type Walk, walk, type Weights } from "./_recurrent.ts";
import { checkSizes } from "./_sizes.ts";
import { uniform } from "./init.ts";
import { Module } from "./module.ts";
import { emptyParameter } from "./parameter.ts";

/** Options of {@link GRU}, and those that all recurrent layers have. */
export interface RecurrentModuleOptions {
  /** Layers on top of each other; default 1. */
  numLayers?: number;
  /** Whether biases are added; default true. */
  bias?: boolean;
  /** Whether input and output are [batch, time, features]; default false, [time, batch, features]. */
  batchFirst?: boolean;
  /** Share of each layer's output, but the last one's, that is dropped in training; default 0. */
  dropout?: number;
  /** Whether a second walk goes from the end to the start; its states are appended to the features. Default false. */
  bidirectional?: boolean;
}

/** Options of {@link RNN}. */
export interface RNNModuleOptions extends RecurrentModuleOptions {
  /** What a state goes through; default `"tanh"`. */
  nonlinearity?: "tanh" | "relu";
}

/** Options of {@link LSTM}. */
export interface LSTMModuleOptions extends RecurrentModuleOptions {
  /** Features that states are projected to; default 0, none (Sak and others, 2014). */
  projSize?: number;
}

/** Options of a recurrent layer's `forward`. */
export interface RecurrentCallOptions {
  /**
   * How many times each row has, [batch]: states stop there, outputs behind are 0, and the walk backwards starts there.
   * It takes the place of PyTorch's packed sequences; rows need no order.
   */
  lengths?: readonly number[] | Tensor;
}

const OPTION_NAMES = { numLayers: true, bias: true, batchFirst: true, dropout: true, bidirectional: true } as const;

/** What recurrent layers have in common: parameters by PyTorch's names, and the walk through layers and directions. */
export abstract class RecurrentLayer<Inputs extends readonly unknown[], Output> extends Module<Inputs, Output> {
  /** Features of the input. */
  readonly inputSize: number;
  /** Features of a state. */
  readonly hiddenSize: number;
  /** Layers on top of each other. */
  readonly numLayers: number;
  /** Whether input and output are [batch, time, features]. */
  readonly batchFirst: boolean;
  /** Share of each layer's output, but the last one's, that is dropped in training. */
  readonly dropout: number;
  /** Whether there are two directions. */
  readonly bidirectional: boolean;
  /** Features that states are projected to, or 0. */
  readonly projSize: number;
  readonly #kind: CellKind;
  readonly #bias: boolean;

  /** Called by the layers. */
  protected constructor(
    kind: CellKind,
    gates: number,
    inputSize: number,
    hiddenSize: number,
    options: LSTMModuleOptions,
  ) {
    super();
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false, projSize = 0 } =
      options;
    const { name } = this.constructor;
    checkSizes(name, { inputSize, hiddenSize, numLayers });
    checkSizes(name, { projSize }, 0);
    if (!(dropout >= 0 && dropout <= 1)) {
      throw new RangeError(`Cannot make ${name}: dropout must be from 0 to 1, got ${dropout}`);
    }
    if (projSize >= hiddenSize) {
      throw new RangeError(`Cannot make ${name}: projSize must be below hiddenSize ${hiddenSize}, got ${projSize}`);
    }
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
    this.projSize = projSize;
    this.#kind = kind;
    this.#bias = bias;
    const directions = bidirectional ? 2 : 1, features = projSize || hiddenSize, width = gates * hiddenSize;
    for (const { layer, suffix } of this.#walks()) {
      const inputs = layer === 0 ? inputSize : features * directions;
      this.registerParameter(`weight_ih_${suffix}`, emptyParameter([width, inputs]));
      this.registerParameter(`weight_hh_${suffix}`, emptyParameter([width, features]));
      if (bias) {
        this.registerParameter(`bias_ih_${suffix}`, emptyParameter([width]));
        this.registerParameter(`bias_hh_${suffix}`, emptyParameter([width]));
      }
      if (projSize > 0) this.registerParameter(`weight_hr_${suffix}`, emptyParameter([projSize, hiddenSize]));
    }
    this.resetParameters();
  }

  /** Draws new start values, uniform in ±1/√hiddenSize. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) uniform(parameter, { a: -bound, b: bound });
  }

  /** Layers and directions in PyTorch's order, with what their parameters' names end in. */
  *#walks(): Generator<{ layer: number; reversed: boolean; suffix: string }> {
    for (let layer = 0; layer < this.numLayers; layer++) {
      yield { layer, reversed: false, suffix: `l${layer}` };
      if (this.bidirectional) yield { layer, reversed: true, suffix: `l${layer}_reverse` };
    }
  }

  #weights(suffix: string): Weights {
    const named = (name: string) => this.registeredParameter(`${name}_${suffix}`);
    return {
      weightIh: named("weight_ih")!,
      weightHh: named("weight_hh")!,
      biasIh: named("bias_ih"),
      biasHh: named("bias_hh"),
      weightHr: named("weight_hr"),
    };
  }

  /**
   * Walks through all layers.
   *
   * @param input [time, batch, inputSize], with `batchFirst` [batch, time, inputSize], or [time, inputSize]
   * @param h0 First states, [layers · directions, batch, features]; default zeros
   * @param c0 An LSTM's first cells; `null` where there are none
   * @param options Lengths of the rows
   * @returns The last layer's states, the last states of all layers, and their cells
   */
  protected run(
    input: Tensor,
    h0: Tensor | null | undefined,
    c0: Tensor | null | undefined,
    options: RecurrentCallOptions,
  ): { y: Tensor; h: Tensor; c: Tensor | null } {
    const { name } = this.constructor;
    checkNames(`run ${name}`, options, { lengths: true });
    requireFeatures(name, input, this.inputSize, [2, 3]);
    const batched = input.ndim === 3;
    const axis = batched && this.batchFirst ? 1 : 0;
    let x = batched ? input : reshape(input, [input.shape[0], 1, this.inputSize]);
    const time = x.shape[axis], batch = x.shape[1 - axis];
    if (time === 0) {
      throw new ShapeError(
        name,
        `Cannot walk through a sequence in ${name}: there must be at least one time, the input's shape is ${
          showShape(input.shape)
        }`,
        [input.shape],
      );
    }
    const walks = [...this.#walks()];
    const features = this.projSize || this.hiddenSize;
    const start = (what: string, given: Tensor | null | undefined, size: number) => {
      const shape: Shape = batched ? [walks.length, batch, size] : [walks.length, size];
      return reshape(startOf(name, what, given, shape, input), [walks.length, batch, size]);
    };
    const states = start("h0", h0, features);
    const cells = this.#kind === "lstm" ? start("c0", c0, this.hiddenSize) : null;
    const lengths = options.lengths === undefined ? null : lengthsOf(name, options.lengths, batch, time, axis);
    const last: { h: Tensor; c: Tensor | null }[] = [];
    let outputs: Tensor[] = [];
    walks.forEach(({ layer, reversed, suffix }, i) => {
      if (layer > 0 && !reversed) {
        x = drop(joined(outputs), { p: this.dropout, training: this.training });
        outputs = [];
      }
      const at = { dim: 0, index: i };
      const how: Walk = { kind: this.#kind, reversed, axis, lengths };
      const { y, h, c } = walk(x, select(states, at), cells && select(cells, at), this.#weights(suffix), how);
      outputs.push(y);
      last.push({ h, c });
    });
    const y = joined(outputs);
    const whole = (t: Tensor) => batched ? t : reshape(t, [t.shape[0], t.shape[2]]);
    return {
      y: batched ? y : reshape(y, [time, y.shape[2]]),
      h: whole(stack(last.map(({ h }) => h))),
      c: cells && whole(stack(last.map(({ c }) => c!))),
    };
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    const { inputSize, hiddenSize, numLayers, batchFirst, dropout, bidirectional, projSize } = this;
    const others = Object.entries({ numLayers, bias: this.#bias, batchFirst, dropout, bidirectional, projSize });
    const usual: Record<string, unknown> = { ...DEFAULTS };
    const shown = others.filter(([key, value]) => value !== usual[key]).map(([key, value]) => `, ${key}=${value}`);
    return `${inputSize}, ${hiddenSize}${shown.join("")}`;
  }
}

const DEFAULTS = { numLayers: 1, bias: true, batchFirst: false, dropout: 0, bidirectional: false, projSize: 0 };

/** The directions' states side by side. */
function joined(outputs: readonly Tensor[]): Tensor {
  return outputs.length === 1 ? outputs[0] : cat(outputs, { dim: -1 });
}

/**
 * Long short-term memory (Hochreiter and Schmidhuber, 1997): with the gates i, f, g, o of W_ih·x + b_ih + W_hh·h +
 * b_hh, c' = σ(f)·c + σ(i)·tanh(g) and h' = σ(o)·tanh(c').
 *
 * Parameters carry PyTorch's names (`weight_ih_l0`, `weight_hh_l0_reverse`, …) and start uniform in ±1/√hiddenSize. The
 * input's products of all times are one, and each time is one kernel.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { LSTM } from "@fulgurite/core/nn";
 *
 * await init();
 * const lstm = new LSTM(10, 20, { numLayers: 2, batchFirst: true, bidirectional: true });
 * const [y, [h, c]] = lstm.forward(randn([3, 7, 10]), null, { lengths: [7, 2, 5] });
 * console.log(y.shape, h.shape, c.shape); // [3, 7, 40] [4, 3, 20] [4, 3, 20]
 * ```
 */
export class LSTM extends RecurrentLayer<
  [input: Tensor, state?: readonly [h0: Tensor, c0: Tensor] | null, options?: RecurrentCallOptions],
  [output: Tensor, state: [hN: Tensor, cN: Tensor]]
> {
  /**
   * Makes the layer.
   *
   * @param inputSize Features of the input
   * @param hiddenSize Features of a state
   * @param options Layers, directions, layout, dropout, projection
   * @throws {RangeError} If a size or share is out of range
   */
  constructor(inputSize: number, hiddenSize: number, options: LSTMModuleOptions = {}) {
    checkNames("make LSTM", options, { ...OPTION_NAMES, projSize: true });
    super("lstm", 4, inputSize, hiddenSize, options);
  }

  /**
   * Runs the layer.
   *
   * @param input [time, batch, inputSize], with `batchFirst` [batch, time, inputSize], or [time, inputSize]
   * @param state First states [layers · directions, batch, projSize or hiddenSize] and cells [layers · directions,
   *   batch, hiddenSize]; default zeros
   * @param options Lengths of the rows
   * @returns The last layer's states [time, batch, features · directions], and the last state and cell of each layer
   * @throws {ShapeError} If a shape does not fit
   */
  forward(
    input: Tensor,
    state: readonly [h0: Tensor, c0: Tensor] | null = null,
    options: RecurrentCallOptions = {},
  ): [output: Tensor, state: [hN: Tensor, cN: Tensor]] {
    if (state !== null && !Array.isArray(state)) {
      throw new TypeError("Cannot run LSTM: state must be a pair [h0, c0], got one value");
    }
    const { y, h, c } = this.run(input, state?.[0], state?.[1], options);
    return [y, [h, c!]];
  }
}

/** What {@link GRU} and {@link RNN} have in common: one state. */
export abstract class OneStateLayer extends RecurrentLayer<
  [input: Tensor, h0?: Tensor | null, options?: RecurrentCallOptions],
  [output: Tensor, hN: Tensor]
> {
  /**
   * Runs the layer.
   *
   * @param input [time, batch, inputSize], with `batchFirst` [batch, time, inputSize], or [time, inputSize]
   * @param h0 First states, [layers · directions, batch, hiddenSize]; default zeros
   * @param options Lengths of the rows
   * @returns The last layer's states [time, batch, hiddenSize · directions], and the last state of each layer
   * @throws {ShapeError} If a shape does not fit
   */
  forward(
    input: Tensor,
    h0: Tensor | null = null,
    options: RecurrentCallOptions = {},
  ): [output: Tensor, hN: Tensor] {
    const { y, h } = this.run(input, h0, null, options);
    return [y, h];
  }
}

/**
 * Gated recurrent units (Cho and others, 2014): with the gates r, z, n of W_ih·x + b_ih and W_hh·h + b_hh,
 * n = tanh(n_x + σ(r)·n_h) and h' = (1 − σ(z))·n + σ(z)·h.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { GRU } from "@fulgurite/core/nn";
 *
 * await init();
 * const [y, h] = new GRU(10, 20).forward(randn([7, 3, 10]));
 * console.log(y.shape, h.shape); // [7, 3, 20] [1, 3, 20]
 * ```
 */
export class GRU extends OneStateLayer {
  /**
   * Makes the layer.
   *
   * @param inputSize Features of the input
   * @param hiddenSize Features of a state
   * @param options Layers, directions, layout, dropout
   * @throws {RangeError} If a size or share is out of range
   */
  constructor(inputSize: number, hiddenSize: number, options: RecurrentModuleOptions = {}) {
    checkNames("make GRU", options, OPTION_NAMES);
    super("gru", 3, inputSize, hiddenSize, options);
  }
}

/**
 * A plain recurrent layer (Elman, "Finding structure in time", 1990): h' = tanh(W_ih·x + b_ih + W_hh·h + b_hh), or with
 * ReLU.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { RNN } from "@fulgurite/core/nn";
 *
 * await init();
 * const [y, h] = new RNN(10, 20, { nonlinearity: "relu" }).forward(randn([7, 3, 10]));
 * console.log(y.shape, h.shape); // [7, 3, 20] [1, 3, 20]
 * ```
 */
export class RNN extends OneStateLayer {
  /** What a state goes through. */
  readonly nonlinearity: "tanh" | "relu";

  /**
   * Makes the layer.
   *
   * @param inputSize Features of the input
   * @param hiddenSize Features of a state
   * @param options Layers, directions, layout, dropout, nonlinearity
   * @throws {RangeError} If a size or share is out of range, or the nonlinearity is unknown
   */
  constructor(inputSize: number, hiddenSize: number, options: RNNModuleOptions = {}) {
    checkNames("make RNN", options, { ...OPTION_NAMES, nonlinearity: true });
    const { nonlinearity = "tanh" } = options;
    requireNonlinearity("RNN", nonlinearity);
    super(nonlinearity, 1, inputSize, hiddenSize, options);
    this.nonlinearity = nonlinearity;
  }
}

/** Throws unless a nonlinearity is one of the two. */
export function requireNonlinearity(layer: string, name: string): void {
  if (name === "tanh" || name === "relu") return;
  throw new RangeError(`Cannot make ${layer}: nonlinearity must be tanh or relu, got ${name}`);
}
