import { checkNames } from "../device/option_names.ts";
import {
  add,
  crossEntropy,
  div,
  eq,
  exp,
  full,
  gt,
  log,
  mul,
  ne,
  reshape,
  sub,
  sum,
  where,
  zeros,
} from "../kernels/mod.ts";
import { tensor } from "../tensor/create.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import { sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkTensors, floats, labels } from "./_inputs.ts";
import { Metric, once } from "./metric.ts";
import { fail, oneOf } from "./task.ts";

/** Options of {@link Perplexity}. */
export interface PerplexityOptions {
  /** A target that does not count. */
  ignoreIndex?: number;
}

/**
 * The exponential of the mean cross-entropy: how many tokens a model hesitates between. Predictions are logits
 * [batch, length, vocabulary], targets tokens [batch, length].
 *
 * @example
 * ```ts
 * import { init, tensor, zeros } from "@fulgurite/core";
 * import { Perplexity } from "@fulgurite/core/metrics";
 *
 * await init();
 * const perplexity = new Perplexity();
 * perplexity.update(zeros([1, 2, 7]), tensor([[3, 5]]));
 * console.log(await perplexity.compute().item()); // about 7
 * ```
 */
export class Perplexity extends Metric<[preds: Tensor, target: Tensor]> {
  readonly #ignoreIndex: number | null;

  /**
   * Makes the metric.
   *
   * @param options Which target does not count
   */
  constructor(options: PerplexityOptions = {}) {
    super(options);
    checkNames("make Perplexity", options, { ignoreIndex: true });
    this.#ignoreIndex = options.ignoreIndex ?? null;
    this.addState("total_log_probs", () => zeros([]), "sum");
    this.addState("count", () => zeros([], { dtype: "i32" }), "sum");
  }

  /** Smaller is better. */
  override get higherIsBetter(): boolean {
    return false;
  }

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    checkTensors("Perplexity", { preds, target });
    if (preds.ndim !== 3 || !sameShape(preds.shape.slice(0, 2), target.shape) || !isFloat(preds.dtype)) {
      throw new ShapeError(
        "Perplexity",
        `Cannot update Perplexity: preds must be logits [B, T, V] and target tokens [B, T], current shapes are ${
          showShapes([preds.shape, target.shape])
        }`,
        [preds.shape, target.shape],
      );
    }
    const rows = reshape(floats(preds), [target.numel, preds.shape[2]]);
    const tokens = reshape(labels("Perplexity", "target", target), [target.numel]);
    const ignored = this.#ignoreIndex;
    const options = { reduction: "sum", ...(ignored === null ? {} : { ignoreIndex: ignored }) } as const;
    this.join("total_log_probs", crossEntropy(rows, tokens, options));
    this.join("count", ignored === null ? full([], tokens.numel, { dtype: "i32" }) : sum(ne(tokens, ignored)));
  }

  /** exp(Σ −log p / tokens). */
  protected override result(): Tensor {
    return exp(div(this.state("total_log_probs"), this.state("count")));
  }
}

/** Texts, or one. */
export type Texts = string | readonly string[];

function listOf(metric: string, name: string, texts: Texts): readonly string[] {
  const list = typeof texts === "string" ? [texts] : texts;
  if (Array.isArray(list) && list.every((text) => typeof text === "string")) return list;
  throw new TypeError(`Cannot update ${metric}: ${name} must be a text or a list of texts`);
}

