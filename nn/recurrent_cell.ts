import { checkNames } from "../device/option_names.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import type { CellKind } from "../kernels/recurrent/_cells.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireFeatures, startOf, stepOnce } from "./_recurrent.ts";
import { checkSizes } from "./_sizes.ts";
import { uniform } from "./init.ts";
import { Module } from "./module.ts";
import { emptyParameter, type Parameter } from "./parameter.ts";
import { requireNonlinearity } from "./recurrent.ts";

/** Options of {@link LSTMCell} and {@link GRUCell}. */
export interface RecurrentCellOptions {
  /** Whether biases are added; default true. */
  bias?: boolean;
}

/** Options of {@link RNNCell}. */
export interface RNNCellOptions extends RecurrentCellOptions {
  /** What a state goes through; default `"tanh"`. */
  nonlinearity?: "tanh" | "relu";
}

/** What recurrent cells have in common: one time of one layer, with parameters by PyTorch's names. */
export abstract class RecurrentCell<Inputs extends readonly unknown[], Output> extends Module<Inputs, Output> {
  /** Features of the input. */
  readonly inputSize: number;
  /** Features of a state. */
  readonly hiddenSize: number;
  readonly #kind: CellKind;

  /** Called by the cells. */
  protected constructor(kind: CellKind, gates: number, inputSize: number, hiddenSize: number, bias: boolean) {
    super();
    checkSizes(this.constructor.name, { inputSize, hiddenSize });
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.#kind = kind;
    const width = gates * hiddenSize;
    this.registerParameter("weight_ih", emptyParameter([width, inputSize]));
    this.registerParameter("weight_hh", emptyParameter([width, hiddenSize]));
    this.registerParameter("bias_ih", bias ? emptyParameter([width]) : null);
    this.registerParameter("bias_hh", bias ? emptyParameter([width]) : null);
    this.resetParameters();
  }

  /** [gates · hiddenSize, inputSize]. */
  get weightIh(): Parameter {
    return this.registeredParameter("weight_ih")!;
  }

  /** [gates · hiddenSize, hiddenSize]. */
  get weightHh(): Parameter {
    return this.registeredParameter("weight_hh")!;
  }

  /** [gates · hiddenSize], or `null`. */
  get biasIh(): Parameter | null {
    return this.registeredParameter("bias_ih");
  }

  /** [gates · hiddenSize], or `null`. */
  get biasHh(): Parameter | null {
    return this.registeredParameter("bias_hh");
  }

  /** Draws new start values, uniform in ±1/√hiddenSize. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) uniform(parameter, { a: -bound, b: bound });
  }

  /** One time, with or without an axis of the batch. */
  protected step(x: Tensor, h: Tensor | null | undefined, c: Tensor | null | undefined): [Tensor, Tensor | null] {
    const { name } = this.constructor, { inputSize, hiddenSize } = this;
    requireFeatures(name, x, inputSize, [1, 2]);
    const shape = [...x.shape.slice(0, -1), hiddenSize];
    const rows = (t: Tensor) => x.ndim === 2 ? t : reshape(t, [1, t.numel]);
    const h0 = rows(startOf(name, "the state", h, shape, x));
    const c0 = this.#kind === "lstm" ? rows(startOf(name, "the cell", c, shape, x)) : null;
    const { weightIh, weightHh, biasIh, biasHh } = this;
    const [next, cell] = stepOnce(this.#kind, rows(x), h0, c0, { weightIh, weightHh, biasIh, biasHh, weightHr: null });
    return [reshape(next, shape), cell && reshape(cell, shape)];
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.biasIh === null ? ", bias=false" : ""}`;
  }
}

/**
 * One time of an {@link LSTM}.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { LSTMCell } from "@fulgurite/core/nn";
 *
 * await init();
 * const cell = new LSTMCell(10, 20);
 * let state = cell.forward(randn([3, 10]));
 * state = cell.forward(randn([3, 10]), state);
 * console.log(state[0].shape, state[1].shape); // [3, 20] [3, 20]
 * ```
 */
export class LSTMCell extends RecurrentCell<
  [x: Tensor, state?: readonly [h: Tensor, c: Tensor] | null],
  [h: Tensor, c: Tensor]
> {
  /**
   * Makes the cell.
   *
   * @param inputSize Features of the input
   * @param hiddenSize Features of a state
   * @param options Whether biases are added
   */
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    checkNames("make LSTMCell", options, { bias: true });
    super("lstm", 4, inputSize, hiddenSize, options.bias ?? true);
  }

  /**
   * Makes the next state and cell.
   *
   * @param x [batch, inputSize] or [inputSize]
   * @param state State and cell before, [batch, hiddenSize] or [hiddenSize]; default zeros
   * @returns State and cell
   * @throws {ShapeError} If a shape does not fit
   */
  forward(x: Tensor, state: readonly [h: Tensor, c: Tensor] | null = null): [h: Tensor, c: Tensor] {
    const [h, c] = this.step(x, state?.[0], state?.[1]);
    return [h, c!];
  }
}

/** What {@link GRUCell} and {@link RNNCell} have in common: one state. */
export abstract class OneStateCell extends RecurrentCell<[x: Tensor, h?: Tensor | null], Tensor> {
  /**
   * Makes the next state.
   *
   * @param x [batch, inputSize] or [inputSize]
   * @param h The state before, [batch, hiddenSize] or [hiddenSize]; default zeros
   * @returns The state
   * @throws {ShapeError} If a shape does not fit
   */
  forward(x: Tensor, h: Tensor | null = null): Tensor {
    return this.step(x, h, null)[0];
  }
}

/**
 * One time of a {@link GRU}.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { GRUCell } from "@fulgurite/core/nn";
 *
 * await init();
 * console.log(new GRUCell(10, 20).forward(randn([3, 10])).shape); // [3, 20]
 * ```
 */
export class GRUCell extends OneStateCell {
  /**
   * Makes the cell.
   *
   * @param inputSize Features of the input
   * @param hiddenSize Features of a state
   * @param options Whether biases are added
   */
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    checkNames("make GRUCell", options, { bias: true });
    super("gru", 3, inputSize, hiddenSize, options.bias ?? true);
  }
}

/**
 * One time of an {@link RNN}.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { RNNCell } from "@fulgurite/core/nn";
 *
 * await init();
 * console.log(new RNNCell(10, 20, { nonlinearity: "relu" }).forward(randn([3, 10])).shape); // [3, 20]
 * ```
 */
export class RNNCell extends OneStateCell {
  /**
   * Makes the cell.
   *
   * @param inputSize Features of the input
   * @param hiddenSize Features of a state
   * @param options Whether biases are added, and the nonlinearity
   * @throws {RangeError} If the nonlinearity is unknown
   */
  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}) {
    checkNames("make RNNCell", options, { bias: true, nonlinearity: true });
    const { bias = true, nonlinearity = "tanh" } = options;
    requireNonlinearity("RNNCell", nonlinearity);
    super(nonlinearity, 1, inputSize, hiddenSize, bias);
  }
}
