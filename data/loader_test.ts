import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { type HostTensor, hostTensor } from "../tensor/host.ts";
import { ArrayDataset, type Dataset, randomSplit } from "./dataset.ts";
import { MnistDataModule } from "./image_data_module.ts";
import { DataLoader, type DataLoaderState } from "./loader.ts";
import { RandomSampler } from "./sampler.ts";
import { scaleImages } from "./transforms/scale_images.ts";

/** Compiles only if two types are the same. */
type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends (<X>() => X extends B ? 1 : 2) ? true : false;
const same = <T extends true>(_: T): void => {};

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 5));
const numbers = (length: number) => Array.from({ length }, (_, i) => i);
const arrays = (length: number) =>
  new ArrayDataset({ n: hostTensor(Int32Array.from(numbers(length)), { dtype: "i32" }) });

async function read(loader: AsyncIterable<{ n: HostTensor<"i32"> }>): Promise<number[][]> {
  return (await Array.fromAsync(loader)).map(({ n }) => [...n.data]);
}

Deno.test("batches cover the data set in order, the last one short or left out", async () => {
  assertEquals(await read(new DataLoader(arrays(5), { batchSize: 2 })), [[0, 1], [2, 3], [4]]);
  assertEquals(await read(new DataLoader(arrays(5), { batchSize: 2, dropLast: true })), [[0, 1], [2, 3]]);
  assertEquals(await read(new DataLoader(arrays(2))), [[0], [1]]);
  assertEquals(await read(new DataLoader(arrays(0), { batchSize: 2 })), []);
  assertEquals(new DataLoader(arrays(5), { batchSize: 2 }).length, 3);
  assertEquals(new DataLoader(arrays(5), { batchSize: 2, dropLast: true }).length, 2);
});

Deno.test("batch types follow from the samples, collate and transform", async () => {
  const data = new ArrayDataset({
    image: hostTensor(Uint8Array.of(0, 255), { dtype: "u8", shape: [2, 1, 1, 1] }),
    label: hostTensor(Int32Array.of(3, 4), { dtype: "i32" }),
  });
  for await (const batch of new DataLoader(data)) {
    same<Same<typeof batch.image, HostTensor<"u8">>>(true);
    same<Same<typeof batch.label, HostTensor<"i32">>>(true);
  }
  const scaled = new DataLoader(data, {
    batchSize: 2,
    transform: ({ image, label }) => ({ x: scaleImages(image), label }),
  });
  for await (const batch of scaled) {
    same<Same<typeof batch, { x: HostTensor<"f32">; label: HostTensor<"i32"> }>>(true);
    assertEquals([...batch.x.data], [0, 1]);
  }
  class Pairs implements Dataset<[Float32Array, bigint]> {
    readonly length = 3;
    get(i: number): [Float32Array, bigint] {
      return [Float32Array.of(i, i), BigInt(i)];
    }
  }
  for await (const [x, y] of new DataLoader(new Pairs(), { batchSize: 3 })) {
    same<Same<typeof x, HostTensor<"f32">>>(true);
    same<Same<typeof y, HostTensor<"i32">>>(true);
    assertEquals([x.shape, [...y.data]], [[3, 2], [0, 1, 2]]);
  }
  const counted = new DataLoader(new Pairs(), {
    batchSize: 2,
    collate: (samples) => samples.length,
    transform: (n) => `${n}`,
  });
  for await (const batch of counted) same<Same<typeof batch, string>>(true);
  const [part] = randomSplit(data, [1, 1]);
  for await (const batch of new DataLoader(part)) same<Same<typeof batch.image, HostTensor<"u8">>>(true);
  for await (const batch of new DataLoader([1, 2])) same<Same<typeof batch, HostTensor<"f32">>>(true);
});

Deno.test("shuffling is a pure function of seed and epoch, and each iteration is the next epoch", async () => {
  const make = (seed = 5) => new DataLoader(arrays(20), { batchSize: 6, shuffle: true, seed });
  const loader = make();
  const epochs = [await read(loader), await read(loader), await read(loader)];
  assertEquals(new Set(epochs.map(String)).size, 3);
  for (const epoch of epochs) assertEquals(epoch.flat().sort((a, b) => a - b), numbers(20));
  for (const [epoch, batches] of epochs.entries()) {
    assertEquals(batches.flat(), [...new RandomSampler(20, { seed: 5 }).indices(epoch)]);
  }
  loader.setEpoch(1);
  assertEquals(await read(loader), epochs[1]);
  assertEquals(await read(loader), epochs[2]);
  assert(String(await read(make(6))) !== String(epochs[0]));
});

