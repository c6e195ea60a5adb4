import { assert, assertEquals, assertThrows } from "@std/assert";
import { hostTensor } from "../tensor/host.ts";
import { ArrayDataset } from "./dataset.ts";
import { DataLoader } from "./loader.ts";
import { DistributedSampler, SubsetRandomSampler, WeightedRandomSampler } from "./random_samplers.ts";
import { RandomSampler, type Sampler } from "./sampler.ts";

const counts = (indices: Iterable<number>, of: number): number[] => {
  const count = new Array<number>(of).fill(0);
  for (const index of indices) count[index]++;
  return count;
};

Deno.test("weighted draws follow the weights, by the chi-squared statistic, and never take weight 0", () => {
  const weights = [1, 0, 2, 5, 0.5], total = 8.5, draws = 20_000;
  const found = counts(new WeightedRandomSampler(weights, { numSamples: draws, seed: 3 }).indices(0), 5);
  assertEquals(found[1], 0);
  const chi = weights.reduce((sum, weight, i) => {
    const expected = draws * weight / total;
    return weight === 0 ? sum : sum + (found[i] - expected) ** 2 / expected;
  }, 0);
  assert(chi < 16.3, `chi-squared with 3 degrees of freedom is ${chi}`); // 0.1 % of honest samplers lie above
});

Deno.test("weighted draws without replacement take each once, the heavier the earlier", () => {
  const weights = [1, 3, 0, 6];
  const first = [0, 0, 0, 0];
  for (let epoch = 0; epoch < 4000; epoch++) {
    const order = [
      ...new WeightedRandomSampler(weights, { numSamples: 3, replacement: false, seed: 1 }).indices(epoch),
    ];
    assertEquals(order.toSorted(), [0, 1, 3]);
    first[order[0]]++;
  }
  for (const [i, weight] of weights.entries()) {
    const share = weight / 10, deviation = Math.sqrt(4000 * share * (1 - share));
    assert(Math.abs(first[i] - 4000 * share) <= 4 * deviation, `sample ${i} came first ${first[i]} times`);
  }
});

Deno.test("samplers are pure functions of seed and epoch, and say how many there are", () => {
  const samplers: ((seed: number) => Sampler)[] = [
    (seed) => new WeightedRandomSampler([1, 2, 3, 4, 5, 6, 7, 8], { seed }),
    (seed) => new WeightedRandomSampler([1, 2, 3, 4, 5, 6, 7, 8], { seed, replacement: false }),
    (seed) => new SubsetRandomSampler([9, 4, 7, 1, 0, 2, 8, 5], { seed }),
    (seed) => new DistributedSampler(21, { worldSize: 3, rank: 1, seed }),
    (seed) => new RandomSampler(20, { seed, replacement: true }),
    (seed) => new RandomSampler(7, { seed, numSamples: 17 }),
  ];
  for (const make of samplers) {
    const order = (seed: number, epoch: number) => [...make(seed).indices(epoch)];
    assertEquals(order(5, 3), order(5, 3));
    assertEquals(new Set([order(5, 3), order(5, 4), order(6, 3)].map(String)).size, 3);
    assertEquals(order(5, 3).length, make(5).length);
  }
  assertEquals([...new SubsetRandomSampler([9, 4, 7]).indices(2)].sort(), [4, 7, 9]);
  const repeated = [...new RandomSampler(7, { numSamples: 17 }).indices(0)];
  assertEquals(counts(repeated.slice(0, 14), 7), new Array(7).fill(2), "one whole order after the other");
});

Deno.test("processes share the samples: PyTorch's shares without a shuffle, all samples with one", () => {
  const share = (
    samples: number,
    worldSize: number,
    rank: number,
    dropLast = false,
  ) => [...new DistributedSampler(samples, { worldSize, rank, dropLast, shuffle: false }).indices(0)];
  // As torch.utils.data.DistributedSampler gives them.
  assertEquals([0, 1, 2].map((rank) => share(10, 3, rank)), [[0, 3, 6, 9], [1, 4, 7, 0], [2, 5, 8, 1]]);
  assertEquals([0, 1, 2].map((rank) => share(10, 3, rank, true)), [[0, 3, 6], [1, 4, 7], [2, 5, 8]]);
  assertEquals([0, 1, 2, 3, 4].map((rank) => share(2, 5, rank)), [[0], [1], [0], [1], [0]]);
  for (const epoch of [0, 1]) {
    const all = [0, 1, 2].flatMap((rank) => [...new DistributedSampler(21, { worldSize: 3, rank }).indices(epoch)]);
    assertEquals(counts(all, 21), new Array(21).fill(1));
  }
});

Deno.test("a loader with any sampler goes on in the middle of an epoch", async () => {
  const data = new ArrayDataset({ n: hostTensor(Int32Array.from({ length: 12 }, (_, i) => i), { dtype: "i32" }) });
  const samplers: Sampler[] = [
    new WeightedRandomSampler(Array.from({ length: 12 }, (_, i) => i), { numSamples: 30 }),
    new SubsetRandomSampler([1, 3, 5, 7, 9]),
    new DistributedSampler(12, { worldSize: 2, rank: 1 }),
    new RandomSampler(12, { replacement: true }),
  ];
  for (const sampler of samplers) {
    const read = async (loader: AsyncIterable<{ n: { data: Int32Array } }>) =>
      (await Array.fromAsync(loader)).map(({ n }) => [...n.data]);
    const make = () => new DataLoader(data, { sampler, batchSize: 2 });
    const whole = await read(make()), first = make();
    for await (const _ of first) if (first.stateDict().batches === 2) break;
    const second = make();
    second.loadStateDict(first.stateDict());
    assertEquals(await read(second), whole.slice(2));
  }
  const plain = new DataLoader(data, { sampler: samplers[0], batchSize: 12 }).sequential();
  for await (const { n } of plain) assertEquals([...n.data], Array.from({ length: 12 }, (_, i) => i));
});

Deno.test("weights, ranks and sizes out of range are refused with the value", () => {
  const refused: [() => unknown, string][] = [
    [() => new WeightedRandomSampler([1, -2]), "weight 1 is -2"],
    [() => new WeightedRandomSampler([1, NaN]), "weight 1 is NaN"],
    [() => new WeightedRandomSampler([0, 0]), "all are 0"],
    [() => new WeightedRandomSampler([1, 0], { replacement: false }), "at most the 1 weights above 0, is 2"],
    [() => new WeightedRandomSampler([1], { numSamples: 1.5 }), "is 1.5"],
    [() => new SubsetRandomSampler([0, -1]), "index 1 is -1"],
    [() => new DistributedSampler(5, { worldSize: 2, rank: 2 }), "rank must be a whole number from 0 to 1, is 2"],
    [() => new DistributedSampler(5, { worldSize: 0, rank: 0 }), "worldSize"],
    [() => new RandomSampler(0, { numSamples: 1 }), "numSamples must be 0"],
  ];
  for (const [make, message] of refused) assertThrows(make, RangeError, message);
  const none: [() => unknown, string][] = [
    [() => new WeightedRandomSampler(null as never), "weights must be a list of numbers, got null"],
    [() => new SubsetRandomSampler(5 as never), "indices must be a list of numbers, got 5"],
    [() => new DistributedSampler(5, undefined as never), "options must be an object such as { worldSize: … }"],
  ];
  for (const [make, message] of none) assertThrows(make, TypeError, message);
});
