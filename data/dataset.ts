import { ShapeError, showShape, showShapes } from "../tensor/errors.ts";
import { defaultGenerator } from "../tensor/generator.ts";
import { type HostDType, type HostTensor, hostTensor } from "../tensor/host.ts";
import { PhiloxStream } from "../tensor/philox.ts";
import { numel } from "../tensor/shape.ts";
import type { Collated } from "./collate.ts";
import { ReadContext } from "./read_context.ts";

/**
 * Samples that can be had by number: what a class must offer to be read by a `DataLoader`.
 *
 * @typeParam T A sample
 * @typeParam B What samples become in a batch; by default what `collate` makes of them
 *
 * @example
 * ```ts
 * import type { Dataset } from "@fulgurite/core/data";
 *
 * const squares: Dataset<{ x: number; y: number }> = {
 *   length: 100,
 *   get: (i) => ({ x: i, y: i * i }),
 * };
 * console.assert(squares.length === 100);
 * ```
 */
export interface Dataset<T, B = Collated<T>> {
  /** How many samples there are. */
  readonly length: number;
  /**
   * The sample with a number from 0 to `length` − 1, at once or as a promise; `at` has random numbers that belong to
   * it.
   */
  get(index: number, at: ReadContext): T | Promise<T>;
  /** A whole batch in one go, where the data set can do better than sample by sample. */
  getBatch?(indices: ArrayLike<number>, at: ReadContext): B | Promise<B>;
  /** Joins samples into a batch, where `collate` would do it wrong. As a method it is there in workers, too. */
  collate?(samples: T[], at: ReadContext): B | Promise<B>;
}

/**
 * Samples that come one after the other, from a file or a stream; how many may be unknown.
 *
 * It is iterated anew for each epoch; `setEpoch`, where it is there, is called before.
 *
 * @typeParam T A sample
 * @typeParam B What samples become in a batch; by default what `collate` makes of them
 */
export type IterableDataset<T, B = Collated<T>> = (Iterable<T> | AsyncIterable<T>) & {
  /** How many samples there are, where that is known. */
  readonly length?: number;
  /** Told the epoch before it is iterated. */
  setEpoch?(epoch: number): void;
  /** Joins samples into a batch, where `collate` would do it wrong. */
  collate?(samples: T[], at: ReadContext): B | Promise<B>;
};

/**
 * Records that come one after the other, and how a sample is made of one.
 *
 * With workers, each of n workers walks all records and takes every n-th batch, so that batches are the same for any
 * number of workers; `prepare` runs only for the batches that a worker takes: what costs time belongs there.
 *
 * @typeParam T A sample
 * @typeParam R A record
 * @typeParam B What samples become in a batch; by default what `collate` makes of them
 *
 * @example
 * ```ts
 * import { DataLoader, type RecordDataset } from "@fulgurite/core/data";
 *
 * const words: RecordDataset<number, string> = {
 *   records: () => "a flash of glass".split(" "),
 *   prepare: (word) => word.length,
 * };
 * const [batch] = await Array.fromAsync(new DataLoader(words, { batchSize: 4 }));
 * console.assert(batch.data.join() === "1,5,2,5");
 * ```
 */
export interface RecordDataset<T, R, B = Collated<T>> {
  /** How many records there are, where that is known. */
  readonly length?: number;
  /** The records of an epoch, in order. */
  records(epoch: number): Iterable<R> | AsyncIterable<R>;
  /** Makes a sample of the record with a number from 0 on; `at` has random numbers that belong to it. */
  prepare(record: R, index: number, at: ReadContext): T | Promise<T>;
  /** Joins samples into a batch, where `collate` would do it wrong. */
  collate?(samples: T[], at: ReadContext): B | Promise<B>;
}

/** Arrays on the host by name or by place, all with the same first size. */
export type HostFields = Readonly<Record<string, HostTensor>> | readonly HostTensor[];

