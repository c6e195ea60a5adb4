// What is given no seed follows the one that `seedEverything` and `manualSeed` set.
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { hostTensor } from "../tensor/host.ts";
import { manualSeed } from "../tensor/mod.ts";
import {
  ArrayDataset,
  DataLoader,
  DistributedSampler,
  RandomSampler,
  randomSplit,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from "./mod.ts";

const numbers = Array.from({ length: 12 }, (_, i) => i);
const data = new ArrayDataset({ n: hostTensor(Int32Array.from(numbers), { dtype: "i32", shape: [12] }) });

async function read(loader: AsyncIterable<{ n: { data: ArrayLike<number> } }>, most = Infinity): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const { n } of loader) if (batches.push(Array.from(n.data)) >= most) break;
  return batches;
}

Deno.test("orders, draws and splits follow the global seed, unless they have their own", async () => {
  const kinds: Record<string, (seed?: number) => unknown> = {
    loader: (seed) => read(new DataLoader(data, { batchSize: 5, shuffle: true, seed })),
    augmentation: (seed) => {
      const noisy = {
        length: 3,
        get: (i: number, at: { random(i: number): { uint32(): number } }) => at.random(i).uint32(),
      };
      return Array.fromAsync(new DataLoader(noisy as never, { seed, collate: (samples) => samples }));
    },
    random: (seed) => [...new RandomSampler(12, { seed }).indices(1)],
    weighted: (seed) => [...new WeightedRandomSampler(numbers, { seed }).indices(1)],
    subset: (seed) => [...new SubsetRandomSampler(numbers, { seed }).indices(1)],
    split: (seed) => randomSplit(data, [8, 4], { seed }).map(({ indices }) => Array.from(indices)),
  };
  for (const [kind, make] of Object.entries(kinds)) {
    const under = async (global: number, own?: number) => (manualSeed(global), await make(own));
    const one = await under(1);
    assertEquals(await under(1), one, kind);
    assertNotEquals(await under(2), one, kind);
    assertEquals(await under(2, 1), one, kind);
  }
});

Deno.test("processes that share samples must agree: theirs is 0 whatever the global seed is", () => {
  const share = (global: number, seed?: number) => {
    manualSeed(global);
    return [...new DistributedSampler(12, { worldSize: 2, rank: 0, seed }).indices(0)];
  };
  assertEquals(share(1), share(2, 0));
});

Deno.test("a loader that was made before the seed was set follows it, an epoch that has begun goes on", async () => {
  const loader = new DataLoader(data, { batchSize: 3, shuffle: true }), sampler = new RandomSampler(12);
  manualSeed(5);
  const [wanted] = [await read(new DataLoader(data, { batchSize: 3, shuffle: true, seed: 5 }))];
  const batches: number[][] = [];
  for await (const { n } of loader) {
    manualSeed(6);
    batches.push(Array.from(n.data as Int32Array));
  }
  assertEquals(batches, wanted);
  assertEquals([sampler.seed, [...sampler.indices(0)]], [6, [...new RandomSampler(12, { seed: 6 }).indices(0)]]);
});

Deno.test("a state holds the seed that was used: another process goes on with it", async () => {
  const make = (seed?: number) => new DataLoader(data, { batchSize: 5, shuffle: true, seed });
  manualSeed(1);
  const first = make(), whole = await read(make());
  await read(first, 1);
  const state = JSON.parse(JSON.stringify(first.stateDict()));
  assertEquals(state, { epoch: 0, batches: 1, samples: 5, seed: 1 });
  manualSeed(2);
  const second = make();
  second.loadStateDict(state);
  assertEquals(second.stateDict(), state);
  assertEquals(await read(second), whole.slice(1));
  assertEquals(second.stateDict(), { epoch: 0, batches: 3, samples: 12, seed: 1 });
  // A seed of the loader's own wins; a state from before there were seeds in it has the default of then.
  const third = make(1);
  third.loadStateDict({ ...state, seed: 7 });
  assertEquals(await read(third), whole.slice(1));
  const old = make();
  old.loadStateDict({ epoch: 0, batches: 1, samples: 5 });
  assertEquals(await read(old), (await read(make(0))).slice(1));
  assertThrows(() => old.loadStateDict({ ...state, seed: 0.5 }), TypeError, "seed must be a whole number");
});
