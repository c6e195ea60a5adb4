/**
 * Where training stands between two batches, so that a resumed run does what is left of the moment it was saved in:
 * `"batch"` — nothing is left, the next batch comes; `"batchEnd"` — a batch is trained, its row, its validation and the
 * schedulers that react to a metric are left; `"validated"` — only those schedulers are left; `"epochEnd"` — the
 * epoch's batches are done, its row is left.
 */
export type Place = "batch" | "batchEnd" | "validated" | "epochEnd";

/** Counters of training, all saved in checkpoints. */
export interface FitProgress {
  /** Epochs finished. */
  epoch: number;
  /** Optimizer steps. */
  globalStep: number;
  /** Batches trained, over all epochs. */
  batchesSeen: number;
  /** Batches of the running epoch that are done. */
  batchInEpoch: number;
  /** Whether the last of them was the last of the epoch. */
  lastBatch: boolean;
  /** Accumulation windows that are done (a skipped batch counts): the x axis of rows. */
  steppedBatches: number;
  /** Batches in the open accumulation window. */
  windowBatches: number;
  /** Whether the running epoch has begun and not ended. */
  midEpoch: boolean;
  /** What is left of the present moment. */
  place: Place;
  /** Evaluation batches so far, by phase and loader: the x axis of their rows. */
  evalBatches: Record<string, number>;
  /** Seconds of training so far. */
  seconds: number;
}

/** Progress of a run that has not begun. */
export function noProgress(): FitProgress {
  return {
    epoch: 0,
    globalStep: 0,
    batchesSeen: 0,
    batchInEpoch: 0,
    lastBatch: false,
    steppedBatches: 0,
    windowBatches: 0,
    midEpoch: false,
    place: "batch",
    evalBatches: {},
    seconds: 0,
  };
}

/** Enters the end of the running epoch. */
export function finishEpoch(progress: FitProgress): void {
  progress.epoch++;
  progress.batchInEpoch = 0;
  progress.lastBatch = false;
  progress.windowBatches = 0;
  progress.midEpoch = false;
  progress.place = "batch";
}

/** The x of a row made now: the number, from zero, of the accumulation window that the last batch belongs to. */
export function rowStep({ steppedBatches, windowBatches }: FitProgress): number {
  return Math.max(0, windowBatches > 0 ? steppedBatches : steppedBatches - 1);
}

/** Progress with which Lightning resumes: with the next batch or epoch, whatever was left of the moment of saving. */
export function asLightningResumes(saved: FitProgress): FitProgress {
  const progress = { ...saved };
  if (saved.place === "epochEnd") finishEpoch(progress);
  progress.place = "batch";
  return progress;
}
