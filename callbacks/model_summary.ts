import * as z from "zod";
import { writeErr } from "../platform/mod.ts";
import { checkOptions } from "../trainer/check_options.ts";
import {
  Callback,
  type LightningModule,
  type ModelSummaryTable,
  showSummary,
  summarize,
  type Trainer,
} from "../trainer/mod.ts";

const rules = {
  maxDepth: [z.int().min(-1).default(1), "a whole number from 0 on, or -1 for all layers"],
} as const;

/**
 * Shows the model's layers before training: names, classes, parameters, bytes, and, with an `exampleInputArray`, shapes
 * and floating-point operations. It writes to the error stream.
 *
 * @example
 * ```ts
 * import { ModelSummary } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * new Trainer({ callbacks: new ModelSummary({ maxDepth: -1 }), logger: false });
 * ```
 */
export class ModelSummary extends Callback {
  readonly #maxDepth: number;
  #summary: ModelSummaryTable | null = null;

  /**
   * Makes the callback.
   *
   * @param options How deep layers are listed: 1 (default) those directly below, −1 all, 0 shows nothing
   * @throws {TypeError} If it is no such number
   */
  constructor(options: { maxDepth?: number } = {}) {
    super();
    this.#maxDepth = checkOptions("a ModelSummary", rules, options).maxDepth;
  }

  /** What was shown, `null` before. */
  get summary(): ModelSummaryTable | null {
    return this.#summary;
  }

  /** Shows it. */
  override onFitStart(_trainer: Trainer, module: LightningModule): void {
    if (this.#maxDepth === 0) return;
    this.#summary = summarize(module, { maxDepth: this.#maxDepth });
    writeErr(showSummary(this.#summary) + "\n");
  }
}