Deno.test("a state taken after any batch goes on with the next sample, as if nothing had happened", async () => {
  const kinds: Record<string, () => DataLoader<{ n: HostTensor<"i32"> }, { n: HostTensor<"i32"> }>> = {
    "map-style": () => new DataLoader(arrays(11), { batchSize: 3, shuffle: true, seed: 2, prefetch: 2 }),
    "dropLast": () => new DataLoader(arrays(11), { batchSize: 3, shuffle: true, dropLast: true }),
    "iterable": () =>
      new DataLoader({
        *[Symbol.iterator]() {
          for (const n of numbers(11)) yield { n: hostTensor(Int32Array.of(n), { dtype: "i32", shape: [] }) };
        },
      }, { batchSize: 3 }),
    "batchSampler": () =>
      new DataLoader(arrays(11), {
        batchSampler: { length: 4, batches: (epoch) => [[0], [1, epoch], [3, 4, 5], [6]] },
      }),
  };
  for (const [kind, make] of Object.entries(kinds)) {
    const whole = make();
    const want = [...await read(whole), ...await read(whole)];
    for (let stop = 0; stop <= want.length; stop++) {
      const first = make();
      const got: number[][] = [];
      let state: DataLoaderState = first.stateDict();
      outer: for (let epoch = 0; epoch < 2 && got.length < stop; epoch++) {
        for await (const { n } of first) {
          got.push([...n.data]);
          state = first.stateDict();
          if (got.length === stop) break outer;
        }
      }
      const second = make();
      second.loadStateDict(JSON.parse(JSON.stringify(state)));
      assertEquals(second.stateDict(), state);
      second.setEpoch(state.epoch); // as a trainer does before each epoch
      for (let epoch = state.epoch; epoch < 2; epoch++) got.push(...await read(second));
      assertEquals(got, want, `${kind}, stopped after ${stop} batches`);
    }
  }
});

Deno.test("a state goes on with the next sample also with another batch size", async () => {
  const make = (batchSize: number) => new DataLoader(arrays(10), { batchSize, shuffle: true, seed: 3 });
  const order = (await read(make(10))).flat();
  const loader = make(3);
  for await (const _ of loader) if (loader.stateDict().batches === 2) break;
  assertEquals(loader.stateDict(), { epoch: 0, batches: 2, samples: 6, seed: 3 });
  const other = make(2);
  other.loadStateDict(loader.stateDict());
  assertEquals(await read(other), [order.slice(6, 8), order.slice(8)]);
  assertEquals(other.stateDict(), { epoch: 0, batches: 4, samples: 10, seed: 3 });
});

Deno.test("another epoch drops a loaded place, and a broken state is refused", async () => {
  const loader = new DataLoader(arrays(4), { batchSize: 1 });
  loader.loadStateDict({ epoch: 2, batches: 3, samples: 3 });
  loader.setEpoch(3);
  assertEquals((await read(loader)).length, 4);
  for (
    const state of [{ epoch: -1, batches: 0, samples: 0 }, { epoch: 0, batches: 0.5, samples: 0 }, {
      epoch: 0,
      batches: 0,
    }]
  ) {
    assertThrows(
      () => loader.loadStateDict(state as DataLoaderState),
      TypeError,
      "Cannot load the state of a DataLoader",
    );
  }
  assertThrows(() => loader.setEpoch(-1), RangeError, "is -1");
});

/** A data set that notes when samples are read. */
class Watched implements Dataset<number> {
  readonly length: number;
  readonly log: string[];
  constructor(length: number, log: string[]) {
    this.length = length;
    this.log = log;
  }
  get(index: number): number {
    this.log.push(`read ${index}`);
    return index;
  }
}

