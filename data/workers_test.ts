// Batches made in other threads: the same as here, in order, bounded, and an error whatever happens to the thread.
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { hostTensor } from "../tensor/host.ts";
import { batched, broken, counted, fresh, kept, noisy, records, stillborn } from "../testing/worker_datasets.ts";
import { ConcatDataset } from "./concat_dataset.ts";
import { ArrayDataset, Subset } from "./dataset.ts";
import { defineDataset } from "./define_dataset.ts";
import { WorkerError } from "./errors.ts";
import { DataLoader } from "./loader.ts";
import type { DataLoaderOptions } from "./loader_options.ts";
import { serveDatasets } from "./serve_datasets.ts";

const shared = () => new SharedArrayBuffer(8);
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

Deno.test("batches, augmentation included, do not depend on the number of workers", async () => {
  const whole = noisy(23);
  const sets = {
    plain: whole,
    subset: new Subset(whole, [22, 3, 3, 7, 11, 0]),
    concat: new ConcatDataset([new ConcatDataset([noisy(4), whole]), new Subset(noisy(9), [8, 1])]),
  };
  for (const [name, dataset] of Object.entries(sets)) {
    const read = async (numWorkers: number) => {
      const persistentWorkers = numWorkers > 0;
      await using loader = new DataLoader(dataset, {
        ...{ batchSize: 4, shuffle: true, seed: 9 },
        ...{ numWorkers, persistentWorkers },
      });
      const epochs = [await Array.fromAsync(loader), await Array.fromAsync(loader)];
      assertEquals(loader.stateDict(), { epoch: 1, batches: loader.length, samples: dataset.length, seed: 9 });
      return epochs;
    };
    const [here, one, three] = [await read(0), await read(1), await read(3)];
    assertEquals(one, here, name);
    assertEquals(three, here, name);
    const noise = (epoch: typeof here[0]) =>
      epoch.flatMap(({ id, noise }) => [...id.data].map((id, i) => `${id}: ${noise.data.slice(5 * i, 5 * i + 5)}`));
    assert(!noise(here[1]).some((line) => noise(here[0]).includes(line)), "another epoch has other random numbers");
  }
});

Deno.test("data sets read and join in workers as they do here, and keep what is their own", async () => {
  const options = { batchSize: 4, numWorkers: 2 };
  const set = await batched(10);
  assertEquals(
    await Array.fromAsync(new DataLoader(set, options)),
    await Array.fromAsync(new DataLoader(set, { batchSize: 4 })),
  );
  const joined = await Array.fromAsync(new DataLoader(kept(), { batchSize: 2, numWorkers: 1 }));
  assertEquals(joined.map(({ sum }) => sum), [1, 5, 9]);
  for (const { mine } of joined) assertEquals([...mine], [1, 2, 3]);
});

Deno.test("an epoch goes on in the middle with workers, too", async () => {
  const make = () => new DataLoader(noisy(21), { batchSize: 2, shuffle: true, numWorkers: 2 });
  const whole = await Array.fromAsync(make());
  const first = make();
  for await (const _ of first) if (first.stateDict().batches === 3) break;
  const second = make();
  second.loadStateDict(first.stateDict());
  assertEquals(await Array.fromAsync(second), whole.slice(3));
});

Deno.test("records are walked by every worker, prepared by one, and batched alike for any number of workers", async () => {
  const read = async (numWorkers: number, stop = Infinity) => {
    const counts = shared();
    const loader = new DataLoader(records(11, counts), { batchSize: 2, seed: 4, numWorkers });
    const got: unknown[] = [];
    for await (const batch of loader) {
      got.push(batch);
      if (got.length === stop) {
        const rest = new DataLoader(records(11, counts), { batchSize: 2, seed: 4, numWorkers });
        rest.loadStateDict(loader.stateDict());
        got.push(...await Array.fromAsync(rest));
        break;
      }
    }
    return { got, counts: [...new Int32Array(counts)] };
  };
  const here = await read(0);
  assertEquals(here.got.length, 6);
  for (const workers of [1, 3]) {
    const there = await read(workers);
    assertEquals(there.got, here.got, `${workers} workers`);
    assertEquals(there.counts, [11, 11 * workers], "prepared and walked");
    assertEquals((await read(workers, 2)).got, here.got, `${workers} workers, after 2 batches`);
  }
});

