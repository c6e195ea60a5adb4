import { stack } from "../kernels/cat/cat.ts";
import { mul } from "../kernels/elementwise/arithmetic.ts";
import { select } from "../kernels/layout/slice.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { tensor } from "../tensor/create.ts";
import { keep } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { copyOf } from "./_state.ts";
import type { StateValue } from "./optimizer.ts";

/** What L-BFGS remembers between steps. */
export interface Memory {
  /** The last changes of the parameters, and what each changed of the gradient. */
  steps: Tensor[];
  turns: Tensor[];
  /** step · turn by step and turn, and turn · turn. */
  mixed: number[][];
  turned: number[][];
  /** The scale of the inverse Hessian. */
  scale: number;
  direction: Tensor;
  length: number;
  grad: Tensor;
  loss: number;
  evaluations: number;
  iterations: number;
}

/** What a state holds, for parameters of these sizes. */
export function loadedMemory(entry: Readonly<Record<string, StateValue>>, params: readonly Tensor[]): Memory {
  const size = params.reduce((n, p) => n + p.numel, 0);
  const need = (name: string): StateValue => {
    if (entry[name] !== undefined) return entry[name];
    throw new Error(`Cannot load the state of LBFGS: ${name} is missing`);
  };
  const number = (name: string): number => {
    const value = need(name);
    if (typeof value === "number") return value;
    throw new TypeError(`Cannot load the state of LBFGS: ${name} must be a number`);
  };
  const vector = (name: string) => copyOf(need(name), [size], name);
  const { oldStps } = entry;
  const count = oldStps === undefined || typeof oldStps === "number" ? 0 : oldStps.shape[0];
  const rows = (name: string): Tensor[] => {
    if (count === 0) return [];
    const all = copyOf(need(name), [count, size], name);
    const parts = Array.from({ length: count }, (_, index) => keep(mul(select(all, { dim: 0, index }), 1)));
    all.dispose();
    return parts;
  };
  const table = (name: string): number[][] => {
    if (count === 0) return [];
    const value = need(name);
    if (typeof value === "number" || value instanceof Tensor) {
      throw new TypeError(`Cannot load the state of LBFGS: ${name} must be on the host, as stateDict gives it`);
    }
    return Array.from({ length: count }, (_, i) => Array.from(value.data.slice(i * count, (i + 1) * count), Number));
  };
  return {
    mixed: table("products"),
    turned: table("dirProducts"),
    scale: number("hDiag"),
    length: number("t"),
    loss: number("prevLoss"),
    evaluations: number("funcEvals"),
    iterations: number("nIter"),
    steps: rows("oldStps"),
    turns: rows("oldDirs"),
    direction: vector("d"),
    grad: vector("prevFlatGrad"),
  };
}

/**
 * −H·g, for the inverse Hessian H that the changes stand for: the method's two loops, over factors of the changes and
 * of the gradient in place of vectors (Chen, Wang and Zhou, 2014).
 */
export function newDirection(
  memory: Memory,
  grad: Tensor,
  withGrad: readonly number[],
  turnedGrad: readonly number[],
): Tensor {
  const { steps, turns, mixed, turned, scale } = memory, count = steps.length;
  if (count === 0) return mul(grad, -scale);
  const shares = new Float64Array(count), ofSteps = new Float64Array(count), ofTurns = new Float64Array(count);
  for (let i = count - 1; i >= 0; i--) {
    let product = -withGrad[i];
    for (let j = i + 1; j < count; j++) product += ofTurns[j] * mixed[i][j];
    shares[i] = product / mixed[i][i];
    ofTurns[i] = -shares[i];
  }
  for (let i = 0; i < count; i++) ofTurns[i] *= scale;
  for (let i = 0; i < count; i++) {
    let product = -scale * turnedGrad[i];
    for (let j = 0; j < count; j++) product += ofTurns[j] * turned[i][j] + ofSteps[j] * mixed[j][i];
    ofSteps[i] = shares[i] - product / mixed[i][i];
  }
  const factors = tensor(Float32Array.of(...ofSteps, ...ofTurns, -scale));
  return matmul(factors, stack([...steps, ...turns, grad]));
}
