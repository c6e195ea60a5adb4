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
export class CombinedLoader implements Loader, AsyncIterable<unknown> {
  /** The loaders. */
  readonly loaders: LoaderGroup;
  /** How they are combined. */
  readonly mode: CombinedMode;

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

  /** Tells every loader the epoch. */
  setEpoch(epoch: number): void {
    for (const loader of this.#list) loader.setEpoch?.(epoch);
  }

  /** The loaders without a random order, for {@link Loader.sequential}. */
  sequential(): CombinedLoader {
    const plain = ([key, loader]: [string, Loader]): [string, Loader] => [key, loader.sequential?.() ?? loader];
    const entries = Object.entries(this.loaders as Record<string, Loader>).map(plain);
    const loaders = Array.isArray(this.loaders) ? entries.map(([, loader]) => loader) : Object.fromEntries(entries);
    return new CombinedLoader(loaders, { mode: this.mode });
  }

  /** Walks them. */
  async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
    if (this.mode === "sequential") {
      for (const loader of this.#list) yield* walk(loader);
      return;
    }
    const walks = this.#list.map((loader) => ({ loader, iterator: walk(loader), ended: false }));
    try {
      while (true) {
        const batches: unknown[] = [];
        for (const walked of walks) batches.push(await this.#next(walked));
        const over = this.mode === "min_size" ? walks.some(({ ended }) => ended) : walks.every(({ ended }) => ended);
        if (over) return;
        yield this.#shaped(batches);
      }
    } finally {
      for (const { iterator } of walks) await iterator.return(undefined);
    }
  }

  /** The next batch of one loader; one that has ended begins anew where shorter ones do. */
  async #next(walked: { loader: Loader; iterator: AsyncGenerator<unknown>; ended: boolean }): Promise<unknown> {
    const first = await walked.iterator.next();
    if (!first.done) return first.value;
    walked.ended = true;
    if (this.mode !== "max_size_cycle") return null;
    walked.iterator = walk(walked.loader);
    const again = await walked.iterator.next();
    return again.done ? null : again.value;
  }

  #shaped(batches: readonly unknown[]): unknown {
    if (Array.isArray(this.loaders)) return batches;
    return Object.fromEntries(Object.keys(this.loaders).map((name, i) => [name, batches[i]]));
  }

  get #list(): readonly Loader[] {
    return Object.values(this.loaders as Record<string, Loader>);
  }
}

async function* walk(loader: Loader): AsyncGenerator<unknown> {
  yield* (loader[Symbol.asyncIterator] ? loader as AsyncIterable<unknown> : loader as Iterable<unknown>);
}
