import type { Loader } from "../data/mod.ts";
import type { DType } from "../tensor/dtype.ts";
import type { HostTensor } from "../tensor/host.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * What a loader may give for a batch that the steps receive: arrays on the host in the places of its tensors, or
 * tensors.
 *
 * @typeParam Batch What the steps receive
 */
export type HostBatch<Batch> = unknown extends Batch ? Batch
  : Batch extends Tensor ? Tensor | HostTensor<DType> | ArrayBufferView
  : Batch extends string | number | bigint | boolean | null | undefined | ((...args: never[]) => unknown) ? Batch
  : Batch extends ReadonlyMap<infer Key, infer Value> ? ReadonlyMap<Key, HostBatch<Value>>
  : Batch extends readonly [...infer Items] ? { readonly [Place in keyof Items]: HostBatch<Items[Place]> }
  : { readonly [Key in keyof Batch]: HostBatch<Batch[Key]> };

/** What the first transfer hook of a module that says what it takes, takes from a loader; `unknown` where none does. */
export type GivenTo<Module> = Module extends {
  onBeforeBatchTransfer?(batch: infer First, dataloaderIdx: number): unknown;
  transferBatchToDevice(batch: infer Moved, dataloaderIdx: number): unknown;
} ? unknown extends First ? Moved : First
  : unknown;

/** What `predictStep` of a module receives: it may do with less than a whole batch. */
export type PredictedBatch<Module, Batch> = Module extends { predictStep(batch: infer Own, ...rest: never[]): unknown }
  ? unknown extends Own ? Batch : Own
  : Batch;

/** A loader of batches, or an array of them: named so that a literal of batches is read as what it should be. */
export type LoaderOf<Batch> = Loader<Batch> | readonly Batch[];

/** A loader whose batches fit the steps, or what the module's transfer hooks say that they take. */
export type LoaderFor<Batch, Given = unknown> = LoaderOf<unknown extends Given ? HostBatch<Batch> : Given>;

/** A loader in a list of loaders, where an array would be taken for a batch. */
export type ListedLoaderFor<Batch, Given = unknown> = LoaderFor<Batch, Given> & {
  /** Arrays have this. */
  readonly concat?: never;
};

/** One loader for a loop without gradients, several, or several with names. */
export type EvalLoadersFor<Batch, Given = unknown> =
  | LoaderFor<Batch, Given>
  | readonly ListedLoaderFor<Batch, Given>[]
  | Readonly<Record<string, LoaderFor<Batch, Given>>>
  | null
  | void;

/** Loaders that are walked together: each gives a part of the batch, by name or by place. */
export type CombinedLoadersFor<Batch, Given = unknown> = unknown extends Given & Batch
  ? readonly Loader[] | Readonly<Record<string, Loader>>
  : Batch extends readonly [...infer Items] ? { readonly [Place in keyof Items]: ListedLoaderFor<Items[Place]> }
  : { readonly [Key in keyof Batch]: LoaderFor<Batch[Key]> };

/** One loader for training, or several of which each gives a part of the batch. */
export type TrainLoadersFor<Batch, Given = unknown> =
  | LoaderFor<Batch, Given>
  | CombinedLoadersFor<Batch, Given>
  | null
  | void;
