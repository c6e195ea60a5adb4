import type { Module } from "../nn/mod.ts";
import { GradScaler, type GradScalerState, type Optimizer } from "../optim/mod.ts";
import { to } from "../kernels/mod.ts";
import { autocast } from "../tensor/autocast.ts";
import { type DType, isFloat } from "../tensor/dtype.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { mapTensors } from "./transfer.ts";

/**
 * What a run computes in:
 *
 * - `"32-true"`: everything in f32.
 * - `"16-mixed"`, `"bf16-mixed"`: autocast. Weights, gradients and the optimizer stay in f32; products and what follows
 *   them are stored in 16 bits. With f16 the loss is scaled, so that small gradients survive.
 * - `"16-true"`, `"bf16-true"`: the module and its batches are converted, gradients and updates are in 16 bits too. The
 *   state of optimizers is bf16 like the parameters, as in PyTorch, but f32 where they are f16: there the square of a
 *   gradient below 2⁻¹² is 0, and Adam diverges.
 *
 * Sums and registers are f32 in every mode, and every mode runs on every adapter: f16 needs no `shader-f16`.
 */
export type PrecisionName = "32-true" | "16-mixed" | "bf16-mixed" | "16-true" | "bf16-true";

/** Every mode, and the short names that Lightning takes for them. */
export const PRECISIONS = {
  "32-true": "32-true",
  "16-mixed": "16-mixed",
  "bf16-mixed": "bf16-mixed",
  "16-true": "16-true",
  "bf16-true": "bf16-true",
  "32": "32-true",
  "16": "16-mixed",
  "bf16": "bf16-mixed",
} as const satisfies Record<string, PrecisionName>;

/** How a run's arithmetic is done: what surrounds the steps of the module and of its optimizers. */
export class Precision {
  /** The mode. */
  readonly name: PrecisionName;
  readonly #autocast: "f16" | "bf16" | null;
  readonly #converted: DType | null;
  readonly #scaler: GradScaler | null;
  #attached: readonly Optimizer[] = [];

  /**
   * Makes what a mode needs; nothing is on the device yet.
   *
   * @param name The mode
   * @param scaler What scales the loss in `"16-mixed"`
   */
  constructor(name: PrecisionName, scaler: GradScaler = new GradScaler()) {
    this.name = name;
    const half = name.startsWith("bf16") ? "bf16" : name.startsWith("16") ? "f16" : null;
    const mixed = name.endsWith("mixed");
    this.#autocast = mixed ? half : null;
    this.#converted = mixed ? null : half;
    this.#scaler = name === "16-mixed" ? scaler : null;
  }

  /** Brings a module into the type of its weights, before its optimizers are made. */
  convert(module: Module): void {
    if (this.#converted !== null) module.to(this.#converted);
  }

  /** Brings the floats of a batch into the type of the weights. */
  input(batch: unknown): unknown {
    const dtype = this.#converted;
    return dtype === null ? batch : mapTensors(batch, (t) => isFloat(t.dtype) && t.dtype !== dtype ? to(t, dtype) : t);
  }

  /** Runs a step of the module. */
  forward<T>(step: () => T): T {
    return this.#autocast === null ? step() : autocast(this.#autocast, step);
  }

  /** The loss as it is differentiated. */
  scale(loss: Tensor): Tensor {
    return this.#scaler?.scale(loss) ?? loss;
  }

  /** Has the optimizers' steps skipped on the device where gradients are not finite. Returns what ends that. */
  attach(optimizers: readonly Optimizer[]): () => void {
    const scaler = this.#scaler;
    if (scaler === null) return () => {};
    const ends = optimizers.map((optimizer) => scaler.attach(optimizer));
    this.#attached = optimizers;
    return () => {
      for (const end of ends) end();
      this.#attached = [];
    };
  }

  /** Brings an optimizer's gradients back to their own size, once before a step. */
  unscale(optimizer: Optimizer): void {
    if (this.#scaler === null || this.#scaler.unscaled(optimizer) || !this.#attached.includes(optimizer)) return;
    this.#scaler.unscale(optimizer);
  }

  /** The scaler's state for a checkpoint, `null` where nothing is scaled. */
  stateDict(): GradScalerState | null {
    return this.#scaler?.stateDict() ?? null;
  }

  /** Goes on from a scaler's state. */
  loadStateDict(state: GradScalerState): void {
    this.#scaler?.loadStateDict(state);
  }

  /** Frees what is on the device, after a run that failed. */
  dispose(): void {
    this.#scaler?.dispose();
  }

  /** Takes what is on the device to the host, at the end of a run. */
  async rest(): Promise<void> {
    await this.#scaler?.moveToHost();
  }
}
