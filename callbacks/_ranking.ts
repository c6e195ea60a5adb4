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
