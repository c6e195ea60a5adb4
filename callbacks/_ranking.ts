import { writeErr } from "../platform/mod.ts";
import type { Trainer } from "../trainer/mod.ts";

/** The checkpoints that are kept, best first or newest alone. */
export class Ranking {
  /** The best checkpoint, or without scores the newest; `""` before the first. */
  best = "";
  /** Its score. */
  bestScore: number | null = null;
  /** The kept checkpoints and their scores. */
  kept: Map<string, number> = new Map();
  readonly #mode: "min" | "max";
  readonly #most: number;

  /**
   * @param mode Whether less or more is better
   * @param most How many are kept, −1 for all
   */
  constructor(mode: "min" | "max", most: number) {
    this.#mode = mode;
    this.#most = most;
  }

  /** The ranking as it is, for {@link goBack}. */
  get present(): Pick<Ranking, "best" | "bestScore" | "kept"> {
    return { best: this.best, bestScore: this.bestScore, kept: new Map(this.kept) };
  }

  /** Forgets what was added since. */
  goBack(before: Pick<Ranking, "best" | "bestScore" | "kept">): void {
    Object.assign(this, before);
  }

  /** The kept checkpoint that goes first, `""` before the first. */
  get worst(): string {
    return this.#extreme((a, b) => this.#better(a, b))?.[0] ?? "";
  }

  /** Whether a checkpoint of this score is among those to keep: strictly better than the worst of them. */
  deserves(score: number | null): boolean {
    if (this.#most === 0) return false;
    if (score === null || this.#most < 0 || this.kept.size < this.#most) return true;
    return this.#better(this.#rank(score), this.kept.get(this.worst)!);
  }

  /**
   * Enters a checkpoint.
   *
   * @param score Its score; `null` where checkpoints are not ranked
   * @returns The one that has to go, or `null`
   */
  add(path: string, score: number | null): string | null {
    let dropped: string | null = null;
    if (score === null) {
      if (this.#most === 1) dropped = this.best || null;
      this.best = path;
    } else {
      if (this.#most > 0 && this.kept.size >= this.#most) {
        dropped = this.worst;
        this.kept.delete(dropped);
      }
      this.kept.set(path, this.#rank(score));
      [this.best, this.bestScore] = this.#extreme((a, b) => this.#better(b, a))!;
    }
    return dropped === path ? null : dropped;
  }

  /** NaN ranks worst. */
  #rank(score: number): number {
    return Number.isNaN(score) ? (this.#mode === "min" ? Infinity : -Infinity) : score;
  }

  #better(a: number, b: number): boolean {
    return this.#mode === "min" ? a < b : a > b;
  }

  /** The kept checkpoint that no later one replaces. */
  #extreme(replaces: (a: number, b: number) => boolean): [string, number] | null {
    let found: [string, number] | null = null;
    for (const entry of this.kept) if (found === null || replaces(found[1], entry[1])) found = entry;
    return found;
  }
}

/**
 * What a checkpoint of this moment is ranked by.
 *
 * @param trainer The trainer
 * @param monitor The metric
 * @param validated Whether the epoch's validation is over
 * @returns The metric's value; `"awaited"` if it is older than the weights, or does not exist yet, and a later moment
 *   of the epoch brings it; `"missing"` if Lightning would go on with a warning
 * @throws {Error} If the metric does not exist, and nothing brings it
 */
export function scoreOf(trainer: Trainer, monitor: string, validated: boolean): number | "awaited" | "missing" {
  const { lightningCompat } = trainer.options;
  const value = trainer.callbackMetrics[monitor];
  const comes = trainer.hasValidation && !validated;
  if (value !== undefined) {
    return lightningCompat || trainer.metricSteps[monitor] === trainer.globalStep ? value : "awaited";
  }
  if (!lightningCompat && comes) return "awaited";
  const known = Object.keys(trainer.callbackMetrics).join(", ") || "none";
  const message = `Cannot rank checkpoints: there must be a metric ${monitor}, known are ${known}`;
  if (!comes) throw new Error(message);
  writeErr(`${message}\n`);
  return "missing";
}