Deno.test("persistent workers make the data set once and other workers once an epoch, and epochs stay the same", async () => {
  for (const persistentWorkers of [false, true]) {
    const counts = shared();
    await using loader = new DataLoader(counted(counts), { batchSize: 10, numWorkers: 2, persistentWorkers });
    const epochs = [await Array.fromAsync(loader), await Array.fromAsync(loader)];
    assertEquals(epochs[0], epochs[1]);
    assertEquals(new Int32Array(counts)[0] - 1, persistentWorkers ? 2 : 4);
    for await (const _ of loader) break;
    assertEquals(await Array.fromAsync(loader), epochs[0], "batches of an epoch that was left do not come");
  }
  const counts = shared();
  const walk = new DataLoader(records(5, counts), { batchSize: 2, numWorkers: 2, persistentWorkers: true });
  const epochs = [await Array.fromAsync(walk), await Array.fromAsync(walk)];
  assertEquals(epochs.map((epoch) => epoch.map(([n]) => [...n.data])), [[[0, 1], [2, 3], [4]], [
    [100, 101],
    [102, 103],
    [104],
  ]]);
  await walk.release();
});

Deno.test("no more batches are made ahead than prefetchFactor for each worker", async () => {
  const counts = shared();
  const options = { batchSize: 2, numWorkers: 2, prefetchFactor: 3 };
  const batches = new DataLoader(counted(counts), options)[Symbol.asyncIterator]();
  const begins = async (most: number) => {
    await batches.next();
    // As long as workers take to begin on a busy machine, and a little longer.
    while (new Int32Array(counts)[1] < most) await pause(5);
    await pause(100);
    assertEquals(new Int32Array(counts)[1], most);
  };
  await begins(1 + 6);
  await begins(2 + 6);
  await batches.return!();
  const begun = new Int32Array(counts)[1];
  await pause(50);
  assertEquals(new Int32Array(counts)[1], begun, "the workers have stopped");
});

Deno.test("an error in a worker names the sample and brings its stack", async () => {
  for (const how of ["throw", "reject"]) {
    const loader = new DataLoader(new Subset(broken(how, 5), [0, 1, 2, 3, 4, 5, 6]), { batchSize: 2, numWorkers: 2 });
    const got: unknown[] = [];
    const error = await assertRejects(async () => {
      for await (const batch of loader) got.push(batch);
    }, WorkerError);
    assertEquals(got.length, 2, "batches before it arrive");
    assertEquals(error.index, 5);
    assertStringIncludes(error.message, "it cannot read sample 5: no such picture");
    const cause = error.cause as Error;
    assertEquals([cause.name, cause.message], ["RangeError", "no such picture"]);
    assertStringIncludes(cause.stack!, "worker_datasets.ts");
  }
  const mixed = new DataLoader(broken("collate", 5), { batchSize: 4, numWorkers: 1 });
  await assertRejects(
    () => Array.fromAsync(mixed),
    WorkerError,
    "it cannot make a batch of samples 4, 5, 6, 7: Cannot join samples in collate",
  );
});

Deno.test("a worker that ends or is silent is an error, for every batch that is awaited", async () => {
  const gone = new DataLoader(broken("exit", 5), { batchSize: 2, numWorkers: 2 });
  await assertRejects(
    () => Array.fromAsync(gone),
    WorkerError,
    "it ended before its work was done: it exited with code 3",
  );
  const silent = new DataLoader(broken("hang", 2), { batchSize: 2, numWorkers: 1, timeout: 0.5 });
  await assertRejects(() => Array.fromAsync(silent), WorkerError, "no batch came within 0.5 s");
  const closed = new DataLoader(broken("hang", 0), { batchSize: 2, numWorkers: 1 });
  const pending = closed[Symbol.asyncIterator]().next();
  await Promise.all([
    assertRejects(() => pending, WorkerError, "the workers were stopped"),
    pause(50).then(() => closed.release()),
  ]);
  const stillBorn = new DataLoader(stillborn(shared()), { numWorkers: 1 });
  await assertRejects(() => Array.fromAsync(stillBorn), WorkerError, "it cannot make the data set: the disk is gone");
});

Deno.test("a loader can be read again after a worker failed", async () => {
  const loader = new DataLoader(broken("throw", 5), { batchSize: 2, numWorkers: 1, persistentWorkers: true });
  for (let i = 0; i < 2; i++) await assertRejects(() => Array.fromAsync(loader), WorkerError, "sample 5");
  await loader.release();
});

