import type { Loader, Loaders } from "../data/mod.ts";

/** A loader with the name that its metrics carry. */
export interface NamedLoader {
  readonly name: string | null;
  readonly loader: Loader;
}

/** Loaders as a list; a list of loaders is told from an array of batches by its first element. */
export function listLoaders(loaders: Loaders): NamedLoader[] {
  if (!loaders) return [];
  if (isLoader(loaders)) return [{ name: null, loader: loaders }];
  const named = !Array.isArray(loaders);
  return Object.entries(loaders as Record<string, Loader>).map(([key, loader]) => {
    if (!isLoader(loader)) {
      throw new TypeError(`Cannot use the loader ${key}: it must be iterable, got ${typeof loader}`);
    }
    return { name: named ? key : null, loader };
  });
}

function isLoader(value: unknown): value is Loader {
  if (value === null || typeof value !== "object") return false;
  const { [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } = value as Loader;
  if (typeof async === "function") return true;
  if (typeof sync !== "function") return false;
  return !(Array.isArray(value) && value.length > 0 && isLoader(value[0]) && !ArrayBuffer.isView(value[0]) &&
    !Array.isArray(value[0]));
}

/** Batches in a loader, or `null` where it cannot tell. */
export function lengthOf(loader: Loader): number | null {
  const { length } = loader;
  return typeof length === "number" && Number.isFinite(length) ? length : null;
}

/** A batch and whether it is the last of its loader. */
export interface Step {
  readonly batch: unknown;
  readonly index: number;
  readonly last: boolean;
}

/**
 * Walks a loader up to `limit` batches and tells which one is the last. A loader of unknown length is read one batch
 * ahead; `position` is then the state before that batch, so that nothing read ahead is lost in a checkpoint.
 */
export class Cursor {
  readonly #loader: Loader;
  readonly #limit: number;
  readonly #known: number | null;
  #iterator: Iterator<unknown> | AsyncIterator<unknown> | null = null;
  #ahead: IteratorResult<unknown> | null = null;
  #stateBeforeAhead: object | null = null;
  #index: number;

  /**
   * @param loader What to walk
   * @param limit The most batches
   * @param first The number of the first batch, for an epoch that is resumed
   */
  constructor(loader: Loader, limit: number, first = 0) {
    this.#loader = loader;
    this.#limit = limit;
    const length = lengthOf(loader);
    this.#known = length === null ? null : Math.min(length, limit);
    this.#index = first;
  }

  /** The next batch, or `null` at the end. */
  async next(): Promise<Step | null> {
    if (this.#index >= this.#limit) return null;
    const iterator = this.#iterator ??= this.#loader[Symbol.asyncIterator]?.() ?? this.#loader[Symbol.iterator]!();
    const current = this.#ahead ?? await iterator.next();
    this.#ahead = null;
    this.#stateBeforeAhead = null;
    if (current.done) return null;
    const index = this.#index++;
    let last: boolean;
    if (this.#index >= this.#limit) last = true;
    else if (this.#known !== null) last = this.#index >= this.#known;
    else {
      this.#stateBeforeAhead = this.#loader.stateDict?.() ?? null;
      this.#ahead = await iterator.next();
      last = this.#ahead.done ?? false;
    }
    return { batch: current.value, index, last };
  }

  /** The loader's state after the batches given so far. */
  state(): object | null {
    return this.#stateBeforeAhead ?? this.#loader.stateDict?.() ?? null;
  }

  /** Lets the loader stop what it does ahead of time. */
  async close(): Promise<void> {
    await this.#iterator?.return?.();
    this.#iterator = null;
  }
}
