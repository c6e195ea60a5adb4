import { checkNames } from "../device/option_names.ts";
import { maximum, mul } from "../kernels/elementwise/arithmetic.ts";
import { zeros } from "../kernels/elementwise/constants.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { unscaleGradients, updateScale } from "../kernels/grad_scaler/grad_scaler.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import type { HostTensor } from "../tensor/host.ts";
import { keep } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { DeviceNumbers } from "./_numbers.ts";
import { noteNorm, ownGradients, withGradients } from "./_owners.ts";
import type { Optimizer, StateValue } from "./optimizer.ts";

/** Options of a {@link GradScaler}. */
export interface GradScalerOptions {
  /** The scale to begin with. Default 2¹⁶. */
  initScale?: number;
  /** Factor of the scale after `growthInterval` steps without a skip. Default 2. */
  growthFactor?: number;
  /** Factor of the scale after a skipped step. Default 0.5. */
  backoffFactor?: number;
  /** Steps in a row without a skip after which the scale grows. Default 2000. */
  growthInterval?: number;
  /** Whether to scale at all; otherwise every method does what it would do without a scaler. Default true. */
  enabled?: boolean;
}

/** What a {@link GradScaler} remembers; empty for one that is not enabled. */
export interface GradScalerState {
  /** The scale. */
  readonly scale?: StateValue;
  /** Factor of growth. */
  readonly growthFactor?: number;
  /** Factor after a skipped step. */
  readonly backoffFactor?: number;
  /** Steps between growths. */
  readonly growthInterval?: number;
  /** Steps without a skip so far. */
  readonly growthTracker?: StateValue;
}

/** What happened to an optimizer's gradients since the last update. */
interface Progress {
  readonly control: Tensor;
  stage: "scaled" | "unscaled" | "stepped";
  norm: Tensor | null;
}

/**
 * Scales the loss so that small gradients survive in f16, as PyTorch's `torch.amp.GradScaler` does: a step whose
 * gradients are not all finite is skipped and the scale becomes smaller; after many good steps it grows. It stays
 * between the smallest normal f32, 2⁻¹²⁶, and the largest, so that its inverse is a number however many steps are
 * skipped.
 *
 * All of it happens on the device: nothing is read, the host does not know whether a step was skipped. A skipped step
 * changes neither parameters nor the optimizer's state, whose step count lives on the device too; schedulers, which
 * count on the host, go on, as in PyTorch. Gradients of all parameters are unscaled, checked and their norm taken in
 * one pass; `clipGradNorm` after `unscale` uses that norm.
 *
 * @example
 * ```ts
 * import { autocast, backward, init, tensor } from "@fulgurite/core";
 * import { GradScaler, SGD } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([[1], [2]], { dtype: "f32", requiresGrad: true });
 * const optimizer = new SGD([w], { lr: 0.1 }), scaler = new GradScaler();
 * const loss = autocast("f16", () => tensor([[1, 1]], { dtype: "f32" }).matmul(w).sum());
 * backward(scaler.scale(loss));
 * scaler.step(optimizer);
 * scaler.update();
 * console.log(await w.array(), await scaler.getScale()); // about [[0.9], [1.9]], and 65536
 * ```
 */
export class GradScaler {
  /** Whether it scales at all. */
  readonly enabled: boolean;
  /** Factor of the scale after `growthInterval` steps without a skip. */
  growthFactor: number;
  /** Factor of the scale after a skipped step. */
  backoffFactor: number;
  /** Steps in a row without a skip after which the scale grows. */
  growthInterval: number;
  #initScale: number;
  #initTracker = 0;
  readonly #options = new DeviceNumbers();
  readonly #progress = new Map<Optimizer, Progress>();
  #state: { scale: Tensor; tracker: Tensor; skipped: Tensor } | null = null;

  /**
   * Makes a scaler.
   *
   * @param options The scale and how it changes
   * @throws {RangeError} If an option is out of range
   */
  constructor(options: GradScalerOptions = {}) {
    checkNames<GradScalerOptions>("make GradScaler", options, {
      initScale: true,
      growthFactor: true,
      backoffFactor: true,
      growthInterval: true,
      enabled: true,
    });
    const { initScale = 65536, growthFactor = 2, backoffFactor = 0.5, growthInterval = 2000, enabled = true } = options;
    this.enabled = enabled;
    this.#initScale = initScale;
    this.growthFactor = growthFactor;
    this.backoffFactor = backoffFactor;
    this.growthInterval = growthInterval;
    requireScale("initScale", initScale);
    this.#check();
  }

