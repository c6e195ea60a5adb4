import { checkNames } from "../device/option_names.ts";
import type { Loader } from "./protocol.ts";

/**
 * How several loaders become one: `"max_size_cycle"` goes on until the longest ends while shorter ones begin anew,
 * `"max_size"` until the longest ends with `null` in place of what has ended, `"min_size"` until the shortest ends,
 * `"sequential"` walks one loader after the other.
 */
export type CombinedMode = "max_size_cycle" | "max_size" | "min_size" | "sequential";

/** Loaders by name, or in a list. */
export type LoaderGroup = Readonly<Record<string, Loader>> | readonly Loader[];

/** Where a `CombinedLoader` stands in an epoch; JSON holds it. */
export interface CombinedLoaderState {
  /** The epoch that it was told last. */
  readonly epoch: number;
  /** The loader that is walked, where they are walked one after the other. */
  readonly current: number;
  /**
   * Where each of them stands: batches handed out since it last began, whether it has ended once, and its own state.
   */
  readonly loaders: readonly { readonly batches: number; readonly ended: boolean; readonly state: object | null }[];
}

const MODES: readonly string[] = ["max_size_cycle", "max_size", "min_size", "sequential"];

/**
 * Walks several loaders together: a batch has one of each, in the form in which the loaders were given.
 *
 * @example
 * ```ts
 * import { CombinedLoader } from "@fulgurite/core/data";
 *
 * const loader = new CombinedLoader({ a: [1, 2], b: [10, 20, 30] });
 * for await (const batch of loader) console.log(batch); // { a: 1, b: 10 }, { a: 2, b: 20 }, { a: 1, b: 30 }
 * ```
 */
export class CombinedLoader implements Loader {
  /** The loaders. */
  readonly loaders: LoaderGroup;
  /** How they are combined. */
  readonly mode: CombinedMode;
  #walks: readonly Walk[] = [];
  #current = 0;
  #epoch = 0;
  #resume: CombinedLoaderState | null = null;

  /**
   * Combines loaders.
   *
   * @param loaders By name, or in a list
   * @param options How
   * @throws {TypeError} If there is none, or no such mode
   */
  constructor(loaders: LoaderGroup, options: { mode?: CombinedMode } = {}) {
    checkNames("make a CombinedLoader", options, { mode: true });
    const { mode = "max_size_cycle" } = options;
    if (!MODES.includes(mode)) {
      throw new TypeError(
        `Cannot make a CombinedLoader: mode must be ${MODES.map((name) => `"${name}"`).join(", ")}, got ${
          JSON.stringify(mode)
        }`,
      );
    }
    if (Object.keys(loaders).length === 0) {
      throw new TypeError("Cannot make a CombinedLoader: it needs a loader, got none");
    }
    this.loaders = loaders;
    this.mode = mode;
  }

  /** Batches of an epoch, `Infinity` where a loader does not tell. */
  get length(): number {
    const lengths = this.#list.map(({ length }) => length ?? Infinity);
    if (this.mode === "sequential") return lengths.reduce((sum, length) => sum + length, 0);
    return this.mode === "min_size" ? Math.min(...lengths) : Math.max(...lengths);
  }

  /** Tells every loader the epoch. A state that was loaded stays if it is of the same epoch. */
  setEpoch(epoch: number): void {
    if (this.#resume?.epoch !== epoch) this.#resume = null;
    if (this.#epoch !== epoch) {
      this.#walks = [];
      this.#current = 0;
    }
    this.#epoch = epoch;
    for (const loader of this.#list) loader.setEpoch?.(epoch);
  }

  /** The loaders without a random order, for {@link Loader.sequential}. */
  sequential(): CombinedLoader {
    return this.#each((loader) => loader.sequential?.() ?? loader);
  }

  /** The loaders with last batches that are not full, for {@link Loader.whole}. */
  whole(): CombinedLoader {
    return this.#each((loader) => loader.whole?.() ?? loader);
  }

  #each(change: (loader: Loader) => Loader): CombinedLoader {
    const entries = Object.entries(this.loaders as Record<string, Loader>).map(([key, loader]) =>
      [key, change(loader)] as const
    );
    const loaders = Array.isArray(this.loaders) ? entries.map(([, loader]) => loader) : Object.fromEntries(entries);
    return new CombinedLoader(loaders, { mode: this.mode });
  }

  /** Where the latest iteration stands: batches read ahead by a loader do not count. */
  stateDict(): CombinedLoaderState {
    if (this.#resume !== null) return this.#resume;
    return {
      epoch: this.#epoch,
      current: this.#current,
      loaders: this.#list.map((loader, i) => {
        const { batches = 0, ended = false } = this.#walks[i] ?? {};
        return { batches, ended, state: loader.stateDict?.() ?? null };
      }),
    };
  }

