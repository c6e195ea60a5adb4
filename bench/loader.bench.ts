/**
 * What batches cost with 0, 1 and 2 workers: `deno run -A bench/loader.bench.ts [BATCHES]`.
 *
 * Three rows for each number of workers, milliseconds a batch. `making`: as fast as batches come. `beside a device`: a
 * consumer that waits 20 ms a batch, as for a GPU, in which batches are made ahead; what is above 20 is what a training
 * step would wait. `4 MiB`: batches that take little to fill, kept by the consumer, and handed back by `recycle`. The
 * first epoch, in which workers start, does not count.
 */
import type { Dataset } from "../data/dataset.ts";
import { DataLoader } from "../data/loader.ts";
import { large, pictures } from "./_pictures.ts";

const batches = Number(Deno.args[0] ?? 24);
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function time<T, B>(
  dataset: Dataset<T, B>,
  numWorkers: number,
  batchSize: number,
  use: (batch: B, loader: DataLoader<T, B>) => void | Promise<void>,
): Promise<number> {
  const workers = numWorkers > 0 ? { numWorkers, persistentWorkers: true } : {};
  await using loader = new DataLoader<T, B>(dataset, { batchSize, ...workers });
  for await (const batch of loader) {
    await use(batch, loader);
    if (numWorkers === 0) break;
  }
  const start = performance.now();
  for await (const batch of loader) await use(batch, loader);
  return (performance.now() - start) / batches;
}

console.log("workers  making  beside a device  4 MiB, kept  4 MiB, handed back");
for (const numWorkers of [0, 1, 2]) {
  const row = [
    await time(pictures(8 * batches), numWorkers, 8, () => {}),
    await time(pictures(8 * batches), numWorkers, 8, () => pause(20)),
    await time(large(64 * batches), numWorkers, 16, () => {}) / 4,
    await time(large(64 * batches), numWorkers, 16, (batch, loader) => loader.recycle(batch)) / 4,
  ];
  console.log([numWorkers, ...row.map((ms) => ms.toFixed(2))].map((text) => String(text).padStart(12)).join(""));
}
