import { ConcatDataset } from "./concat_dataset.ts";
import { type Dataset, type IterableDataset, type RecordDataset, Subset } from "./dataset.ts";

/** How a worker makes a data set again: the module that defines it, its name there, and the arguments. */
export interface DatasetOrigin {
  /** The module's address. */
  readonly module: string;
  /** The name in `defineDataset`. */
  readonly name: string;
  /** What the factory receives; copied into the worker. */
  readonly args: readonly unknown[];
}

/** What can be defined. */
// deno-lint-ignore no-explicit-any -- data sets of any samples; the factory's own type is kept
export type AnyDefined = Dataset<any, any> | IterableDataset<any, any> | RecordDataset<any, any, any>;

/** Makes a data set, in this thread or in another. */
export type DatasetFactory = (...args: never[]) => AnyDefined | Promise<AnyDefined>;

/** Definitions of this thread by module and name. */
const definitions: Map<string, DatasetFactory> = new Map();
/** Where data sets come from that a definition has made. */
const origins: WeakMap<object, DatasetOrigin> = new WeakMap();

const keyOf = (module: string, name: string) => `${module}#${name}`;

/**
 * Defines how a data set is made, so that workers can make it, too: functions and classes do not cross from thread to
 * thread, but the address of a module, a name and plain arguments do.
 *
 * Stands at the top level of a module, which a worker imports: keep what trains in another module, or behind
 * `if (import.meta.main)`.
 *
 * @param module The module that defines it: `import.meta.url`
 * @param name A name that no other data set of the module has
 * @param make Makes the data set, at once or as a promise; its arguments must be such as `structuredClone` takes.
 *   Buffers shared between threads (`SharedArrayBuffer`) are not copied
 * @returns The same function; what it makes can be read by workers
 *
 * @example
 * ```ts
 * import { DataLoader, defineDataset } from "@fulgurite/core/data";
 *
 * // squares.ts
 * export const squares = defineDataset(import.meta.url, "squares", (length: number) => ({
 *   length,
 *   get: (i: number) => ({ x: i, y: i * i }),
 * }));
 *
 * // train.ts
 * const loader = new DataLoader(squares(1000), { batchSize: 100, numWorkers: 2 });
 * console.assert(loader.length === 10);
 * ```
 */
export function defineDataset<F extends DatasetFactory>(module: string, name: string, make: F): F {
  definitions.set(keyOf(module, name), make);
  const defined = (...args: Parameters<F>): AnyDefined | Promise<AnyDefined> => {
    const made = make(...args);
    const remember = (dataset: AnyDefined) => {
      origins.set(dataset, { module, name, args });
      return dataset;
    };
    return made instanceof Promise ? made.then(remember) : remember(made);
  };
  return defined as F; // passes on what `make` takes and gives
}

/**
 * Makes a data set from its origin, with the definitions of this thread.
 *
 * A bundler may have put the definition in another module than it came from: then its name must be enough.
 *
 * @throws {TypeError} if nothing here defines it
 */
export function makeDefined({ module, name, args }: DatasetOrigin): AnyDefined | Promise<AnyDefined> {
  const named = [...definitions].filter(([key]) => key.endsWith(`#${name}`));
  const factory = definitions.get(keyOf(module, name)) ?? (named.length === 1 ? named[0][1] : undefined);
  if (factory === undefined) {
    const known = [...definitions.keys()].map((key) => key.slice(key.lastIndexOf("#") + 1));
    throw new TypeError(
      `Cannot make the data set in a worker: ${module} must define ${name} by defineDataset at its top level, it defines ${
        known.length === 0 ? "none" : known.join(", ")
      }`,
    );
  }
  return factory(...args as never[]);
}

/** A data set as it crosses to a worker: what it is made of, and where its samples are in there. */
export interface CrossedDataset {
  /** Data sets that a worker makes. */
  readonly parts: readonly DatasetOrigin[];
  /** Whether whole batches are read in one go, which a data set of one part can. */
  readonly batched: boolean;
  /**
   * Where a sample is: a part, its number there, and what is added to it for the number that random numbers belong to.
   */
  locate(index: number): readonly [part: number, place: number, shift: number];
}

/**
 * Takes a data set apart into what a worker can make.
 *
 * @throws {TypeError} if a part of it is not defined for workers; names it
 */
export function crossDataset(dataset: unknown): CrossedDataset {
  const origin = typeof dataset === "object" && dataset !== null ? origins.get(dataset) : undefined;
  if (origin !== undefined) {
    const batched = (dataset as Partial<Dataset<unknown>>).getBatch !== undefined;
    return { parts: [origin], batched, locate: (index) => [0, index, 0] };
  }
  if (dataset instanceof Subset) {
    const { parts, batched, locate } = crossDataset(dataset.dataset);
    return { parts, batched, locate: (index) => locate(dataset.indices[index]) };
  }
  if (dataset instanceof ConcatDataset) {
    const crossed = dataset.datasets.map(crossDataset);
    const before = crossed.map((_, i) => crossed.slice(0, i).reduce((sum, { parts }) => sum + parts.length, 0));
    return {
      parts: crossed.flatMap(({ parts }) => parts),
      batched: false,
      locate(index) {
        const { part, place, first } = dataset.locate(index);
        const [inner, innerPlace, shift] = crossed[part].locate(place);
        return [before[part] + inner, innerPlace, shift + first];
      },
    };
  }
  const kind = Array.isArray(dataset) ? "an array" : (dataset as object)?.constructor?.name ?? typeof dataset;
  throw new TypeError(
    "Cannot read in workers in DataLoader: functions do not cross to another thread, so the data set must come from " +
      `defineDataset, or be a Subset or ConcatDataset of such, got ${kind === "Object" ? "an object" : kind}`,
  );
}
