import { checkNames } from "../device/option_names.ts";
import { add, div, eq, exp, full, gt, log, mul, sub, sum, where, zeros } from "../kernels/mod.ts";
import { tensor } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Metric, once } from "./metric.ts";
import { fail } from "./task.ts";
import { listOf, type Texts, words } from "./_texts.ts";

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

/** {@link BLEUScore} of one batch. */
export function bleuScore(preds: Texts, target: readonly Texts[], options?: BLEUScoreOptions): Tensor {
  return once(new BLEUScore(options), preds, target);
}
