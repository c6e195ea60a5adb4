/** A batch and how many samples it holds. */
export interface ProducedBatch<B> {
  readonly batch: B;
  readonly samples: number;
}

/** Makes the next batch, or begins to; `null` at the end. Batches that are begun one after the other may overlap. */
export interface ProduceBatch<B> {
  (): ProducedBatch<B> | Promise<ProducedBatch<B> | null> | null;
  /** Ends it, at its end or before. */
  close?: () => Promise<void>;
  /**
   * Whether others make the batches: then all are begun at once, since beginning takes no time from the work at hand.
   */
  elsewhere?: boolean;
  /** Watches over a batch that is now waited for. */
  wait?: <T>(batch: Promise<T>) => Promise<T>;
}

/**
 * Hands out batches in order and makes some ahead.
 *
 * One batch is made in each later turn of the event loop, so that work that is ready to go on (a training step, a read
 * from the GPU) goes first, and the making fills the time in which the GPU is awaited.
 */
export class Prefetcher<B> implements AsyncIterableIterator<B> {
  readonly #produce: ProduceBatch<B>;
  readonly #depth: number;
  readonly #handedOut: (samples: number) => void;
  readonly #ready: Promise<ProducedBatch<B> | null>[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** No more batches are begun. */
  #ended = false;
  #closed = false;

  /**
   * @param produce Makes batches
   * @param depth How many are made ahead
   * @param handedOut Told of each batch when it is handed out
   */
  constructor(produce: ProduceBatch<B>, depth: number, handedOut: (samples: number) => void) {
    this.#produce = produce;
    this.#depth = depth;
    this.#handedOut = handedOut;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<B, undefined>> {
    const upcoming = this.#ready.shift() ?? this.#begin();
    if (this.#produce.elsewhere) { while (this.#wanted()) this.#ready.push(this.#begin()); }
    else this.#fillLater();
    try {
      const produced = await (this.#produce.wait?.(upcoming) ?? upcoming);
      if (produced !== null && !this.#closed) {
        this.#handedOut(produced.samples);
        return { done: false, value: produced.batch };
      }
    } catch (error) {
      await this.return();
      throw error;
    }
    await this.return();
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<B, undefined>> {
    if (!this.#closed) {
      this.#closed = true;
      this.#ended = true;
      clearTimeout(this.#timer);
      this.#ready.length = 0;
      await this.#produce.close?.();
    }
    return { done: true, value: undefined };
  }

  #begin(): Promise<ProducedBatch<B> | null> {
    if (this.#ended) return Promise.resolve(null);
    // An executor turns a throw into a rejection.
    const begun = new Promise<ProducedBatch<B> | null>((resolve) => {
      const produced = this.#produce();
      if (produced === null) this.#ended = true;
      resolve(produced);
    });
    begun.then(
      (produced) => {
        if (produced === null) this.#ended = true;
      },
      () => {
        this.#ended = true; // the error itself is thrown where this batch is asked for
      },
    );
    return begun;
  }

  #wanted(): boolean {
    return !this.#ended && this.#ready.length < this.#depth;
  }

  #fillLater(): void {
    if (this.#timer !== undefined || !this.#wanted()) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#ended) return;
      this.#ready.push(this.#begin());
      this.#fillLater();
    }, 0);
  }
}