Deno.test("batches are made ahead while the consumer waits, after its own work, and no more than prefetch", async () => {
  const log: string[] = [];
  const batches = new DataLoader(new Watched(6, log), { prefetch: 2 })[Symbol.asyncIterator]();
  for (let step = 0; step < 3; step++) {
    await batches.next();
    await Promise.resolve(); // what follows at once in the same turn goes first
    log.push(`step ${step}`);
    // The GPU works, for as long as it takes on a busy machine, and a little longer.
    while (log.filter((line) => line.startsWith("read")).length < step + 3) await turn();
    await turn();
    log.push(`done ${step}`);
  }
  await batches.return!();
  assertEquals(log, [
    ...["read 0", "step 0", "read 1", "read 2", "done 0"],
    ...["step 1", "read 3", "done 1", "step 2", "read 4", "done 2"],
  ]);
  const plain: string[] = [];
  const none = new DataLoader(new Watched(3, plain), { prefetch: 0 });
  for await (const _ of none) {
    plain.push("step");
    await turn();
  }
  assertEquals(plain, ["read 0", "step", "read 1", "step", "read 2", "step"]);
});

Deno.test("samples that are promises are read together and keep their order", async () => {
  let open = 0;
  let most = 0;
  const data: Dataset<number> = {
    length: 9,
    async get(i) {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, (9 - i) % 4));
      open--;
      return i;
    },
  };
  const batches = (await Array.fromAsync(new DataLoader(data, { batchSize: 3 }))).map(({ data }) => [...data]);
  assertEquals(batches, [[0, 1, 2], [3, 4, 5], [6, 7, 8]]);
  assert(most >= 3, `${most} at once`);
});

Deno.test("an asynchronous transform is awaited", async () => {
  const loader = new DataLoader(arrays(4), {
    batchSize: 2,
    transform: async ({ n }) => {
      await turn();
      return n.data.join();
    },
  });
  assertEquals(await Array.fromAsync(loader), ["0,1", "2,3"]);
});

Deno.test("an error is thrown where its batch is asked for, after the batches before it, and ends the iteration", async () => {
  const failing = (asynchronous: boolean): Dataset<number> => ({
    length: 6,
    get(i) {
      if (i < 3) return asynchronous ? Promise.resolve(i) : i;
      const error = new Error(`no sample ${i}`);
      if (asynchronous) return Promise.reject(error);
      throw error;
    },
  });
  for (const asynchronous of [false, true]) {
    const batches = new DataLoader(failing(asynchronous), { prefetch: 4 })[Symbol.asyncIterator]();
    for (let i = 0; i < 3; i++) {
      assertEquals((await batches.next()).value?.data[0], i);
      await turn(); // the failing batch is made ahead here, and nobody is told yet
    }
    await assertRejects(() => batches.next(), Error, "no sample 3");
    assertEquals(await batches.next(), { done: true, value: undefined });
  }
  const broken = new DataLoader(arrays(2), {
    transform: () => {
      throw new Error("no transform");
    },
  });
  await assertRejects(() => Array.fromAsync(broken), Error, "no transform");
});

Deno.test("data sets without get come in their own order, told the epoch, of known or unknown length", async () => {
  const epochs: number[] = [];
  const stream = {
    setEpoch: (epoch: number) => void epochs.push(epoch),
    async *[Symbol.asyncIterator]() {
      for (let i = 0; i < 5; i++) yield await Promise.resolve(i);
    },
  };
  const loader = new DataLoader(stream, { batchSize: 2 });
  const sizes = async () => (await Array.fromAsync(loader)).map(({ data }) => [...data]);
  assertEquals(await sizes(), [[0, 1], [2, 3], [4]]);
  assertEquals(await sizes(), [[0, 1], [2, 3], [4]]);
  assertEquals(epochs, [0, 1]);
  assertEquals(loader.length, Infinity);
  assertEquals((await Array.fromAsync(loader.with({ dropLast: true }))).length, 2);
  assertEquals((await Array.fromAsync(loader.with({ dropLast: true }).whole())).length, 3);
  assertEquals(loader.whole(), loader);
  assertEquals(new DataLoader({ length: 5, ...stream }, { batchSize: 2 }).length, 3);
});

Deno.test("a slow stream's samples do not mix between batches that are made ahead", async () => {
  const stream = {
    async *[Symbol.asyncIterator]() {
      for (let i = 0; i < 8; i++) {
        await turn();
        yield i;
      }
    },
  };
  const batches: number[][] = [];
  for await (const { data } of new DataLoader(stream, { batchSize: 2, prefetch: 3 })) {
    batches.push([...data]);
    await turn();
  }
  assertEquals(batches, [[0, 1], [2, 3], [4, 5], [6, 7]]);
});