Deno.test("memory of batches that are handed back is used again", async () => {
  const set = await batched(64);
  for (const numWorkers of [0, 1]) {
    const loader = new DataLoader(set, {
      batchSize: 4,
      numWorkers,
      transform: (x, at) => {
        const data = at.allocate("f32", x.data.length);
        for (let i = 0; i < data.length; i++) data[i] = x.data[i] + 1;
        return { x: hostTensor(data, { dtype: "f32", shape: x.shape }) };
      },
    });
    const buffers = new Set<ArrayBuffer>();
    let batches = 0;
    for await (const batch of loader) {
      assertEquals(batch.x.data[0], 4 * batches + 1);
      buffers.add(batch.x.data.buffer);
      if (batches > 0) loader.recycle(batch); // the first one stays ours
      if (batches++ === 0) continue;
    }
    assertEquals(batches, 16);
    assert(buffers.size <= 7, `${buffers.size} buffers with ${numWorkers} workers`);
  }
});

Deno.test("data sets that cannot cross are refused with the way out", async () => {
  const plain = new ArrayDataset({ x: hostTensor(Float32Array.of(1), { dtype: "f32" }) });
  assertThrows(() => new DataLoader(plain, { numWorkers: 1 }), TypeError, "must come from defineDataset");
  assertThrows(() => new DataLoader([1, 2], { numWorkers: 1 }), TypeError, "got an array");
  assertThrows(() => new DataLoader(new Subset(plain, [0]), { numWorkers: 1 }), TypeError, "got ArrayDataset");
  const elsewhere = defineDataset(import.meta.resolve("../testing/worker_datasets.ts"), "hidden", () => ({
    length: 1,
    get: (i: number) => i,
  }));
  await assertRejects(
    () => Array.fromAsync(new DataLoader(elsewhere(), { numWorkers: 1 })),
    WorkerError,
    "must define hidden by defineDataset at its top level, it defines noisy",
  );
  const missing = defineDataset("file:///no/such/module.ts", "set", () => ({ length: 1, get: (i: number) => i }));
  await assertRejects(() => Array.fromAsync(new DataLoader(missing(), { numWorkers: 1 })), WorkerError, "module.ts");
  const closure = defineDataset(
    import.meta.url,
    "closure",
    (_f: () => number) => ({ length: 1, get: (i: number) => i }),
  );
  await assertRejects(
    () => Array.fromAsync(new DataLoader(closure(() => 1), { numWorkers: 1 })),
    TypeError,
    "arguments of closure must be such as structuredClone takes",
  );
  const refused: [DataLoaderOptions<number, unknown, unknown>, string][] = [
    [{ numWorkers: 1, collate: (x) => x }, "make it a method of the data set, got collate"],
    [{ numWorkers: 1, prefetch: 3 }, "got prefetch"],
    [{ prefetchFactor: 3 }, "there are no workers, got prefetchFactor"],
    [{ numWorkers: 1.5 }, "numWorkers must be a whole number from 0 on, is 1.5"],
    [{ numWorkers: 1, timeout: -1 }, "timeout must be seconds from 0 to 2147483, is -1"],
  ];
  for (const [options, message] of refused) {
    assertThrows(() => new DataLoader<number, unknown, unknown>(counted(shared()) as never, options), Error, message);
  }
});

Deno.test("a steady loop allocates nothing large: what comes back to a worker is filled again", async () => {
  for (const numWorkers of [0, 1, 2]) {
    const counts = shared();
    const loader = new DataLoader(fresh(200, counts), { batchSize: 1, numWorkers });
    for await (const batch of loader) loader.recycle(batch);
    const made = new Int32Array(counts)[0], ahead = 1 + 2 * Math.max(1, numWorkers);
    assert(made <= 2 * ahead + 2, `${made} arrays for 200 batches of ${numWorkers} workers`);
  }
});

Deno.test("workers that the caller starts serve by name, as bundles need it", async () => {
  const here = await Array.fromAsync(new DataLoader(noisy(9), { batchSize: 2, seed: 1 }));
  const started: Worker[] = [];
  const worker = () => {
    const web = new Worker(import.meta.resolve("../testing/data_worker.ts"), { type: "module" });
    started.push(web);
    return web;
  };
  const loader = new DataLoader(noisy(9), { batchSize: 2, seed: 1, numWorkers: 2, worker });
  assertEquals(await Array.fromAsync(loader), here);
  assertEquals(started.length, 2);
  assertThrows(() => serveDatasets(), Error, "it must run in a worker, this is the main thread");
});

Deno.test("a module that defines and trains in one starts no workers without end", async () => {
  await assertRejects(
    () => import("../testing/unguarded_training.ts"),
    WorkerError,
    "put the training behind if (import.meta.main)",
  );
});

Deno.test("what a data set posts by itself is nobody's batch", async () => {
  const loader = new DataLoader(broken("post", 5), { batchSize: 4, numWorkers: 2, timeout: 20 });
  assertEquals((await Array.fromAsync(loader)).length, 3);
});
