import { CombinedLoader, type Loader, type Loaders } from "../data/mod.ts";
import { show } from "../device/option_names.ts";
import { then } from "./_then.ts";

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

/**
 * The one loader of training: several are walked together, each batch with one of each.
 *
 * @param loaders By name, or in a list
 */
export function combined(loaders: readonly NamedLoader[]): NamedLoader {
  const [{ name }] = loaders;
  if (loaders.length === 1 && name === null) return loaders[0];
  const group = name === null
    ? loaders.map(({ loader }) => loader)
    : Object.fromEntries(loaders.map(({ name, loader }) => [name!, loader]));
  return { name: null, loader: new CombinedLoader(group) };
}

function isLoader(value: unknown): value is Loader {
  if (value === null || typeof value !== "object") return false;
  const { [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } = value as Loader;
  if (typeof async === "function") return true;
  if (typeof sync !== "function") return false;
  return !(Array.isArray(value) && value.length > 0 && !Array.isArray(value[0]) && !ArrayBuffer.isView(value[0]) &&
    isLoader(value[0]));
}

/** Batches in a loader, or `null` where it cannot tell. */
export function lengthOf(loader: Loader): number | null {
  const length: unknown = loader.length;
  if (length === undefined || length === null || length === Infinity) return null;
  if (Number.isSafeInteger(length) && length as number >= 0) return length as number;
  throw new RangeError(
    `Cannot use a loader: its length must be a whole number from 0 on, or Infinity or missing where it is unknown, got ${
      show(length)
    }`,
  );
}

/** A batch and whether it is the last of its loader. */
export interface Step {
  readonly batch: unknown;
  readonly index: number;
  readonly last: boolean;
}

/** How a {@link Cursor} walks. */
export interface CursorOptions {
  /** The most batches. */
  readonly limit: number;
  /** The number of the first batch, for an epoch that is resumed; default 0. */
  readonly first?: number;
  /** Batches to pass over before it, where the loader itself cannot go on in the middle; default 0. */
  readonly skip?: number;
}

/**
 * Walks a loader up to a limit and tells which batch is the last. A loader of unknown length is read one batch ahead.
 * What it gives is a promise only where the loader's is.
 */
export class Cursor {
  readonly #loader: Loader;
  readonly #limit: number;
  readonly #known: number | null;
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  #ahead: IteratorResult<unknown> | null = null;
  #index: number;
  #skip: number;
  /** The loader's states before and after the latest batch; later ones were only read ahead. */
  #before: object | null;
  #after: object | null;

  /**
   * @param loader What to walk
   * @param options Where to begin and to end
   */
  constructor(loader: Loader, { limit, first = 0, skip = 0 }: CursorOptions) {
    this.#loader = loader;
    this.#limit = limit;
    const length = lengthOf(loader);
    this.#known = length === null ? null : Math.min(length, limit);
    this.#index = first;
    this.#skip = skip;
    this.#iterator = loader[Symbol.asyncIterator]?.() ?? loader[Symbol.iterator]!();
    if (typeof this.#iterator?.next !== "function") {
      throw new TypeError(`Cannot use a loader: walking it must give an iterator, got ${show(this.#iterator)}`);
    }
    this.#before = this.#after = this.#state();
  }

  /** The next batch, or `null` at the end. */
  next(): Step | null | Promise<Step | null> {
    if (this.#index >= this.#limit) return null;
    return then(this.#read(), (current) => {
      this.#ahead = null;
      if (current.done) return null;
      this.#before = this.#after;
      this.#after = this.#state();
      const index = this.#index++;
      if (current.value === undefined) {
        throw new TypeError(`Cannot use batch ${index} of a loader: it must be a value, the loader gave undefined`);
      }
      const step = (last: boolean): Step => ({ batch: current.value, index, last });
      if (this.#index >= this.#limit) return step(true);
      if (this.#known !== null) return step(this.#index >= this.#known);
      return then(this.#iterator.next(), (ahead) => {
        this.#ahead = ahead;
        return step(ahead.done ?? false);
      });
    });
  }

  /**
   * The loader's state with which a resumed run goes on.
   *
   * @param done Batches of the epoch that are done: the latest may be, or not yet
   */
  state(done: number): object | null {
    return done >= this.#index ? this.#after : this.#before;
  }

  /** Lets the loader stop what it does ahead of time. One that is still busy with a batch is not waited for. */
  async close(busy: boolean = false): Promise<void> {
    const closed = this.#iterator.return?.();
    if (!busy) await closed;
    else if (closed instanceof Promise) closed.catch(() => {}); // nobody wants its batches any more, nor its errors
  }

  #read(): IteratorResult<unknown> | Promise<IteratorResult<unknown>> {
    if (this.#skip > 0) return this.#skipAndRead();
    return this.#ahead ?? this.#iterator.next();
  }

  async #skipAndRead(): Promise<IteratorResult<unknown>> {
    for (; this.#skip > 0; this.#skip--) if ((await this.#iterator.next()).done) break;
    return await this.#iterator.next();
  }

  #state(): object | null {
    return this.#loader.stateDict?.() ?? null;
  }
}
