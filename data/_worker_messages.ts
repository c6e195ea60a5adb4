import type { WalkOptions } from "./_read_batch.ts";
import type { DatasetOrigin } from "./define_dataset.ts";

/** Whether this thread is a loader's worker. */
export const thisThread: { serves: boolean } = { serves: false };

/** What the loader asks of a worker. */
export type ToWorker =
  | {
    /** Make the data set. */
    readonly kind: "open";
    readonly parts: readonly DatasetOrigin[];
    /** Whether batches are read by `getBatch`. */
    readonly batched: boolean;
  }
  | {
    /** Samples that are read by number, as one batch: three numbers each, see `CrossedDataset.locate`. */
    readonly kind: "read";
    readonly job: number;
    readonly epoch: number;
    readonly seed: number;
    readonly places: Float64Array;
    /** Memory that may be used again. */
    readonly spare: readonly ArrayBuffer[];
  }
  | {
    /** Begin to walk an epoch of samples that come one after the other. */
    readonly kind: "walk";
    readonly epoch: number;
    readonly seed: number;
    readonly options: WalkOptions;
  }
  | {
    /** The next batch of the walk. */
    readonly kind: "next";
    readonly job: number;
    readonly spare: readonly ArrayBuffer[];
  };

/** An error as it crosses. */
export interface CrossedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/** What a worker answers; `batch` is `null` at the end of a walk. */
export type FromWorker =
  | { readonly kind: "opened" }
  | { readonly kind: "batch"; readonly job: number; readonly batch: unknown; readonly samples: number }
  | {
    readonly kind: "failed";
    readonly job: number | null;
    /**
     * The sample that failed: its place in the batch, in a walk its number; `null` where it is not the fault of one.
     */
    readonly at: number | null;
    readonly error: CrossedError;
  };

/** An error without its class, which does not cross. */
export function crossError(error: unknown): CrossedError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), stack: `Error: ${String(error)}` };
  const { name, message, stack = `${name}: ${message}` } = error;
  return { name, message, stack };
}

/** The error again, with the stack of the thread where it was thrown. */
export function arriveError({ name, message, stack }: CrossedError): Error {
  const error = new Error(message);
  error.name = name;
  error.stack = stack;
  return error;
}
