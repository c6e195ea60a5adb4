import { add, div, maximum, mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { lerp } from "../kernels/elementwise/ternary.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { zeros } from "../kernels/elementwise/constants.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { strided } from "../kernels/elementwise/view.ts";
import { transpose } from "../kernels/layout/views.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { norm } from "../kernels/reduce/norm.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { keep, scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { watching } from "../tensor/watcher.ts";
import { DeviceNumbers } from "./_numbers.ts";
import { copyOf } from "./_state.ts";
import { Optimizer, type ParamGroup, type ParamGroupInput, type StateValue } from "./optimizer.ts";

/** Options of {@link Muon}. */
export interface MuonOptions {
  /** Learning rate; default 1e-3. */
  lr: number;
  /** Weight decay, as a factor of the rate; default 0.1. */
  weightDecay: number;
  /** Share of the old direction that is kept; default 0.95. */
  momentum: number;
  /** Whether to look ahead along the momentum; default true. */
  nesterov: boolean;
  /** Coefficients of the polynomial that is iterated. */
  nsCoefficients: readonly [number, number, number];
  /** The smallest norm that a direction is divided by; default 1e-7. */
  eps: number;
  /** Iterations; default 5. */
  nsSteps: number;
  /** How the rate depends on the matrix's shape; default `"original"`. */
  adjustLrFn: "original" | "match_rms_adamw" | null;
}

/**
 * Momentum whose direction is made orthogonal, for weight matrices (Jordan and others, "Muon: an optimizer for hidden
 * layers", 2024). Newton and Schulz's iteration runs in f32. Train embeddings, output layers and vectors with AdamW
 * beside it.
 *
 * With `adjustLrFn` `"original"` the rate is multiplied by √max(1, rows / columns), with `"match_rms_adamw"` by
 * 0.2·√max(rows, columns), so that rates of AdamW can be kept. State: `momentumBuffer`.
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { Muon } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([[3, 1], [1, 2]], { dtype: "f32", requiresGrad: true });
 * const optimizer = new Muon([w], { lr: 0.1 });
 * backward(w.mul(w).sum());
 * optimizer.step();
 * console.log(await w.array());
 * ```
 */
export class Muon extends Optimizer<MuonOptions> {
  readonly #momenta = new Map<Tensor, Tensor>();
  readonly #options = new Map<ParamGroup<MuonOptions>, DeviceNumbers>();

  /**
   * Makes the optimizer.
   *
   * @param params Matrices, or groups of them with options of their own
   * @param options Rate and the like
   * @throws {ShapeError} If a parameter is no matrix
   * @throws {RangeError} If an option is out of range
   */
  constructor(params: Iterable<Tensor> | Iterable<ParamGroupInput<MuonOptions>>, options: Partial<MuonOptions> = {}) {
    super(params, {
      lr: 1e-3,
      weightDecay: 0.1,
      momentum: 0.95,
      nesterov: true,
      nsCoefficients: [3.4445, -4.775, 2.0315],
      eps: 1e-7,
      nsSteps: 5,
      adjustLrFn: null,
    }, options);
  }

  /** Throws for options out of range. */
  protected override check(group: ParamGroup<MuonOptions>): void {
    this.requireNonNegative(group, "lr", "weightDecay", "momentum");
    this.require(
      group.adjustLrFn === null || ["original", "match_rms_adamw"].includes(group.adjustLrFn),
      "adjustLrFn",
      '"original" or "match_rms_adamw"',
      group.adjustLrFn,
    );
    for (const { shape } of group.params) {
      if (shape.length !== 2) {
        throw new ShapeError(
          "Muon",
          `Cannot optimize in Muon: parameters must be matrices, got one of ${showShape(shape)}`,
          [shape],
        );
      }
    }
  }

  /** Brings options that have changed to the device. */
  override refresh(): void {
    for (const group of this.paramGroups) this.#numbersOf(group);
  }

  /** Updates parameters of a group. */
  protected override stepGroup(group: ParamGroup<MuonOptions>, params: readonly Tensor[]): void {
    watching.by?.depends(group, "options", () => {
      const { nesterov, nsCoefficients, nsSteps, eps, adjustLrFn } = group;
      return [nesterov, ...nsCoefficients, nsSteps, eps, adjustLrFn];
    });
    scope(() => {
      const numbers = this.#numbersOf(group);
      const [lr, shrink, fresh] = [0, 1, 2].map((offset) => scalar(numbers, offset));
      for (const p of params) {
        let momentum = this.#momenta.get(p);
        if (momentum === undefined) this.#momenta.set(p, momentum = keep(zeros(p.shape)));
        const { control } = this;
        const gradient = to(p.grad!, "f32");
        const g = control === null ? gradient : mul(gradient, scalar(control, 1));
        this.#change(momentum, lerp(momentum, g, fresh));
        const direction = group.nesterov ? lerp(momentum, g, fresh) : momentum;
        const step = mul(orthogonalized(direction, group), rateFactor(p, group));
        this.#change(p, sub(mul(p, shrink), mul(step, lr)));
      }
    });
  }

  /** Changes a tensor in place, unless the step is skipped. */
  #change(target: Tensor, value: Tensor): void {
    copyInto(target, this.control === null ? value : where(to(scalar(this.control, 0), "bool"), target, value));
  }

  /** The state of a parameter, `null` before its first step. */
  protected override stateOf(param: Tensor): Record<string, StateValue> | null {
    const momentumBuffer = this.#momenta.get(param);
    return momentumBuffer === undefined ? null : { momentumBuffer };
  }

  /** Replaces all state. */
  protected override loadStates(states: ReadonlyMap<Tensor, Readonly<Record<string, StateValue>>>): void {
    const loaded = [...states].filter(([, { momentumBuffer }]) => momentumBuffer !== undefined).map(
      ([p, { momentumBuffer }]) => [p, copyOf(momentumBuffer, p.shape, "momentumBuffer")] as const,
    );
    for (const t of this.#momenta.values()) t.dispose();
    this.#momenta.clear();
    for (const [p, t] of loaded) this.#momenta.set(p, t);
  }

  /** Frees the state on the device. The optimizer can go on; it starts anew. */
  override dispose(): void {
    super.dispose();
    for (const held of this.#options.values()) held.dispose();
    this.#options.clear();
  }

  #numbersOf(group: ParamGroup<MuonOptions>): Tensor {
    let held = this.#options.get(group);
    if (held === undefined) this.#options.set(group, held = new DeviceNumbers());
    return held.hold(Float32Array.of(group.lr, 1 - group.lr * group.weightDecay, 1 - group.momentum));
  }
}

function scalar(numbers: Tensor, offset: number): Tensor {
  return strided(numbers, { name: "number", shape: [], strides: [], offset, grad: (dy) => dy });
}

function rateFactor({ shape: [rows, columns] }: Tensor, { adjustLrFn }: MuonOptions): number {
  return adjustLrFn === "match_rms_adamw"
    ? 0.2 * Math.sqrt(Math.max(rows, columns))
    : Math.sqrt(Math.max(1, rows / columns));
}

/** The matrix with its singular values near 1: x ← a·x + (b·s + c·s²)·x with s = x·xᵀ, from x scaled to norm 1. */
function orthogonalized(direction: Tensor, { nsCoefficients: [a, b, c], nsSteps, eps }: MuonOptions): Tensor {
  const tall = direction.shape[0] > direction.shape[1];
  let x = tall ? transpose(direction, 0, 1) : direction;
  x = div(x, maximum(norm(x), eps));
  for (let i = 0; i < nsSteps; i++) {
    const s = matmul(x, transpose(x, 0, 1));
    x = add(mul(x, a), matmul(add(mul(s, b), mul(matmul(s, s), c)), x));
  }
  return tall ? transpose(x, 0, 1) : x;
}