/** Pairs of a text and what it should be. */
function pairs(metric: string, preds: Texts, target: Texts): [string, string][] {
  const [given, wanted] = [listOf(metric, "preds", preds), listOf(metric, "target", target)];
  if (given.length === wanted.length) return given.map((text, i) => [text, wanted[i]]);
  throw new RangeError(
    `Cannot update ${metric}: there must be a target for each prediction, there are ${given.length} and ${wanted.length}`,
  );
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");
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

/** Options of {@link BLEUScore}. */
export interface BLEUScoreOptions {
  /** The longest runs of words that are compared; default 4. */
  nGram?: number;
  /** Add one to the counts of runs of two words and more (Lin, Och, 2004); default false. */
  smooth?: boolean;
  /** How much each length of runs weighs; default all the same. */
  weights?: readonly number[];
}

/**
 * BLEU of translations, each with one or more references (Papineni et al., 2002). Words are what spaces separate.
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { BLEUScore } from "@fulgurite/core/metrics";
 *
 * await init();
 * const bleu = new BLEUScore();
 * bleu.update(["the cat is on the mat"], [["there is a cat on the mat", "a cat is on the mat"]]);
 * console.log(await bleu.compute().item()); // about 0.7598
 * ```
 */
export class BLEUScore extends Metric<[preds: Texts, target: readonly Texts[]]> {
  readonly #nGram: number;
  readonly #smooth: boolean;
  readonly #weights: readonly number[];

  /**
   * Makes the metric.
   *
   * @param options Which runs of words are compared, and how
   */
  constructor(options: BLEUScoreOptions = {}) {
    super(options);
    checkNames("make BLEUScore", options, { nGram: true, smooth: true, weights: true });
    const { nGram = 4, smooth = false } = options;
    if (!Number.isInteger(nGram) || nGram < 1) fail("BLEUScore", "nGram", "a whole number from 1 on", nGram);
    this.#nGram = nGram;
    this.#smooth = smooth;
    this.#weights = options.weights ?? new Array(nGram).fill(1 / nGram);
    if (this.#weights.length !== nGram) fail("BLEUScore", "weights", `a list of ${nGram} numbers`, this.#weights);
    for (const name of ["numerator", "denominator"]) this.addState(name, () => zeros([nGram]), "sum");
    for (const name of ["preds_len", "target_len"]) this.addState(name, () => zeros([]), "sum");
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** Takes translations with their references. */
  protected override accumulate(preds: Texts, target: readonly Texts[]): void {
    const given = listOf("BLEUScore", "preds", preds);
    if (!Array.isArray(target) || target.length !== given.length) {
      throw new RangeError("Cannot update BLEUScore: there must be a list of references for each prediction");
    }
    const found = new Float64Array(this.#nGram), all = new Float64Array(this.#nGram);
    let length = 0, wanted = 0;
    for (const [i, text] of given.entries()) {
      const said = words(text), references = listOf("BLEUScore", "target", target[i]).map(words);
      length += said.length;
      wanted += nearestLength(said.length, references);
      for (let n = 1; n <= this.#nGram; n++) {
        const runs = runsOf(said, n), known = references.map((reference) => runsOf(reference, n));
        for (const [run, count] of runs) {
          found[n - 1] += Math.min(count, Math.max(0, ...known.map((one) => one.get(run) ?? 0)));
          all[n - 1] += count;
        }
      }
    }
    this.join("numerator", tensor(found));
    this.join("denominator", tensor(all));
    this.join("preds_len", full([], length));
    this.join("target_len", full([], wanted));
  }

  /** The geometric mean of precisions, times the penalty for short translations. */
  protected override result(): Tensor {
    const found = this.state("numerator"), all = this.state("denominator"), rest = this.#nGram - 1;
    const more = tensor([0, ...new Array(rest).fill(1)], { dtype: "f32" });
    const precisions = this.#smooth ? div(add(found, more), add(all, more)) : div(found, all);
    const mean = exp(sum(mul(log(precisions), tensor([...this.#weights], { dtype: "f32" }))));
    const length = this.state("preds_len"), wanted = this.state("target_len");
    const penalty = where(gt(length, wanted), 1, exp(sub(1, div(wanted, length))));
    return where(eq(found, 0).any(), 0, mul(penalty, mean));
  }
}

/** How often each run of n words occurs. */
function runsOf(list: readonly string[], n: number): Map<string, number> {
  const runs = new Map<string, number>();
  for (let i = 0; i + n <= list.length; i++) {
    const run = list.slice(i, i + n).join(" ");
    runs.set(run, (runs.get(run) ?? 0) + 1);
  }
  return runs;
}

/** The length of the reference that is nearest in length; of two the first. */
function nearestLength(length: number, references: readonly string[][]): number {
  const lengths = references.map((reference) => reference.length);
  return lengths.reduce((best, one) => Math.abs(one - length) < Math.abs(best - length) ? one : best, lengths[0] ?? 0);
}

/** {@link Perplexity} of one batch. */
export function perplexity(preds: Tensor, target: Tensor, options?: PerplexityOptions): Tensor {
  return once(new Perplexity(options), preds, target);
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

/** {@link BLEUScore} of one batch. */
export function bleuScore(preds: Texts, target: readonly Texts[], options?: BLEUScoreOptions): Tensor {
  return once(new BLEUScore(options), preds, target);
}
