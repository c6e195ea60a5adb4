import { type ForeignWorker, startWorker, type WorkerThread } from "../platform/mod.ts";
import { buffersIn, type StagingPool } from "./_staging.ts";
import { arriveError, type FromWorker, thisThread, type ToWorker } from "./_worker_messages.ts";
import type { CrossedDataset } from "./define_dataset.ts";
import { WorkerError } from "./errors.ts";

/** A batch as it came from a worker. */
export interface WorkerBatch {
  readonly batch: unknown;
  readonly samples: number;
}

/** A batch that was asked for. */
interface Job {
  readonly indices: ArrayLike<number> | null;
  readonly resolve: (batch: WorkerBatch | null) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread, and what it was asked for and has not answered. */
interface Thread {
  readonly worker: WorkerThread;
  readonly jobs: Map<number, Job>;
}

/** Where the module stands that a thread runs; it has the suffix of this one, also where packages are compiled. */
const entry = () => new URL(`./_worker${import.meta.url.endsWith(".js") ? ".js" : ".ts"}`, import.meta.url);

/** What the random numbers of samples depend on. */
interface EpochOfSeed {
  readonly epoch: number;
  readonly seed: number;
}

/**
 * Threads that read batches of one data set. Whatever ends one of them rejects all that is asked for: nothing waits for
 * an answer that cannot come.
 */
export class WorkerPool {
  readonly #threads: Thread[] = [];
  readonly #staging: StagingPool;
  readonly #dataset: CrossedDataset;
  #nextJob = 0;
  #failure: WorkerError | null = null;

  /**
   * Starts the threads.
   *
   * @param dataset What they read
   * @param options How many; where memory comes from and goes to; how a thread is started
   */
  constructor(
    dataset: CrossedDataset,
    options: { workers: number; staging: StagingPool; start?: () => ForeignWorker },
  ) {
    if (thisThread.serves) {
      throw new Error(
        "Cannot start workers in DataLoader: this thread is a loader's worker, which imports the module of the data set; keep " +
          "that apart from what trains, or put the training behind if (import.meta.main)",
      );
    }
    const { workers, staging, start } = options;
    this.#dataset = dataset;
    this.#staging = staging;
    for (let number = 0; number < workers; number++) {
      const thread: Thread = {
        worker: startWorker(start?.() ?? entry(), {
          // serveDatasets has the other end; what else runs there may post what it likes.
          onMessage: (message) => this.#hear(number, (message ?? {}) as FromWorker),
          onEnd: (cause) => this.#fail(new WorkerError(number, null, "It ended before its work was done", cause)),
        }),
        jobs: new Map(),
      };
      this.#threads.push(thread);
      const { parts, batched } = dataset;
      this.#post(thread, { kind: "open", parts, batched });
    }
  }

  /** How many threads there are. */
  get size(): number {
    return this.#threads.length;
  }

  /** Whether no thread has failed. */
  get alive(): boolean {
    return this.#failure === null;
  }

  /** Reads a batch by number, in the thread that has least to do. */
  read({ epoch, seed }: EpochOfSeed, indices: ArrayLike<number>): Promise<WorkerBatch | null> {
    const places = new Float64Array(3 * indices.length);
    for (let i = 0; i < indices.length; i++) places.set(this.#dataset.locate(indices[i]), 3 * i);
    const thread = this.#threads.reduce((least, other) => other.jobs.size < least.jobs.size ? other : least);
    return this.#ask(thread, indices, (job, spare) => ({ kind: "read", job, epoch, seed, places, spare }));
  }

  /** Begins a walk; each thread has a share of its batches. */
  walk({ epoch, seed }: EpochOfSeed, options: { batchSize: number; dropLast: boolean; skip: number }): void {
    for (const [first, thread] of this.#threads.entries()) {
      this.#post(thread, { kind: "walk", epoch, seed, options: { ...options, first, stride: this.size } });
    }
  }

  /** The batch of the walk with a number from 0 on, from the thread whose share it is in. */
  next(number: number): Promise<WorkerBatch | null> {
    const thread = this.#threads[number % this.size];
    return this.#ask(thread, null, (job, spare) => ({ kind: "next", job, spare }));
  }

  /** Ends a thread's silence: rejects everything with what is told, and stops. */
  giveUp(reason: string): Promise<void> {
    this.#fail(new WorkerError(this.#threads.findIndex(({ jobs }) => jobs.size > 0), null, reason, undefined));
    return this.close();
  }

  /** Stops the threads; what was asked for and has not come is rejected. */
  async close(): Promise<void> {
    this.#failure ??= new WorkerError(0, null, "The workers were stopped", undefined);
    this.#rejectAll(this.#failure);
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #ask(
    thread: Thread,
    indices: ArrayLike<number> | null,
    message: (job: number, spare: ArrayBuffer[]) => ToWorker,
  ): Promise<WorkerBatch | null> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const job = this.#nextJob++;
    return new Promise((resolve, reject) => {
      if (thread.jobs.size === 0) thread.worker.keepAlive(true);
      thread.jobs.set(job, { indices, resolve, reject });
      const spare = this.#staging.drain();
      this.#post(thread, message(job, spare), spare);
    });
  }

  #post(thread: Thread, message: ToWorker, transfer: ArrayBuffer[] = []): void {
    try {
      thread.worker.post(message, transfer);
    } catch (cause) {
      if (message.kind !== "open") throw cause;
      void this.close();
      throw new TypeError(
        `Cannot start workers in DataLoader: arguments of ${
          message.parts.map(({ name }) => name).join(", ")
        } must be ` +
          `such as structuredClone takes, ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
  }

  #hear(number: number, message: FromWorker): void {
    const thread = this.#threads[number];
    if (message.kind === "opened") {
      if (thread.jobs.size === 0) thread.worker.keepAlive(false);
      return;
    }
    if (message.kind === "failed" && message.job === null) {
      this.#fail(new WorkerError(number, null, "It cannot make the data set", arriveError(message.error)));
      return;
    }
    const job = thread.jobs.get(message.job!);
    if (job === undefined) return;
    thread.jobs.delete(message.job!);
    if (thread.jobs.size === 0) thread.worker.keepAlive(false);
    if (message.kind === "batch") {
      for (const buffer of buffersIn(message.batch)) this.#staging.adopt(buffer);
      return job.resolve(message.batch === null ? null : { batch: message.batch, samples: message.samples });
    }
    const { at, error } = message;
    const index = at === null || job.indices === null ? at : job.indices[at];
    const what = index === null ? "It cannot make a batch" : `It cannot read sample ${index}`;
    const of = index === null && job.indices !== null ? ` of samples ${shown(job.indices)}` : "";
    job.reject(new WorkerError(number, index, what + of, arriveError(error)));
  }

  /** A thread that has ended takes the others with it. */
  #fail(error: WorkerError): void {
    this.#failure ??= error;
    this.#rejectAll(this.#failure);
    for (const { worker } of this.#threads) void worker.terminate();
  }

  #rejectAll(error: WorkerError): void {
    for (const { jobs } of this.#threads) {
      for (const { reject } of jobs.values()) reject(error);
      jobs.clear();
    }
  }
}

/** Numbers for a message: the first few. */
function shown(indices: ArrayLike<number>): string {
  const first = Array.from({ length: Math.min(8, indices.length) }, (_, i) => indices[i]).join(", ");
  return indices.length > 8 ? `${first}, …` : first;
}
