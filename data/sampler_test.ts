import { assert, assertEquals, assertThrows } from "@std/assert";
import { BatchSampler, RandomSampler, SequentialSampler } from "./sampler.ts";

Deno.test("RandomSampler's order is a pure function of seed and epoch", () => {
  const order = (seed: number, epoch: number) => [...new RandomSampler(50, { seed }).indices(epoch)].join();
  assertEquals(order(3, 7), order(3, 7));
  assertEquals(new Set([order(3, 7), order(3, 8), order(4, 7), order(3, 0)]).size, 4);
  const sampler = new RandomSampler(50, { seed: 3 });
  void sampler.indices(1);
  assertEquals([...sampler.indices(7)].join(), order(3, 7), "earlier epochs leave no trace");
  assertEquals([...sampler.indices(7)].sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i));
});

Deno.test("RandomSampler's orders stay the same from release to release", () => {
  // A checkpoint holds only the place in the order: another order would resume with other samples.
  assertEquals([...new RandomSampler(10, { seed: 0 }).indices(0)], RECORDED[0]);
  assertEquals([...new RandomSampler(10, { seed: 0 }).indices(1)], RECORDED[1]);
  assertEquals([...new RandomSampler(10, { seed: 2 ** 40 + 5 }).indices(0)], RECORDED[2]);
});

Deno.test("SequentialSampler counts up", () => {
  assertEquals([...new SequentialSampler(4).indices()], [0, 1, 2, 3]);
  assertEquals([...new SequentialSampler(0).indices()], []);
});

Deno.test("BatchSampler cuts batches and can go on after any sample", () => {
  const make = (dropLast: boolean) => new BatchSampler(new RandomSampler(10, { seed: 1 }), { batchSize: 4, dropLast });
  const batches = [...make(false).batches(2)];
  assertEquals(batches.map((batch) => batch.length), [4, 4, 2]);
  assertEquals(make(false).length, 3);
  assertEquals([...make(true).batches(2)], batches.slice(0, 2));
  assertEquals(make(true).length, 2);
  assertEquals([...make(false).batches(2, 4)], batches.slice(1));
  assertEquals([...make(false).batches(2, 5)].flat(), batches.flat().slice(5));
  assertEquals([...make(false).batches(2, 10)], []);
  assert(new BatchSampler(new SequentialSampler(8), { batchSize: 4 }).length === 2);
});

Deno.test("bad lengths, seeds and batch sizes are refused with the value", () => {
  for (const length of [-1, 1.5, NaN, 2 ** 31]) {
    assertThrows(() => new SequentialSampler(length), RangeError, `is ${length}`);
    assertThrows(() => new RandomSampler(length), RangeError, `is ${length}`);
  }
  assertThrows(() => new RandomSampler(1, { seed: -1 }), RangeError, "is -1");
  assertThrows(() => new RandomSampler(1).indices(-1), RangeError, "is -1");
  for (const batchSize of [0, -1, 1.5]) {
    assertThrows(() => new BatchSampler(new SequentialSampler(1), { batchSize }), RangeError, `is ${batchSize}`);
  }
});

const RECORDED: readonly (readonly number[])[] = [[0, 1, 3, 2, 4, 6, 7, 9, 5, 8], [6, 5, 0, 3, 2, 1, 4, 7, 9, 8], [
  1,
  4,
  6,
  2,
  0,
  9,
  5,
  3,
  7,
  8,
]];
