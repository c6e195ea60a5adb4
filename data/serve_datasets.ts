import { type WorkerParent, workerParent } from "../platform/mod.ts";
import { type AnyWalk, BatchWalk, joinSamples, readSamples, SampleFailure } from "./_read_batch.ts";
import { buffersIn, StagingPool } from "./_staging.ts";
import { crossError, type FromWorker, thisThread, type ToWorker } from "./_worker_messages.ts";
import type { Dataset } from "./dataset.ts";
import { makeDefined } from "./define_dataset.ts";
import { ReadContext } from "./read_context.ts";

/**
 * Makes this thread a worker of a `DataLoader`: it makes the data sets that are defined here and reads batches of them.
 *
 * Needed only where a bundler must see every worker: in a module that imports what defines the data sets, calls this,
 * and is started by the loader's option `worker`. Without a bundler the loader starts workers by itself.
 *
 * @param load Imports the module of a data set, where it is not here already
 * @throws {Error} in the main thread
 *
 * @example
 * ```ts ignore
 * // data_worker.ts
 * import { serveDatasets } from "@fulgurite/core/data";
 * import "./cats.ts"; // calls defineDataset
 *
 * serveDatasets();
 *
 * // train.ts
 * const worker = () => new Worker(new URL("./data_worker.ts", import.meta.url), { type: "module" });
 * const loader = new DataLoader(await cats(), { batchSize: 32, numWorkers: 2, worker });
 * ```
 */
export function serveDatasets(load: (module: string) => Promise<unknown> = () => Promise.resolve()): void {
  const parent = workerParent();
  if (parent === null) {
    throw new Error("Cannot serve data sets in serveDatasets: it must run in a worker, this is the main thread");
  }
  thisThread.serves = true;
  new Server(parent, load);
}

/** The worker's side: does one thing after the other. */
class Server {
  readonly #parent: WorkerParent;
  readonly #load: (module: string) => Promise<unknown>;
  readonly #pool = new StagingPool();
  #parts: Dataset<unknown, unknown>[] = [];
  #batched = false;
  #context: ReadContext | null = null;
  #walk: BatchWalk | null = null;
  #turn: Promise<void> = Promise.resolve();

  constructor(parent: WorkerParent, load: (module: string) => Promise<unknown>) {
    this.#parent = parent;
    this.#load = load;
    parent.listen((message) => {
      const request = message as ToWorker; // only the loader has the other end
      this.#turn = this.#turn.then(() => this.#answer(request));
    });
  }

  async #answer(request: ToWorker): Promise<void> {
    const job = "job" in request ? request.job : null;
    try {
      if ("spare" in request) { for (const buffer of request.spare) this.#pool.give(buffer); }
      switch (request.kind) {
        case "open":
          await this.#open(request);
          return this.#send({ kind: "opened" });
        case "walk":
          return await this.#begin(request);
        case "read":
          return await this.#sendBatch(request.job, this.#read(request), request.places.length / 3);
        case "next": {
          const samples = await this.#walk!.next(); // "walk" goes before
          if (samples === null) return this.#send({ kind: "batch", job: request.job, batch: null, samples: 0 });
          const joined = joinSamples(this.#parts[0], samples, this.#context!);
          return await this.#sendBatch(request.job, joined, samples.length);
        }
      }
    } catch (error) {
      const [at, cause] = error instanceof SampleFailure ? [error.at, error.cause] : [null, error];
      this.#send({ kind: "failed", job, at, error: crossError(cause) });
    }
  }

  async #open({ parts, batched }: ToWorker & { kind: "open" }): Promise<void> {
    for (const module of new Set(parts.map(({ module }) => module))) await this.#load(module);
    // The loader has checked that only one that is walked stands alone.
    this.#parts = await Promise.all(parts.map(makeDefined)) as Dataset<unknown, unknown>[];
    this.#batched = batched;
    this.#context = null;
  }

  async #begin({ options, ...at }: ToWorker & { kind: "walk" }): Promise<void> {
    await this.#walk?.close();
    const dataset = this.#parts[0] as unknown as AnyWalk;
    this.#walk = new BatchWalk(dataset, this.#at(at), options);
  }

  async #read({ places, ...asked }: ToWorker & { kind: "read" }): Promise<unknown> {
    const at = this.#at(asked), count = places.length / 3;
    if (this.#batched) {
      return this.#parts[0].getBatch!(Array.from({ length: count }, (_, i) => places[3 * i + 1]), at);
    }
    const samples = await readSamples(count, (i) => {
      const [part, place, shift] = places.subarray(3 * i, 3 * i + 3);
      return this.#parts[part].get(place, at.shifted(shift));
    });
    return joinSamples(this.#parts[0], samples, at);
  }

  #at({ seed, epoch }: { readonly seed: number; readonly epoch: number }): ReadContext {
    if (this.#context?.epoch === epoch && this.#context.seed === seed) return this.#context;
    return this.#context = new ReadContext({ seed, epoch, take: (bytes) => this.#pool.take(bytes) });
  }

  async #sendBatch(job: number, made: unknown, samples: number): Promise<void> {
    const batch = await made;
    // What the data set made elsewhere may still be its own: that is copied.
    const transfer = [...buffersIn(batch)].filter((buffer) => this.#pool.lends(buffer));
    this.#send({ kind: "batch", job, batch, samples }, transfer);
  }

  #send(message: FromWorker, transfer?: ArrayBuffer[]): void {
    this.#parent.post(message, transfer);
  }
}
