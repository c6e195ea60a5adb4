/** Which samples make which batch of a loader that reads by number. */
import type { DataLoaderOptions } from "./loader_options.ts";
import { BatchSampler, type BatchSource, RandomSampler, SequentialSampler } from "./sampler.ts";

type Choices = Pick<
  DataLoaderOptions<unknown, unknown>,
  "shuffle" | "seed" | "dropLast" | "sampler" | "batchSampler"
>;

/** The batches that a loader's options choose from so many samples. */
export function batchSourceOf(length: number, options: Choices, batchSize: number): BatchSource {
  if (options.batchSampler !== undefined) return options.batchSampler;
  const sampler = options.sampler ??
    (options.shuffle ? new RandomSampler(length, { seed: options.seed }) : new SequentialSampler(length));
  return new BatchSampler(sampler, { batchSize, dropLast: options.dropLast });
}

/** The same batches shuffled by a seed, where they are not the user's own. */
export function reseeded(source: BatchSource, seed: number): BatchSource {
  if (!(source instanceof BatchSampler)) return source;
  const { sampler: { length }, batchSize, dropLast } = source;
  return new BatchSampler(new RandomSampler(length, { seed }), { batchSize, dropLast });
}

/** The batches that are still to come in an epoch. */
export function upcomingOf(
  source: BatchSource,
  start: { readonly epoch: number; readonly batches: number; readonly samples: number },
): Iterator<ArrayLike<number>> {
  const { epoch, batches, samples } = start;
  if (source instanceof BatchSampler) return source.batches(epoch, samples)[Symbol.iterator]();
  return Iterator.from(source.batches(epoch)).drop(batches);
}