/**
 * A data set in memory: arrays whose first axis counts the samples, as PyTorch's `TensorDataset`.
 *
 * Samples and batches have the fields that the arrays were given under; batches are gathered row by row without making
 * samples.
 *
 * @typeParam F The fields: an object or a tuple of host tensors
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { ArrayDataset } from "@fulgurite/core/data";
 *
 * const data = new ArrayDataset({
 *   x: hostTensor(Float32Array.of(1, 2, 3, 4), { dtype: "f32", shape: [2, 2] }),
 *   y: hostTensor(Int32Array.of(0, 1), { dtype: "i32" }),
 * });
 * console.assert(data.length === 2 && data.get(1).x.data[0] === 3);
 * console.assert(data.getBatch([1, 0]).y.data.join() === "1,0");
 * ```
 */
export class ArrayDataset<const F extends HostFields> implements Dataset<F, F> {
  /** The arrays, whole. */
  readonly fields: F;
  /** How many samples there are. */
  readonly length: number;

  /**
   * Joins arrays into a data set, without a copy.
   *
   * @param fields The arrays
   * @throws {ShapeError} if an array has no axis, or first sizes differ
   * @throws {TypeError} if there is no array
   */
  constructor(fields: F) {
    const shapes = Object.values<HostTensor>(fields).map(({ shape }) => shape);
    if (shapes.length === 0) throw new TypeError("Cannot make an ArrayDataset: it needs an array at least, got none");
    if (shapes.some((shape) => shape.length === 0 || shape[0] !== shapes[0][0])) {
      throw new ShapeError(
        "ArrayDataset",
        `Cannot make an ArrayDataset: arrays must have the same first size, current shapes are ${showShapes(shapes)}`,
        shapes,
      );
    }
    for (const [name, { shape, data }] of Object.entries<HostTensor>(fields)) {
      if (numel(shape) === data.length) continue;
      throw new ShapeError(
        "ArrayDataset",
        `Cannot make an ArrayDataset: the shape of ${name} must hold all elements, ${showShape(shape)} holds ${
          numel(shape)
        } and the array ${data.length}`,
        [shape],
      );
    }
    this.fields = fields;
    this.length = shapes[0][0];
  }

  /**
   * One sample: a view of each array's row, without the first axis.
   *
   * @throws {RangeError} if there is no such sample
   */
  get(index: number): F {
    checkIndex("ArrayDataset", index, this.length);
    return mapFields(this.fields, ({ dtype, shape, data }) => {
      const row = data.length / this.length;
      return hostTensor(data.subarray(index * row, (index + 1) * row), { dtype, shape: shape.slice(1) });
    });
  }

  /**
   * Rows of each array, copied side by side.
   *
   * @param indices Which rows, in order
   * @param at Where their memory comes from (default: new memory)
   * @throws {RangeError} if there is no such sample
   */
  getBatch(indices: ArrayLike<number>, at: ReadContext = new ReadContext()): F {
    for (let i = 0; i < indices.length; i++) checkIndex("ArrayDataset", indices[i], this.length);
    return mapFields(this.fields, (field) => gatherRows(field, indices, at));
  }
}

/** Rows of an array along its first axis, in the order of the indices, which are not checked. */
function gatherRows(field: HostTensor, indices: ArrayLike<number>, at: ReadContext): HostTensor {
  const { dtype, shape, data } = field;
  const row = shape.slice(1).reduce((product, size) => product * size, 1);
  const out = at.allocate<HostDType>(dtype, indices.length * row);
  if (row === 1) {
    for (let i = 0; i < indices.length; i++) out[i] = data[indices[i]];
  } else {
    for (let i = 0; i < indices.length; i++) out.set(data.subarray(indices[i] * row, (indices[i] + 1) * row), i * row);
  }
  return hostTensor<HostDType>(out, { dtype, shape: [indices.length, ...shape.slice(1)] });
}

function mapFields<F extends HostFields>(fields: F, change: (field: HostTensor) => HostTensor): F {
  const changed = Array.isArray(fields)
    ? fields.map(change)
    : Object.fromEntries(Object.entries<HostTensor>(fields).map(([name, field]) => [name, change(field)]));
  // A row of an array has the array's element type, which is all that F says.
  return changed as unknown as F;
}

/** Throws unless a data set of so many samples has this one. */
export function checkIndex(what: string, index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new RangeError(`Cannot read a sample of ${what}: the index must be from 0 to ${length - 1}, is ${index}`);
  }
}

