import { checkNames } from "../device/option_names.ts";
import { div, eq, full, sum, where, zeros } from "../kernels/mod.ts";
import { tensor } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Metric, once } from "./metric.ts";
import { fail, oneOf } from "./task.ts";
import { pairs, type Texts, words } from "./_texts.ts";

const characters = (text: string): string[] => [...text];

/** Insertions, deletions and substitutions to get from one list to another (Levenshtein's distance). */
function distance(from: readonly string[], into: readonly string[], substitution = 1): number {
  let row = Array.from({ length: into.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= into.length; j++) {
      const replaced = row[j - 1] + (from[i - 1] === into[j - 1] ? 0 : substitution);
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, replaced);
    }
    row = next;
  }
  return row[into.length];
}

/** What rates of errors have in common: edits, counted on the host, over what there was. */
export abstract class ErrorRate extends Metric<[preds: Texts, target: Texts]> {
  /** Takes no options. */
  constructor() {
    super();
    this.addState("errors", () => zeros([]), "sum");
    this.addState("total", () => zeros([]), "sum");
  }

  /** Smaller is better. */
  override get higherIsBetter(): boolean {
    return false;
  }

  /** The parts of a text. */
  protected parts(text: string): string[] {
    return words(text);
  }

  /** What edits are related to. */
  protected size(_preds: readonly string[], target: readonly string[]): number {
    return target.length;
  }

  /** Takes texts. */
  protected override accumulate(preds: Texts, target: Texts): void {
    let errors = 0, total = 0;
    for (const [pred, wanted] of pairs(this.constructor.name, preds, target)) {
      const [from, into] = [this.parts(pred), this.parts(wanted)];
      errors += distance(from, into);
      total += this.size(from, into);
    }
    this.join("errors", full([], errors));
    this.join("total", full([], total));
  }

  /** Edits over what there was. */
  protected override result(): Tensor {
    return div(this.state("errors"), this.state("total"));
  }
}

/**
 * Words to change, over words of the targets. Texts are taken apart on the host.
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { WordErrorRate } from "@fulgurite/core/metrics";
 *
 * await init();
 * const wer = new WordErrorRate();
 * wer.update(["this is the prediction"], ["this is the reference"]);
 * console.log(await wer.compute().item()); // 0.25
 * ```
 */
export class WordErrorRate extends ErrorRate {
  /** Takes no options. */
  constructor() {
    super();
  }
}

/**
 * Characters to change, over characters of the targets.
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { CharErrorRate } from "@fulgurite/core/metrics";
 *
 * await init();
 * const cer = new CharErrorRate();
 * cer.update("cat", "cart");
 * console.log(await cer.compute().item()); // 0.25
 * ```
 */
export class CharErrorRate extends ErrorRate {
  /** Takes no options. */
  constructor() {
    super();
  }

  /** Its characters. */
  protected override parts(text: string): string[] {
    return characters(text);
  }
}

/**
 * Words to change, over the words of the longer text.
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { MatchErrorRate } from "@fulgurite/core/metrics";
 *
 * await init();
 * const mer = new MatchErrorRate();
 * mer.update("one two three four", "one two");
 * console.log(await mer.compute().item()); // 0.5
 * ```
 */
export class MatchErrorRate extends ErrorRate {
  /** Takes no options. */
  constructor() {
    super();
  }

  /** The words of the longer text. */
  protected override size(preds: readonly string[], target: readonly string[]): number {
    return Math.max(preds.length, target.length);
  }
}

/** Options of {@link EditDistance}. */
export interface EditDistanceOptions {
  /** What a substitution costs; default 1. */
  substitutionCost?: number;
  /** The mean of the distances, their sum, or all of them; default `"mean"`. */
  reduction?: "mean" | "sum" | "none";
}

/**
 * Characters to change to get from one text to another.
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { EditDistance } from "@fulgurite/core/metrics";
 *
 * await init();
 * const edits = new EditDistance();
 * edits.update(["rain", "lnaguaeg"], ["shine", "language"]);
 * console.log(await edits.compute().item()); // 3.5
 * ```
 */
export class EditDistance extends Metric<[preds: Texts, target: Texts]> {
  readonly #cost: number;
  readonly #reduction: "mean" | "sum" | "none";

  /**
   * Makes the metric.
   *
   * @param options What a substitution costs, and how distances become one number
   */
  constructor(options: EditDistanceOptions = {}) {
    super(options);
    checkNames("make EditDistance", options, { substitutionCost: true, reduction: true });
    this.#cost = options.substitutionCost ?? 1;
    this.#reduction = options.reduction ?? "mean";
    if (!Number.isInteger(this.#cost) || this.#cost < 0) {
      fail("EditDistance", "substitutionCost", "a whole number from 0 on", this.#cost);
    }
    const allowed = ["mean", "sum", "none"] as const;
    if (!allowed.includes(this.#reduction)) fail("EditDistance", "reduction", oneOf(allowed), this.#reduction);
    if (this.#reduction === "none") this.addState("edit_scores", null);
    else this.addState("edit_scores", () => zeros([], { dtype: "i32" }), "sum");
    this.addState("num_elements", () => zeros([], { dtype: "i32" }), "sum");
  }

  /** Smaller is better. */
  override get higherIsBetter(): boolean {
    return false;
  }

  /** Takes texts. */
  protected override accumulate(preds: Texts, target: Texts): void {
    const distances = pairs("EditDistance", preds, target).map(([from, into]) =>
      distance(characters(from), characters(into), this.#cost)
    );
    const all = tensor(Int32Array.from(distances));
    this.join("edit_scores", this.#reduction === "none" ? all : sum(all));
    this.join("num_elements", full([], distances.length, { dtype: "i32" }));
  }

  /** The mean of the distances, their sum, or all of them. */
  protected override result(): Tensor {
    if (this.#reduction === "none") return this.joined("edit_scores") ?? zeros([0], { dtype: "i32" });
    const scores = this.state("edit_scores"), count = this.state("num_elements");
    return this.#reduction === "sum" ? scores : where(eq(count, 0), 0, div(scores, count));
  }
}

/** {@link WordErrorRate} of one batch. */
export function wordErrorRate(preds: Texts, target: Texts): Tensor {
  return once(new WordErrorRate(), preds, target);
}

/** {@link CharErrorRate} of one batch. */
export function charErrorRate(preds: Texts, target: Texts): Tensor {
  return once(new CharErrorRate(), preds, target);
}

/** {@link MatchErrorRate} of one batch. */
export function matchErrorRate(preds: Texts, target: Texts): Tensor {
  return once(new MatchErrorRate(), preds, target);
}

/** {@link EditDistance} of one batch. */
export function editDistance(preds: Texts, target: Texts, options?: EditDistanceOptions): Tensor {
  return once(new EditDistance(options), preds, target);
}
