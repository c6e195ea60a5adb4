import { cat, stack } from "../kernels/cat/cat.ts";
import { abs, add, mul, neg, sub } from "../kernels/elementwise/arithmetic.ts";
import { zerosLike } from "../kernels/elementwise/constants.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { amax } from "../kernels/reduce/extremum.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { parametersToVector, vectorToParameters } from "../nn/parameter_vector.ts";
import { enableGrad, noGrad } from "../tensor/grad_mode.ts";
import { hostTensor } from "../tensor/host.ts";
import { keep, scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { loadedMemory, type Memory, newDirection } from "./_lbfgs_memory.ts";
import { type Probe, strongWolfe } from "./_strong_wolfe.ts";
import { Optimizer, type OptimizerOptions, type ParamGroup, type StateValue } from "./optimizer.ts";

/** Options of {@link LBFGS}. */
export interface LBFGSOptions extends OptimizerOptions {
  /** Length of a step, or of the first one that a line search tries; default 1. */
  lr: number;
  /** Iterations of a step; default 20. */
  maxIter: number;
  /** How often a step measures the loss; default 1.25 · maxIter. */
  maxEval: number | null;
  /** A step ends where no element of the gradient is larger; default 1e-7. */
  toleranceGrad: number;
  /** A step ends where parameters and loss change less; default 1e-9. */
  toleranceChange: number;
  /** Changes that are remembered; default 100. */
  historySize: number;
  /** How far to go: `"strong_wolfe"` searches the line, `null` goes by `lr`; default `null`. */
  lineSearchFn: "strong_wolfe" | null;
}

/** A loss and its gradient, with the numbers that decide how to go on. */
interface Measured {
  readonly loss: number;
  readonly grad: Tensor;
  readonly largest: number;
}

/**
 * Newton's method with an inverse Hessian of the last changes, for losses of whole data sets (Liu and Nocedal, 1989;
 * PyTorch's algorithm). It measures the loss several times a step and waits for it: call {@link stepAsync} with a
 * function that does. All parameters share one group; there are no mixed precision and no recorded steps.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { LBFGS } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -2], { dtype: "f32", requiresGrad: true });
 * const optimizer = new LBFGS([w], { lineSearchFn: "strong_wolfe" });
 * await optimizer.stepAsync(() => {
 *   optimizer.zeroGrad();
 *   const loss = w.sub(1).square().sum();
 *   backward(loss);
 *   return loss;
 * });
 * console.log(await w.array()); // about [1, 1]
 * ```
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  #memory: Memory | null = null;

  /**
   * Makes the optimizer.
   *
   * @param params Parameters
   * @param options Iterations, tolerances, history, and the line search
   * @throws {TypeError} If there is more than one group
   * @throws {RangeError} If an option is out of range
   */
  constructor(params: Iterable<Tensor>, options: Partial<LBFGSOptions> = {}) {
    super(params, {
      lr: 1,
      maxIter: 20,
      maxEval: null,
      toleranceGrad: 1e-7,
      toleranceChange: 1e-9,
      historySize: 100,
      lineSearchFn: null,
    }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<LBFGSOptions>): void {
    if (this.paramGroups.some((other) => other !== group && other.params[0] !== group.params[0])) {
      throw new TypeError("Cannot make LBFGS: all parameters must be in one group, got another");
    }
    this.requireNonNegative(group, "lr", "toleranceGrad", "toleranceChange");
    for (const option of ["maxIter", "historySize"] as const) {
      this.require(
        Number.isInteger(group[option]) && group[option] > 0,
        option,
        "a whole number from 1 on",
        group[option],
      );
    }
    const { maxEval, lineSearchFn } = group;
    this.require(maxEval === null || maxEval > 0, "maxEval", "null or above 0", maxEval);
    this.require([null, "strong_wolfe"].includes(lineSearchFn), "lineSearchFn", '"strong_wolfe" or null', lineSearchFn);
  }

  /** Refuses: a step has to wait for the loss. */
  override step(): undefined;
  /** Refuses: a step has to wait for the loss. */
  override step<T>(closure: () => T): T;
  override step(): never {
    throw new TypeError(
      "Cannot step LBFGS: it measures the loss several times, call await optimizer.stepAsync(closure)",
    );
  }

  /**
   * Makes up to `maxIter` iterations.
   *
   * @param closure Clears the gradients, computes the loss, calls backward and returns the loss; what else it makes is
   *   freed
   * @returns The loss before the first iteration
   */
  async stepAsync(closure: () => Tensor | Promise<Tensor>): Promise<Tensor> {
    if (this.control !== null) throw new TypeError("Cannot step LBFGS: it works without a loss scaler, it has one");
    this.runPreHooks();
    const [group] = this.paramGroups;
    const { lr, maxIter, toleranceGrad, toleranceChange } = group;
    const most = group.maxEval ?? Math.floor(maxIter * 5 / 4);
    const first = await scope(() => enableGrad(closure));
    let at = await this.#measured(first), measured = 1;
    for (let i = 1; i <= maxIter && at.largest > toleranceGrad; i++) {
      const memory = await this.#turned(at);
      memory.loss = at.loss;
      const [slope, total, extent] = await read(() => [
        dot(memory.grad, memory.direction),
        sum(abs(memory.grad)),
        amax(abs(memory.direction)),
      ]);
      memory.length = memory.iterations === 1 ? Math.min(1, 1 / total) * lr : lr;
      if (!(slope <= -toleranceChange)) break;
      if (group.lineSearchFn === null) {
        this.#move(this.#values(), memory.length);
        if (i < maxIter) {
          at = await this.#measuredAnew(closure, at);
          measured++;
        }
      } else {
        const found = await this.#searched(closure, at, slope, extent, toleranceChange);
        at = found.at;
        measured += found.measured;
      }
      const change = extent * Math.abs(memory.length);
      if (measured >= most || change <= toleranceChange || Math.abs(at.loss - memory.loss) < toleranceChange) break;
    }
    if (this.#memory !== null) this.#memory.evaluations += measured;
    if (at.grad !== this.#memory?.grad) at.grad.dispose();
    this.runPostHooks();
    return first;
  }

  /** Reads a loss and the gradient that it left. */
  async #measured(loss: Tensor): Promise<Measured> {
    const grad = keep(scope(() => noGrad(() => this.#gradient())));
    const [value, largest] = await read(() => [to(loss, "f32"), amax(abs(grad))]);
    return { loss: value, grad, largest };
  }

  /** Measures the loss where the parameters are now; what was measured before is freed. */
  async #measuredAnew(closure: () => Tensor | Promise<Tensor>, before?: Measured): Promise<Measured> {
    const loss = await scope(() => enableGrad(closure));
    const now = await this.#measured(loss);
    loss.dispose();
    if (before !== undefined && before.grad !== this.#memory?.grad) before.grad.dispose();
    return now;
  }

  /** All gradients as one vector: a copy, since the closure clears them. */
  #gradient(): Tensor {
    const parts = this.paramGroups[0].params.map((p) => to(reshape(p.grad ?? zerosLike(p), [p.numel]), "f32"));
    return mul(cat(parts, { dim: 0 }), 1);
  }

  /** All parameters as one vector, a copy. */
  #values(): Tensor {
    return keep(scope(() => noGrad(() => to(mul(parametersToVector(this.paramGroups[0].params), 1), "f32"))));
  }

  /** Puts the parameters at a step from where they were, which is freed. */
  #move(from: Tensor, length: number): void {
    this.#place(from, length);
    from.dispose();
  }

  #place(from: Tensor, length: number): void {
    const { direction } = this.#memory!;
    scope(() => noGrad(() => vectorToParameters(add(from, mul(direction, length)), this.paramGroups[0].params)));
  }

  /** The next direction, from what the last step changed. */
  async #turned({ grad }: Measured): Promise<Memory> {
    const memory = this.#memory;
    if (memory === null) {
      const direction = keep(scope(() => noGrad(() => neg(grad))));
      const none = { steps: [], turns: [], mixed: [], turned: [] };
      return this.#memory = { ...none, scale: 1, direction, length: 0, grad, loss: 0, evaluations: 0, iterations: 1 };
    }
    const [step, turn] = scope(() => noGrad(() => [mul(memory.direction, memory.length), sub(grad, memory.grad)]));
    memory.steps.push(keep(step));
    memory.turns.push(keep(turn));
    // Products of all changes with the new one and the gradient are what both loops of the method need: numbers from
    // here on.
    const products = scope(() =>
      noGrad(() => matmul(stack([...memory.steps, ...memory.turns]), stack([turn, step, grad], { dim: 1 })))
    );
    const found = await products.data(), count = memory.steps.length;
    products.dispose();
    const column = (of: number, from: number) => Array.from({ length: count }, (_, i) => found[3 * (from + i) + of]);
    const [withGrad, turnedGrad] = [column(2, 0), column(2, count)];
    memory.mixed.push(column(1, count));
    column(0, 0).forEach((product, i) => memory.mixed[i][count - 1] = product);
    memory.turned.push(column(0, count));
    memory.turned.forEach((row, i) => row[count - 1] = memory.turned[count - 1][i]);
    const curvature = memory.mixed[count - 1][count - 1];
    // A change without curvature is not remembered; of too many, the first is not.
    const forgotten = curvature <= 1e-10 ? count - 1 : count > this.paramGroups[0].historySize ? 0 : -1;
    if (curvature > 1e-10) memory.scale = curvature / memory.turned[count - 1][count - 1];
    if (forgotten >= 0) {
      for (const list of [memory.steps, memory.turns]) list.splice(forgotten, 1)[0].dispose();
      for (const matrix of [memory.mixed, memory.turned]) {
        matrix.splice(forgotten, 1);
        for (const row of matrix) row.splice(forgotten, 1);
      }
      for (const list of [withGrad, turnedGrad]) list.splice(forgotten, 1);
    }
    memory.direction.dispose();
    memory.direction = keep(scope(() => noGrad(() => newDirection(memory, grad, withGrad, turnedGrad))));
    if (memory.grad !== grad) memory.grad.dispose();
    memory.grad = grad;
    memory.iterations++;
    return memory;
  }

  /** Searches the line for the next place, and goes there. */
  async #searched(
    closure: () => Tensor | Promise<Tensor>,
    start: Measured,
    slope: number,
    extent: number,
    tolerance: number,
  ): Promise<{ at: Measured; measured: number }> {
    const memory = this.#memory!, from = this.#values(), largest = new Map<Tensor, number>();
    const { best, measured } = await strongWolfe(
      { step: 0, loss: start.loss, slope, grad: start.grad },
      memory.length,
      extent,
      tolerance,
      async (step): Promise<Probe> => {
        this.#place(from, step);
        const now = await this.#measuredAnew(closure);
        largest.set(now.grad, now.largest);
        const [slope] = await read(() => [dot(now.grad, memory.direction)]);
        return { step, loss: now.loss, slope, grad: now.grad };
      },
    );
    this.#move(from, best.step);
    memory.length = best.step;
    for (const grad of largest.keys()) if (grad !== best.grad) grad.dispose();
    return { at: { loss: best.loss, grad: best.grad, largest: largest.get(best.grad) ?? start.largest }, measured };
  }

  /** Nothing is done by group. */
  protected override stepGroup(): void {
    this.step();
  }

  /** The state of all parameters, which PyTorch keeps with the first. */
  protected override stateOf(param: Tensor): Record<string, StateValue> | null {
    const memory = this.#memory;
    if (memory === null || param !== this.paramGroups[0].params[0]) return null;
    const { steps, turns, mixed, turned, scale, direction, length, grad, loss, evaluations, iterations } = memory;
    const table = (rows: number[][]) =>
      hostTensor(Float32Array.from(rows.flat()), { dtype: "f32", shape: [rows.length, rows.length] });
    return {
      funcEvals: evaluations,
      nIter: iterations,
      d: direction,
      t: length,
      hDiag: scale,
      prevFlatGrad: grad,
      prevLoss: loss,
      ...(steps.length === 0 ? {} : {
        oldStps: noGrad(() => stack(steps)),
        oldDirs: noGrad(() => stack(turns)),
        products: table(mixed),
        dirProducts: table(turned),
      }),
    };
  }

  /** Replaces all state. */
  protected override loadStates(states: ReadonlyMap<Tensor, Readonly<Record<string, StateValue>>>): void {
    const [param] = this.paramGroups[0].params, entry = states.get(param);
    this.#free();
    this.#memory = entry === undefined ? null : loadedMemory(entry, this.paramGroups[0].params);
  }

  #free(): void {
    if (this.#memory === null) return;
    const { steps, turns, direction, grad } = this.#memory;
    for (const t of [...steps, ...turns, direction, grad]) t.dispose();
    this.#memory = null;
  }
}

const dot = (a: Tensor, b: Tensor) => sum(mul(a, b));

/** Some tensors without axes, as numbers; one reading. */
async function read(make: () => Tensor[]): Promise<number[]> {
  const numbers = scope(() => noGrad(() => stack(make())));
  const values = [...await numbers.data()];
  numbers.dispose();
  return values;
}
