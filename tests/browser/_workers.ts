/**
 * What a page does with a loader that has workers.
 *
 * @module
 */
import { DataLoader } from "../../data/loader.ts";
import { broken, noisy } from "../../testing/worker_datasets.ts";

const worker = () => new Worker("/worker.js", { type: "module" });

/** The numbers of each batch of an epoch. */
export async function readBatches(numWorkers: number): Promise<number[][]> {
  const options = numWorkers > 0 ? { numWorkers, worker } : {};
  const loader = new DataLoader(noisy(11), { batchSize: 3, shuffle: true, seed: 5, ...options });
  const batches: number[][] = [];
  for await (const { id, noise } of loader) batches.push([...id.data, ...noise.data]); // Node 20 has no Array.fromAsync
  return batches;
}

/** What goes wrong: in a sample, and where the loader cannot find its worker in a bundle. */
export async function readBroken(): Promise<string[]> {
  const message = (loader: DataLoader<number>) =>
    Array.fromAsync(loader).then(() => "", (error: Error) => `${error.name}: ${error.message}`);
  return [
    await message(new DataLoader(broken("throw", 5), { batchSize: 2, numWorkers: 2, worker })),
    await message(new DataLoader(broken("throw", 5), { batchSize: 2, numWorkers: 1 })),
  ];
}