Deno.test("leaving an iteration closes the data set's iterator", async () => {
  let closed = 0;
  const stream = {
    *[Symbol.iterator]() {
      try {
        for (let i = 0;; i++) yield i;
      } finally {
        closed++;
      }
    },
  };
  for await (const { data } of new DataLoader(stream)) if (data[0] === 2) break;
  assertEquals(closed, 1);
  const batches = new DataLoader(stream)[Symbol.asyncIterator]();
  await batches.next();
  await batches.return!();
  assertEquals([closed, (await batches.next()).done], [2, true]);
});

Deno.test("with() changes options and begins anew", async () => {
  const loader = new DataLoader(arrays(5), { batchSize: 2, shuffle: true, dropLast: true });
  const plain = loader.with({ shuffle: false, dropLast: false });
  assertEquals(await read(plain), [[0, 1], [2, 3], [4]]);
  assertEquals([loader.length, loader.batchSize, plain.length], [2, 2, 3]);
});

Deno.test("options that are out of range or exclude each other are refused by name", () => {
  const data = arrays(3);
  const sampler = new RandomSampler(3);
  const batchSampler = { length: 0, batches: () => [] };
  assertThrows(
    () => new DataLoader(data, { batchSize: 0 }),
    RangeError,
    "batchSize must be a whole number from 1 on, is 0",
  );
  assertThrows(
    () => new DataLoader(data, { prefetch: -1 }),
    RangeError,
    "prefetch must be a whole number from 0 on, is -1",
  );
  assertThrows(() => new DataLoader(data, { shuffle: true, seed: 0.5 }), RangeError, "is 0.5");
  assertThrows(() => new DataLoader(data, { shuffle: true, sampler }), TypeError, "got shuffle with it");
  assertThrows(
    () => new DataLoader(data, { batchSampler, batchSize: 2, dropLast: true }),
    TypeError,
    "got batchSize and dropLast with it",
  );
  const stream = { *[Symbol.iterator]() {} };
  assertThrows(
    () => new DataLoader<number>(stream, { shuffle: true }),
    TypeError,
    "a data set without get(index) has its own order, got shuffle",
  );
});

Deno.test("data sets, samplers and functions that are none are refused, and states that are none", () => {
  const refused: [() => unknown, string][] = [
    ...[null, 5, "abc", {}, { length: 3 }].map((dataset): [() => unknown, string] => [
      () => new DataLoader(dataset as never),
      "a data set must be an array, have length and get(index), or be iterable, got ",
    ]),
    [() => new DataLoader(undefined as never), "got undefined; if setup makes it, setup must have run before"],
    [() => new DataLoader([1], { sampler: {} as never }), "a sampler must have length and indices(epoch), got {}"],
    [
      () => new DataLoader([1], { batchSampler: 5 as never }),
      "a batchSampler must have length and batches(epoch), got 5",
    ],
    [() => new DataLoader([1], { collate: 5 as never }), "collate must be a function, got 5"],
    [() => new DataLoader([1], { transform: "x" as never }), 'transform must be a function, got "x"'],
    [() => new DataLoader([1]).loadStateDict(null as never), "it must be what stateDict gave, got null"],
  ];
  for (const [make, said] of refused) assertThrows(make, TypeError, said);
});

Deno.test("an option that does not exist is refused, with the nearest and all that exist", () => {
  const refusal = (make: () => unknown) => assertThrows(make, TypeError).message;
  const options = { batch_size: 2 } as object;
  assertEquals(
    refusal(() => new DataLoader(arrays(5), options)),
    "Cannot make a DataLoader: there is no option batch_size, batchSize is the nearest; the options are batchSize, " +
      "shuffle, seed, dropLast, sampler, batchSampler, collate, transform, prefetch, numWorkers, prefetchFactor, " +
      "persistentWorkers, timeout, worker",
  );
  assertEquals(
    refusal(() => new DataLoader(arrays(5), 2 as unknown as object)),
    "Cannot make a DataLoader: options must be an object such as { batchSize: 2 }, got 2",
  );
  assertStringIncludes(refusal(() => new MnistDataModule(options)), "no option batch_size, batchSize is the nearest");
});