/**
 * Some samples of a data set, in an order of their own.
 *
 * @example
 * ```ts
 * import { Subset } from "@fulgurite/core/data";
 *
 * const even = new Subset({ length: 10, get: (i: number) => i }, [0, 2, 4, 6, 8]);
 * console.assert(even.length === 5 && even.get(2) === 4);
 * ```
 */
export class Subset<T, B = Collated<T>> implements Dataset<T, B> {
  /** The data set that it is a part of. */
  readonly dataset: Dataset<T, B>;
  /** Which samples of it, in order. */
  readonly indices: ArrayLike<number>;
  /** A whole batch in one go, where the data set can. */
  readonly getBatch?: (indices: ArrayLike<number>, at?: ReadContext) => B | Promise<B>;
  /** How the data set joins samples, where it has a way of its own. */
  readonly collate?: (samples: T[], at: ReadContext) => B | Promise<B>;

  /**
   * Chooses samples, without a copy.
   *
   * @param dataset The data set that it is a part of
   * @param indices Which samples of it, in order
   * @throws {RangeError} if there is no such sample
   */
  constructor(dataset: Dataset<T, B>, indices: ArrayLike<number>) {
    for (let i = 0; i < indices.length; i++) checkIndex("Subset", indices[i], dataset.length);
    this.dataset = dataset;
    this.indices = indices;
    if (dataset.getBatch !== undefined) {
      this.getBatch = (batch, at = new ReadContext()) =>
        dataset.getBatch!(Array.from(batch, (index) => this.#place(index)), at);
    }
    if (dataset.collate !== undefined) this.collate = (samples, at) => dataset.collate!(samples, at);
  }

  /** How many samples there are. */
  get length(): number {
    return this.indices.length;
  }

  /**
   * One sample of the data set.
   *
   * @param index Its number in this part
   * @param at Random numbers for it (default: those of epoch 0)
   * @throws {RangeError} if there is no such sample
   */
  get(index: number, at: ReadContext = new ReadContext()): T | Promise<T> {
    return this.dataset.get(this.#place(index), at);
  }

  #place(index: number): number {
    checkIndex("Subset", index, this.length);
    return this.indices[index];
  }
}

/** Tells the random numbers of a split from those of other uses of the same seed. */
const SPLIT_STREAM = 0x73706c69;

/**
 * Splits a data set at random into parts that share no sample, the same for the same seed. Give it one where a run is
 * to be resumed in another process, or tested there: without one the split follows the global seed, which may be
 * another then.
 *
 * @param dataset The data set
 * @param lengths Sizes of the parts, which add up to the data set's; or shares, which add up to 1. What is left after
 *   shares are rounded down goes to the first parts, one each, as in PyTorch
 * @throws {RangeError} if sizes or shares do not add up
 *
 * @example
 * ```ts
 * import { randomSplit } from "@fulgurite/core/data";
 *
 * const [train, val] = randomSplit({ length: 100, get: (i: number) => i }, [0.9, 0.1], { seed: 1 });
 * console.assert(train.length === 90 && val.length === 10);
 * ```
 */
export function randomSplit<T, B = Collated<T>>(
  dataset: Dataset<T, B>,
  lengths: readonly number[],
  options: {
    /** A whole number from 0 on (default: the global one, that `manualSeed` sets). */
    seed?: number;
  } = {},
): Subset<T, B>[] {
  const total = dataset.length;
  const sum = lengths.reduce((a, b) => a + b, 0);
  let sizes = [...lengths];
  const shares = Math.abs(sum - 1) < 1e-9 && lengths.every((share) => share >= 0 && share <= 1);
  if (shares && !(total === 1 && lengths.every(Number.isInteger))) {
    sizes = lengths.map((share) => Math.floor(share * total));
    const rest = total - sizes.reduce((a, b) => a + b, 0);
    for (let i = 0; i < rest; i++) sizes[i % sizes.length]++;
  } else if (sum !== total || !lengths.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new RangeError(
      `Cannot split a data set in randomSplit: sizes must add up to its ${total} samples, or shares to 1, got ` +
        showShape(lengths),
    );
  }
  const order = new PhiloxStream(options.seed ?? defaultGenerator.seed, SPLIT_STREAM).permutation(total);
  let at = 0;
  return sizes.map((size) => new Subset(dataset, order.subarray(at, at += size)));
}
