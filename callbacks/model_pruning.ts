import * as z from "zod";
import { to } from "../kernels/elementwise/cast.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { mul } from "../kernels/elementwise/arithmetic.ts";
import { writeErr } from "../platform/mod.ts";
import type { Parameter } from "../nn/mod.ts";
import { tensor } from "../tensor/create.ts";
import { isFloat } from "../tensor/dtype.ts";
import { showShape } from "../tensor/errors.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { type HostTensor, hostTensor, isHostTensor } from "../tensor/host.ts";
import { keep, scope, track } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkOptions } from "../trainer/check_options.ts";
import { checkState } from "../trainer/check_state.ts";
import { Callback, type CheckpointData, type LightningModule, type StateDict, type Trainer } from "../trainer/mod.ts";
import { lostState } from "./_lost_state.ts";
import { type Prune, pruneAll, PRUNING, type PruningName } from "./_pruning.ts";

/** What a {@link ModelPruning} cuts away, and when. */
export interface ModelPruningOptions {
  /** How values are chosen: `"l1_unstructured"`, … or a function that gives for each value whether it stays. */
  pruningFn: PruningName | Prune;
  /** Names of the parameters; default: all whose last name is in `parameterNames`. */
  parametersToPrune?: readonly string[];
  /** Default `["weight", "bias"]`. */
  parameterNames?: readonly string[];
  /** Choose among the values of all parameters together; only without structure. Default true. */
  useGlobalUnstructured?: boolean;
  /** A share below 1 or a count of what is left, or a function of the epoch that gives it; default 0.5. */
  amount?: number | ((epoch: number) => number | null | undefined);
  /** Whether to prune in an epoch; default true. */
  applyPruning?: boolean | ((epoch: number) => boolean);
  /** Whether what is left goes back to the values that training began with; default true. */
  useLotteryTicketHypothesis?: boolean | ((epoch: number) => boolean);
  /** The axis of structured pruning; default 0. */
  pruningDim?: number;
  /** The norm of `"ln_structured"`; default 2. */
  pruningNorm?: number;
  /** 0: silent, 1: say how much is cut away in all, 2: for each parameter. Default 0. */
  verbose?: 0 | 1 | 2;
  /** After training epochs, or after validation; default true. */
  pruneOnTrainEpochEnd?: boolean;
}

/** Whether a number is a share from 0 to 1 or a count. */
function isAmount(amount: number): boolean {
  return amount >= 0 && (amount <= 1 || Number.isInteger(amount));
}

type ByEpoch<T> = T | ((epoch: number) => T);
const fn = z.custom<(epoch: number) => never>((value) => typeof value === "function");
const byEpoch = z.boolean().or(fn).default(true);
const names = z.array(z.string().min(1)).min(1);
const rules = {
  pruningFn: [
    z.enum(PRUNING).or(z.custom<Prune>((f) => typeof f === "function")),
    `${PRUNING.join(", ")}, or a function`,
  ],
  parametersToPrune: [names.nullable().default(null), "a list of names"],
  parameterNames: [names.default(["weight", "bias"]), "a list of names"],
  useGlobalUnstructured: [z.boolean().default(true), "true or false"],
  amount: [z.number().refine(isAmount).or(fn).default(0.5), "a share from 0 to 1, a count, or a function of the epoch"],
  applyPruning: [byEpoch, "true, false or a function of the epoch"],
  useLotteryTicketHypothesis: [byEpoch, "true, false or a function of the epoch"],
  pruningDim: [z.int().default(0), "the number of an axis"],
  pruningNorm: [z.number().positive().default(2), "a number above 0"],
  verbose: [z.union([z.literal(0), z.literal(1), z.literal(2)]).default(0), "0, 1 or 2"],
  pruneOnTrainEpochEnd: [z.boolean().default(true), "true or false"],
} as const;

const tensors = z.record(z.string(), z.custom<HostTensor>(isHostTensor));
const savedState = z.object({ masks: tensors, original: tensors });

/**
 * Sets the least important weights to zero after each epoch, and keeps them there: their gradients are masked, and they
 * are masked again after every optimizer step. With the lottery-ticket hypothesis (Frankle and Carbin 2019) the rest
 * begins again with the values that training began with.
 *
 * Each time the amount is taken of what is left, as in PyTorch: 0.5 twice leaves a quarter.
 *
 * @example
 * ```ts
 * import { ModelPruning } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * const pruning = new ModelPruning({ pruningFn: "l1_unstructured", amount: 0.3, useLotteryTicketHypothesis: false });
 * new Trainer({ maxEpochs: 3, callbacks: pruning, logger: false });
 * console.log(pruning.sparsity); // 0
 * ```
 */
