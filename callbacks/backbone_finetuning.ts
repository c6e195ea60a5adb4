import * as z from "zod";
import { writeErr } from "../platform/mod.ts";
import { Module } from "../nn/mod.ts";
import type { Optimizer } from "../optim/mod.ts";
import { checkOptions } from "../trainer/check_options.ts";
import { checkState } from "../trainer/check_state.ts";
import type { LightningModule, StateDict } from "../trainer/mod.ts";
import { BaseFinetuning } from "./base_finetuning.ts";

/** When and how a {@link BackboneFinetuning} lets the backbone learn. */
export interface BackboneFinetuningOptions {
  /** The epoch, from 0; default 10. */
  unfreezeBackboneAtEpoch?: number;
  /** The factor of the backbone's rate in each epoch after that; default 2. */
  lambdaFunc?: (epoch: number) => number;
  /** Its first rate as a share of the head's; default 0.1. */
  backboneInitialRatioLr?: number;
  /** Its first rate itself; default: by the share. */
  backboneInitialLr?: number | null;
  /** Whether its rate stops growing at the head's; default true. */
  shouldAlign?: boolean;
  /**
   * Whether batch normalisation of the backbone learns, and measures its statistics, from the beginning; default true.
   */
  trainBn?: boolean;
  /** Say the rates; default false. */
  verbose?: boolean;
}

const flag = (preset: boolean) => [z.boolean().default(preset), "true or false"] as const;
const rules = {
  unfreezeBackboneAtEpoch: [z.int().min(0).default(10), "a whole number from 0 on"],
  lambdaFunc: [
    z.custom<(epoch: number) => number>((f) => typeof f === "function").default(() => () => 2),
    "a function",
  ],
  backboneInitialRatioLr: [z.number().positive().default(0.1), "a number above 0"],
  backboneInitialLr: [z.number().positive().nullable().default(null), "a number above 0 or null"],
  shouldAlign: flag(true),
  trainBn: flag(true),
  verbose: flag(false),
} as const;

/**
 * Trains the head of a model first: what stands in its property `backbone` is frozen until an epoch, and then learns
 * with a rate that grows to the head's.
 *
 * @example
 * ```ts
 * import { BackboneFinetuning } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * const callbacks = new BackboneFinetuning({ unfreezeBackboneAtEpoch: 3, lambdaFunc: () => 1.5 });
 * new Trainer({ maxEpochs: 10, callbacks, logger: false });
 * ```
 */
export class BackboneFinetuning extends BaseFinetuning {
  readonly #options: ReturnType<typeof checkOptions<typeof rules>>;
  #backboneLr: number | null = null;

  /**
   * Makes the callback.
   *
   * @param options When and how
   * @throws {TypeError} Naming each option that is wrong
   */
  constructor(options: BackboneFinetuningOptions = {}) {
    super();
    this.#options = checkOptions("a BackboneFinetuning", rules, options);
  }

  /** Freezes the backbone. */
  override freezeBeforeTraining(module: LightningModule): void {
    this.freeze(backboneOf(module), this.#options);
  }

  /** Unfreezes it, and lets its rate grow. */
  override finetuneFunction(module: LightningModule, epoch: number, optimizer: Optimizer): void {
    const { unfreezeBackboneAtEpoch, lambdaFunc, shouldAlign, trainBn, verbose } = this.#options;
    const { backboneInitialLr, backboneInitialRatioLr } = this.#options;
    const head = optimizer.paramGroups[0].lr;
    if (epoch === unfreezeBackboneAtEpoch) {
      this.#backboneLr = backboneInitialLr ?? head * backboneInitialRatioLr;
      const before = optimizer.paramGroups.length;
      this.unfreezeAndAddParamGroup(backboneOf(module), optimizer, { lr: this.#backboneLr, trainBn });
      if (optimizer.paramGroups.length === before) {
        throw new TypeError(
          `Cannot finetune ${module.constructor.name}: the optimizer must not have the backbone's parameters before, make it with ` +
            "those that require gradients",
        );
      }
    } else if (epoch > unfreezeBackboneAtEpoch && this.#backboneLr !== null) {
      const next = lambdaFunc(epoch + 1) * this.#backboneLr;
      this.#backboneLr = shouldAlign ? Math.min(next, head) : next;
      optimizer.paramGroups[optimizer.paramGroups.length - 1].lr = this.#backboneLr;
    } else return;
    if (verbose) {
      writeErr(`Epoch ${epoch}: the rate of the head is ${head}, that of the backbone ${this.#backboneLr}\n`);
    }
  }

  /** Groups and the backbone's rate. */
  override stateDict(): StateDict {
    return { ...super.stateDict(), backboneLr: this.#backboneLr };
  }

  /** Takes them back. */
  override loadStateDict(state: StateDict): void {
    super.loadStateDict(state);
    this.#backboneLr =
      checkState("the BackboneFinetuning", z.object({ backboneLr: z.number().nullable() }), state).backboneLr;
  }
}

function backboneOf(module: LightningModule): Module {
  const { backbone } = module as { backbone?: unknown };
  if (backbone instanceof Module) return backbone;
  throw new TypeError(`Cannot finetune ${module.constructor.name}: it must have a module as its property backbone`);
}
