/**
 * Data sets that workers make, for the tests of `DataLoader`. Imported by workers: it must run nothing by itself.
 *
 * @module
 */
import type { Dataset, RecordDataset } from "../data/dataset.ts";
import { defineDataset } from "../data/define_dataset.ts";
import { ImageFolder } from "../data/image_folder.ts";
import type { Image } from "../data/transforms/_image.ts";
import { randomHorizontalFlip } from "../data/transforms/mod.ts";
import { type HostTensor, hostTensor } from "../tensor/host.ts";

/** A sample of {@link noisy}. */
export type NoisySample = { id: HostTensor<"i32">; noise: HostTensor<"f32">; name: string };

/** Samples with random numbers of their own, and a collate of default. */
export const noisy: (length: number, width?: number) => Dataset<NoisySample> = defineDataset(
  import.meta.url,
  "noisy",
  (length: number, width: number = 5): Dataset<NoisySample> => ({
    length,
    get(index, at) {
      const random = at.random(index);
      return {
        id: hostTensor(Int32Array.of(index), { dtype: "i32", shape: [] }),
        noise: hostTensor(Float32Array.from({ length: width }, () => random.uniform()), { dtype: "f32" }),
        name: `sample ${index}`,
      };
    },
  }),
);

/** Images of a folder, turned over half of the time. */
export const pictures: (root: string) => Promise<ImageFolder<Image>> = defineDataset(
  import.meta.url,
  "pictures",
  (root: string) => ImageFolder.open(root, { transform: randomHorizontalFlip() }),
);

/** A data set that reads whole batches, into memory of the loader. */
export const batched: (length: number) => Promise<Dataset<number, HostTensor<"f32">>> = defineDataset(
  import.meta.url,
  "batched",
  async (length: number): Promise<Dataset<number, HostTensor<"f32">>> => {
    await Promise.resolve();
    return {
      length,
      get: (index) => index,
      getBatch(indices, at) {
        const data = at.allocate("f32", indices.length * 2000);
        for (let i = 0; i < indices.length; i++) data.fill(indices[i], i * 2000, (i + 1) * 2000);
        return hostTensor(data, { dtype: "f32", shape: [indices.length, 2000] });
      },
    };
  },
);

/** Joins its samples itself, and gives arrays that stay its own. */
export const kept: () => Dataset<number, { sum: number; mine: Float32Array<ArrayBuffer> }> = defineDataset(
  import.meta.url,
  "kept",
  () => {
    const mine = Float32Array.of(1, 2, 3);
    return {
      length: 6,
      get: (index) => index,
      collate: (samples: number[]) => ({ sum: samples.reduce((a, b) => a + b, 0), mine }),
    } satisfies Dataset<number, { sum: number; mine: Float32Array<ArrayBuffer> }>;
  },
);

/** What goes wrong when a sample is read: `"throw"`, `"reject"`, `"exit"`, `"hang"` or `"collate"`. */
export const broken: (how: string, at: number) => Dataset<number> = defineDataset(
  import.meta.url,
  "broken",
  (how: string, bad: number): Dataset<number> => ({
    length: 12,
    get(index) {
      if (index !== bad) return index;
      if (how === "exit") Deno.exit(3);
      if (how === "reject") return Promise.reject(new RangeError("no such picture"));
      if (how === "hang") return new Promise(() => {});
      if (how === "post") return postAll([null, 42, { kind: "batch", job: 1e9, batch: null }], index);
      if (how === "collate") return "a word" as unknown as number;
      throw new RangeError("no such picture");
    },
  }),
);

/** What a data set does that talks to somebody else. */
function postAll<T>(messages: readonly unknown[], then: T): T {
  const { postMessage } = globalThis as unknown as { postMessage(message: unknown): void };
  for (const message of messages) postMessage(message);
  return then;
}

/** Fails when it is made, in a worker only: the first time it is made here. */
export const stillborn: (log: SharedArrayBuffer) => Dataset<number> = defineDataset(
  import.meta.url,
  "stillborn",
  (made: SharedArrayBuffer): Dataset<number> => {
    if (Atomics.add(new Int32Array(made), 0, 1) > 0) throw new Error("the disk is gone");
    return { length: 3, get: (index) => index };
  },
);

/** Records whose preparing is counted in shared memory: prepared, and walked. */
export const records: (length: number, counts: SharedArrayBuffer) => RecordDataset<[number, number], number> =
  defineDataset(
    import.meta.url,
    "records",
    (length: number, counts: SharedArrayBuffer): RecordDataset<[number, number], number> => {
      const count = new Int32Array(counts);
      return {
        *records(epoch) {
          for (let i = 0; i < length; i++) {
            Atomics.add(count, 1, 1);
            yield 100 * epoch + i;
          }
        },
        prepare(record, index, at) {
          Atomics.add(count, 0, 1);
          return [record, at.random(index).uniform()];
        },
      };
    },
  );

/** Notes in shared memory how many threads made it, and how many batches were begun. */
export const counted: (counts: SharedArrayBuffer) => Dataset<number, HostTensor<"f32">> = defineDataset(
  import.meta.url,
  "counted",
  (counts: SharedArrayBuffer): Dataset<number, HostTensor<"f32">> => {
    const count = new Int32Array(counts);
    Atomics.add(count, 0, 1);
    return {
      length: 100,
      get: (index) => index,
      getBatch(indices) {
        Atomics.add(count, 1, 1);
        return hostTensor(Float32Array.from({ length: indices.length }, (_, i) => indices[i]), { dtype: "f32" });
      },
    };
  },
);

/** Points in three clouds, moved a little at random in every epoch. */
export const movedClouds: (length: number) => Dataset<{ x: HostTensor<"f32">; y: HostTensor<"i32"> }> = defineDataset(
  import.meta.url,
  "movedClouds",
  (length: number): Dataset<{ x: HostTensor<"f32">; y: HostTensor<"i32"> }> => ({
    length,
    get(index, at) {
      const random = at.random(index), y = index % 3;
      const x = Float32Array.from({ length: 4 }, (_, k) => random.uniform() + (k === y ? 1.5 : 0));
      return {
        x: hostTensor(x, { dtype: "f32" }),
        y: hostTensor(Int32Array.of(y), { dtype: "i32", shape: [] }),
      };
    },
  }),
);

/** Batches of 64 KiB, which count in shared memory how many lie in memory that was not used before. */
export const fresh: (length: number, counts: SharedArrayBuffer) => Dataset<number, HostTensor<"f32">> = defineDataset(
  import.meta.url,
  "fresh",
  (length: number, counts: SharedArrayBuffer): Dataset<number, HostTensor<"f32">> => ({
    length,
    get: (index) => index,
    getBatch(_, at) {
      const data = at.allocate("f32", 2 ** 14);
      if (data[0] === 0) Atomics.add(new Int32Array(counts), 0, 1);
      return hostTensor(data.fill(1), { dtype: "f32" });
    },
  }),
);