export class ModelPruning extends Callback {
  readonly #options: ReturnType<typeof checkOptions<typeof rules>>;
  readonly #masks = new Map<string, Tensor>();
  readonly #original = new Map<string, Tensor>();
  #pruned: ReadonlyMap<string, Parameter> = new Map();
  #undo: (() => void)[] = [];
  #restored: z.output<typeof savedState> | null = null;
  #sparsity = 0;
  /** Whether training came to its end, where what is cut away stays away by itself. */
  #ended = false;
  /** Whether a fit that did not has freed masks, without which its state is not whole. */
  #lost = false;

  /**
   * Makes the callback.
   *
   * @param options What it cuts away, and when
   * @throws {TypeError} Naming each option that is wrong, or structure where all parameters are looked at together
   */
  constructor(options: ModelPruningOptions) {
    super();
    this.#options = checkOptions("a ModelPruning", rules, options);
    const { pruningFn, useGlobalUnstructured } = this.#options;
    if (useGlobalUnstructured && !(typeof pruningFn === "string" && pruningFn.endsWith("_unstructured"))) {
      throw new TypeError(
        "Cannot make a ModelPruning: useGlobalUnstructured must be false for structured pruning and for a function, got true",
      );
    }
  }

  /** Share of the values that are cut away. */
  get sparsity(): number {
    return this.#sparsity;
  }