  /**
   * Makes the next iteration go on where a state was taken. A loader that keeps no state is walked again up to its
   * place.
   *
   * @throws {TypeError} if it is the state of other loaders
   */
  loadStateDict(state: CombinedLoaderState): void {
    const count = this.#list.length;
    if (!Array.isArray(state.loaders) || state.loaders.length !== count) {
      throw new TypeError(
        `Cannot load the state of a CombinedLoader: it must be of ${count} loaders, it is of ${
          state.loaders?.length ?? 0
        }`,
      );
    }
    this.#resume = state;
    this.#epoch = state.epoch;
  }

  /** Hands the memory of a batch back to the loaders that gave it. */
  recycle(batch: unknown): void {
    if (this.mode === "sequential") this.#list[this.#current]?.recycle?.(batch);
    else {
      const parts = Object.values(batch as Record<string, unknown>);
      for (const [i, loader] of this.#list.entries()) loader.recycle?.(parts[i]);
    }
  }

  /** Lets every loader let go of its threads. */
  async release(): Promise<void> {
    for (const loader of this.#list) await loader.release?.();
  }

  /** Walks them. */
  // deno-lint-ignore no-explicit-any -- what a batch holds depends on the mode, and on which loaders have ended
  async *[Symbol.asyncIterator](): AsyncGenerator<any> {
    const from = this.#resume;
    this.#resume = null;
    // Not before: a loader that begins anew within an epoch could not tell the place from one of the next epoch.
    for (const [i, loader] of this.#list.entries()) {
      const own = from?.loaders[i].state ?? null;
      if (own !== null) await loader.loadStateDict?.(own as never); // its own
    }
    this.#current = from?.current ?? 0;
    this.#walks = this.#list.map((loader, i) => new Walk(loader, from?.loaders[i] ?? null));
    const walks = this.#walks;
    try {
      if (this.mode === "sequential") {
        for (; this.#current < walks.length; this.#current++) {
          const walked = walks[this.#current];
          for (let next = await walked.next(); !next.done; next = await walked.next()) yield next.value;
        }
        return;
      }
      while (true) {
        const batches: unknown[] = [];
        for (const walked of walks) batches.push(await this.#next(walked));
        const over = this.mode === "min_size" ? walks.some(({ ended }) => ended) : walks.every(({ ended }) => ended);
        if (over) return;
        const empty = walks.findIndex((walked) => walked.empty);
        if (empty >= 0) {
          throw new RangeError(
            `Cannot walk the loader ${
              Object.keys(this.loaders)[empty]
            } in CombinedLoader: it must give batches whenever ` +
              "it begins anew, until all others have ended, it gave none",
          );
        }
        yield this.#shaped(batches);
      }
    } finally {
      for (const walked of walks) await walked.close();
    }
  }

  /** The next batch of one loader; one that has ended begins anew where shorter ones do. */
  async #next(walked: Walk): Promise<unknown> {
    const first = await walked.next();
    if (!first.done) return first.value;
    if (this.mode !== "max_size_cycle") return null;
    walked.again();
    const again = await walked.next();
    walked.empty = again.done ?? false;
    return again.value;
  }

  #shaped(batches: readonly unknown[]): unknown {
    if (Array.isArray(this.loaders)) return batches;
    return Object.fromEntries(Object.keys(this.loaders).map((name, i) => [name, batches[i]]));
  }

  get #list(): readonly Loader[] {
    return Object.values(this.loaders as Record<string, Loader>);
  }
}

/** Walks one loader, from the start or from a place. */
class Walk {
  readonly #loader: Loader;
  #iterator: Iterator<unknown> | AsyncIterator<unknown> | null = null;
  #skip: number;
  /** Batches of this pass that were handed out. */
  batches: number;
  /** Whether it has come to its end once. */
  ended: boolean;
  /** Whether it gave nothing when it began anew. */
  empty = false;

  constructor(loader: Loader, from: CombinedLoaderState["loaders"][number] | null) {
    this.#loader = loader;
    this.batches = from?.batches ?? 0;
    this.ended = from?.ended ?? false;
    this.#skip = from?.state === null ? this.batches : 0; // one with a state begins at its place by itself
  }

  async next(): Promise<IteratorResult<unknown>> {
    this.#iterator ??= this.#loader[Symbol.asyncIterator]?.() ?? this.#loader[Symbol.iterator]!();
    while (this.#skip > 0 && !(await this.#iterator.next()).done) this.#skip--;
    const next = await this.#iterator.next();
    if (next.done) this.ended = true;
    else this.batches++;
    return next;
  }

  /** Begins a new pass. */
  again(): void {
    this.#iterator = null;
    this.batches = this.#skip = 0;
  }

  async close(): Promise<void> {
    await this.#iterator?.return?.();
  }
}