  #check(): void {
    const { growthFactor, backoffFactor, growthInterval } = this;
    require(growthFactor > 1, "growthFactor", "above 1", growthFactor);
    require(backoffFactor > 0 && backoffFactor < 1, "backoffFactor", "between 0 and 1", backoffFactor);
    const counts = Number.isInteger(growthInterval) && growthInterval > 0 && growthInterval < 2 ** 24;
    require(counts, "growthInterval", "a whole number from 1 to 16777215", growthInterval);
  }

  /**
   * The loss, or other outputs to differentiate, times the scale.
   *
   * @param outputs A tensor
   * @returns The product; the tensor itself if the scaler is not enabled
   */
  scale(outputs: Tensor): Tensor {
    return this.enabled ? mul(outputs, this.#onDevice().scale) : outputs;
  }

  /**
   * Divides the gradients of an optimizer's parameters by the scale, in place, and looks whether all are finite. Call
   * it before changing gradients, by clipping for example; {@link step} does it otherwise.
   *
   * @param optimizer The optimizer
   * @throws {Error} If they have been unscaled already
   * @throws {TypeError} If parameters are in f16, whose gradients do not get better by scaling
   */
  unscale(optimizer: Optimizer): void {
    if (!this.enabled) return;
    const state = this.#onDevice();
    const progress = this.#of(optimizer);
    if (progress.stage !== "scaled") {
      throw new Error(
        `Cannot unscale the gradients of ${optimizer.constructor.name}: they are ${progress.stage} already, call update first`,
      );
    }
    const owners = withGradients(optimizer.paramGroups.flatMap((group) => group.params));
    if (owners.some((p) => p.grad!.dtype === "f16")) {
      throw new TypeError(
        `Cannot unscale the gradients of ${optimizer.constructor.name}: parameters must be f32 or bf16, some are f16`,
      );
    }
    noGrad(() => {
      const grads = ownGradients(owners);
      progress.norm?.dispose();
      progress.norm = unscaleGradients(state, grads, progress.control);
      noteNorm(grads, progress.norm);
    });
    progress.stage = "unscaled";
  }

  /**
   * Steps an optimizer, unless a gradient is infinite or NaN: then nothing changes. Which of both is known on the
   * device only.
   *
   * @param optimizer The optimizer
   * @throws {Error} If it has been stepped since the last update
   */
  step(optimizer: Optimizer): void {
    if (!this.enabled) return optimizer.step();
    const progress = this.#of(optimizer);
    if (progress.stage === "stepped") {
      throw new Error(`Cannot step ${optimizer.constructor.name}: it is stepped already, call update first`);
    }
    if (progress.stage === "scaled") this.unscale(optimizer);
    const before = optimizer.control;
    optimizer.control = progress.control;
    try {
      optimizer.step();
    } finally {
      optimizer.control = before;
    }
    progress.stage = "stepped";
  }

  /**
   * Whether an optimizer's gradients have been unscaled since the last update.
   *
   * @param optimizer The optimizer
   * @returns Whether they have
   */
  unscaled(optimizer: Optimizer): boolean {
    return (this.#progress.get(optimizer)?.stage ?? "scaled") !== "scaled";
  }

  /**
   * Has every `step()` of an optimizer be a scaled one, with an {@link update} behind it, for code that does not know
   * the scaler.
   *
   * @param optimizer The optimizer; its steps may not be given a closure, whose gradients would come too late
   * @returns A function that ends it
   */
  attach(optimizer: Optimizer): () => void {
    if (!this.enabled) return () => {};
    let before: Tensor | null = null;
    let seen: Known[] = [];
    const ends = [
      optimizer.registerStepPreHook(() => {
        const { control } = this.#of(optimizer);
        before = optimizer.control === control ? null : optimizer.control;
        if (!this.unscaled(optimizer)) this.unscale(optimizer);
        optimizer.control = control;
        seen = gradientsOf(optimizer);
      }),
      optimizer.registerStepPostHook(() => {
        optimizer.control = before;
        const now = gradientsOf(optimizer);
        if (now.length !== seen.length || now.some((g, i) => g.of !== seen[i].of || g.version !== seen[i].version)) {
          throw new Error(
            `Cannot step ${optimizer.constructor.name} with a closure while its gradients are scaled: compute them before`,
          );
        }
        this.update();
      }),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  /**
   * Makes the scale smaller if a step was skipped since the last call, or larger after many that were not. Call it once
   * an iteration, after the steps.
   *
   * @param newScale A scale to go on with instead
   */
  update(newScale?: number): void {
    if (!this.enabled) return;
    const state = this.#onDevice();
    if (newScale !== undefined) {
      requireScale("newScale", newScale);
      copyInto(state.scale, newScale);
      copyInto(state.skipped, 0);
    } else {
      if (![...this.#progress.values()].some(({ stage }) => stage !== "scaled")) {
        throw new Error("Cannot update the scale: no gradients were unscaled since the last update, call step first");
      }
      this.refresh();
      noGrad(() => updateScale(state, this.#optionNumbers()));
    }
    for (const progress of this.#progress.values()) {
      progress.stage = "scaled";
      progress.norm?.dispose();
      progress.norm = null;
    }
  }

  /**
   * Brings options that have changed to the device; {@link update} does so itself, a replay of a recorded step does
   * not.
   */
  refresh(): void {
    this.#check();
    this.#optionNumbers();
  }

  /** The scale, read from the device; 1 if the scaler is not enabled. */
  async getScale(): Promise<number> {
    return this.enabled ? await this.#state?.scale.item() ?? this.#initScale : 1;
  }

  /**
   * What the scaler remembers; empty if it is not enabled. Its tensors are the scaler's own: read them, or write them
   * to a file, before the next update. Of one that rests on the host they are numbers.
   */
  stateDict(): GradScalerState {
    if (!this.enabled) return {};
    const { growthFactor, backoffFactor, growthInterval } = this;
    const { scale, tracker } = this.#state ?? { scale: this.#initScale, tracker: this.#initTracker };
    return { scale, growthFactor, backoffFactor, growthInterval, growthTracker: tracker };
  }

  /**
   * Goes on from what {@link stateDict} gave.
   *
   * @param dict The state; values may be numbers, or tensors on the device or on the host
   * @throws {Error} If values are missing, as in the state of a scaler that is not enabled
   */
  loadStateDict(dict: GradScalerState): void {
    if (!this.enabled) return;
    const names = ["scale", "growthFactor", "backoffFactor", "growthInterval", "growthTracker"] as const;
    const missing = names.filter((name) => dict[name] === undefined);
    if (missing.length > 0) {
      throw new Error(`Cannot load the state of GradScaler: it must be complete, missing are ${missing.join(", ")}`);
    }
    this.growthFactor = dict.growthFactor!;
    this.backoffFactor = dict.backoffFactor!;
    this.growthInterval = dict.growthInterval!;
    this.#check();
    const { scale, tracker, skipped } = this.#onDevice();
    noGrad(() => {
      assign(scale, dict.scale!);
      copyInto(scale, maximum(scale, SMALLEST_SCALE));
      assign(tracker, dict.growthTracker!);
      copyInto(skipped, 0);
    });
  }

  /**
   * Moves the state to the host, so that nothing stays on the device; the scaler goes on from it when it is used again.
   */
  async moveToHost(): Promise<void> {
    if (this.#state === null) return;
    const { scale, tracker } = this.#state;
    const numbers = await Promise.all([scale.item(), tracker.item()]);
    this.dispose();
    [this.#initScale, this.#initTracker] = numbers;
  }

  /** Frees what is on the device. The scaler can go on; it starts anew. */
  dispose(): void {
    for (const { control, norm } of this.#progress.values()) {
      control.dispose();
      norm?.dispose();
    }
    this.#progress.clear();
    for (const t of Object.values(this.#state ?? {})) t.dispose();
    this.#state = null;
    this.#options.dispose();
  }

  /** Frees what is on the device at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #onDevice(): { scale: Tensor; tracker: Tensor; skipped: Tensor } {
    return this.#state ??= {
      scale: keep(tensor(this.#initScale, { dtype: "f32" })),
      tracker: keep(tensor(this.#initTracker, { dtype: "f32" })),
      skipped: keep(tensor(0, { dtype: "f32" })),
    };
  }

  #optionNumbers(): Tensor {
    return this.#options.hold(Float32Array.of(this.growthFactor, this.backoffFactor, this.growthInterval));
  }

  #of(optimizer: Optimizer): Progress {
    let progress = this.#progress.get(optimizer);
    if (progress === undefined) {
      progress = { control: keep(zeros([2])), stage: "scaled", norm: null };
      void progress.control.storage.buffer;
      this.#progress.set(optimizer, progress);
    }
    return progress;
  }
}

/** The smallest normal f32: of a smaller scale the inverse would be infinite. */
const SMALLEST_SCALE = 2 ** -126;

function requireScale(option: string, value: number): void {
  const inside = value >= SMALLEST_SCALE && Number.isFinite(Math.fround(value));
  require(inside, option, "an f32 number from 2⁻¹²⁶ on", value);
}

function require(holds: boolean, option: string, rule: string, value: unknown): void {
  if (!holds) throw new RangeError(`Cannot make GradScaler: ${option} must be ${rule}, got ${value}`);
}

/** A gradient in the state that it has. */
interface Known {
  readonly of: Tensor;
  readonly version: number;
}

function gradientsOf(optimizer: Optimizer): Known[] {
  return withGradients(optimizer.paramGroups.flatMap((group) => group.params))
    .map(({ grad }) => ({ of: grad!, version: grad!.storage.version }));
}

/** Writes a value of a state into a tensor without axes. */
function assign(target: Tensor, value: StateValue): void {
  if (typeof value === "number") copyInto(target, value);
  else if (value instanceof Tensor) copyInto(target, value);
  else copyInto(target, Number((value as HostTensor).data[0]));
}