  /** Chooses the parameters, and remembers their values. */
  override onFitStart(_trainer: Trainer, module: LightningModule): void {
    this.#lost = this.#ended = false;
    const { parametersToPrune, parameterNames } = this.#options;
    const all = new Map(module.namedParameters());
    const missing = parametersToPrune?.filter((name) => !all.has(name)) ?? [];
    if (missing.length > 0) {
      throw new TypeError(`Cannot prune ${module.constructor.name}: it has no parameter ${missing.join(", ")}`);
    }
    const isWanted = (name: string) =>
      parametersToPrune?.includes(name) ?? parameterNames.includes(name.slice(name.lastIndexOf(".") + 1));
    this.#pruned = new Map([...all].filter(([name, { dtype }]) => isWanted(name) && isFloat(dtype)));
    if (this.#pruned.size === 0) throw new TypeError(`Cannot prune ${module.constructor.name}: no parameter is wanted`);
    this.#checkAxis(module);
    noGrad(() => {
      for (const [name, parameter] of this.#pruned) {
        const { masks, original } = this.#restored ?? { masks: {}, original: {} };
        this.#original.set(name, keep(original[name] ? tensor(original[name]) : mul(parameter, 1)));
        if (masks[name]) this.#setMask(name, tensor(masks[name]));
      }
    });
    this.#restored = null;
  }

  /** Keeps what is cut away at zero. */
  override onTrainBatchEnd(): void {
    if (this.#masks.size > 0) this.#applyMasks();
  }

  /** Prunes after an epoch. */
  override async onTrainEpochEnd(trainer: Trainer): Promise<void> {
    if (this.#options.pruneOnTrainEpochEnd) await this.#prune(trainer.currentEpoch);
  }

  /** Prunes after a validation. */
  override async onValidationEnd(trainer: Trainer): Promise<void> {
    if (trainer.sanityChecking || trainer.stage !== "fit" || this.#options.pruneOnTrainEpochEnd) return;
    await this.#prune(trainer.currentEpoch);
  }

  /** Notes whether there is more to train. */
  override onTrainEnd(trainer: Trainer): void {
    this.#ended = !trainer.interrupted;
  }

  /** Frees masks and remembered values; the weights stay as they are. */
  override teardown(): void {
    this.#lost ||= this.#masks.size > 0 && !this.#ended;
    for (const undo of this.#undo.splice(0)) undo();
    for (const t of [...this.#masks.values(), ...this.#original.values()]) t.dispose();
    this.#masks.clear();
    this.#original.clear();
  }

  /** Refuses a state of training that lacks the masks. */
  override onSaveCheckpoint(_trainer: Trainer, _module: LightningModule, { training }: CheckpointData): void {
    if (this.#lost && training !== null) throw lostState(this, "its masks");
  }

  /** Masks, and the values that training began with. */
  override stateDict(): StateDict {
    return { masks: Object.fromEntries(this.#masks), original: Object.fromEntries(this.#original) };
  }

  /** Takes them back. */
  override loadStateDict(state: StateDict): void {
    this.#restored = checkState("the ModelPruning", savedState, state);
  }

  /** Throws unless every parameter that is pruned by channels has the axis. */
  #checkAxis(module: LightningModule): void {
    const { pruningFn, pruningDim: dim } = this.#options;
    if (typeof pruningFn !== "string" || !pruningFn.endsWith("_structured")) return;
    for (const [name, { shape }] of this.#pruned) {
      if (shape.length < 2 || (dim >= -shape.length && dim < shape.length)) continue;
      throw new RangeError(
        `Cannot prune ${module.constructor.name}: pruningDim must be an axis of each parameter that has channels, is ${dim}, ` +
          `the shape of ${name} is ${showShape(shape)}`,
      );
    }
  }

  async #prune(epoch: number): Promise<void> {
    const { applyPruning, amount: given, useLotteryTicketHypothesis, verbose } = this.#options;
    const at = <T>(value: ByEpoch<T>): T =>
      typeof value === "function" ? (value as (epoch: number) => T)(epoch) : value;
    const amount = at<number | null | undefined>(given);
    if (!at(applyPruning) || amount === null || amount === undefined || amount === 0) return;
    if (!isAmount(amount)) {
      throw new RangeError(
        `Cannot prune in epoch ${epoch}: amount must be a share from 0 to 1 or a count, its function gave ${amount}`,
      );
    }
    const parts = await Promise.all(
      [...this.#pruned].map(async ([name, parameter]) => ({
        name,
        shape: parameter.shape,
        values: Float64Array.from((await parameter.data()) as ArrayLike<number>),
        kept: Uint8Array.from(
          (await this.#masks.get(name)?.data() ?? new Float32Array(parameter.numel).fill(1)) as Float32Array,
        ),
      })),
    );
    const { pruningFn, useGlobalUnstructured, pruningDim: dim, pruningNorm: norm } = this.#options;
    const kept = await pruneAll(parts, { fn: pruningFn, amount, together: useGlobalUnstructured, dim, norm });
    noGrad(() =>
      scope(() => {
        for (const [i, { name, shape }] of parts.entries()) {
          this.#setMask(name, tensor(hostTensor(Float32Array.from(kept[i]), { dtype: "f32", shape })));
        }
        if (at(useLotteryTicketHypothesis)) {
          for (const [name, parameter] of this.#pruned) copyInto(parameter, this.#original.get(name)!);
        }
        this.#applyMasks();
      })
    );
    const zeros = kept.map((part) => part.reduce((sum, keeps) => sum + 1 - keeps, 0));
    const sizes = kept.map(({ length }) => length), sum = (list: number[]) => list.reduce((a, b) => a + b, 0);
    this.#sparsity = sum(zeros) / sum(sizes);
    const tell = (what: string, zeros: number, size: number) =>
      writeErr(`Pruned ${what}: ${zeros} of ${size} values are 0 (${(100 * zeros / size).toFixed(2)} %)\n`);
    if (verbose > 0) tell("the model", sum(zeros), sum(sizes));
    if (verbose > 1) { for (const [i, { name }] of parts.entries()) tell(name, zeros[i], sizes[i]); }
  }

  /** Takes a mask in place of the one before; the first has gradients masked from now on. */
  #setMask(name: string, mask: Tensor): void {
    const before = this.#masks.get(name);
    if (before !== undefined) return copyInto(before, mask);
    const kept = keep(mul(mask, 1)), parameter = this.#pruned.get(name)!;
    this.#masks.set(name, kept);
    if (!parameter.requiresGrad) return;
    this.#undo.push(parameter.registerHook((gradient) => {
      track(gradient); // what a hook sees is its own to free
      return to(mul(gradient, kept), gradient.dtype);
    }));
  }

  #applyMasks(): void {
    noGrad(() =>
      scope(() => {
        for (const [name, mask] of this.#masks) {
          const parameter = this.#pruned.get(name)!;
          copyInto(parameter, mul(parameter, mask));
        }
      })
    );
  }
}
