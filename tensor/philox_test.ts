import { assert, assertEquals, assertThrows } from "@std/assert";
import { philox4x32, PhiloxStream, seedKey } from "./philox.ts";

/** The generator written with 64-bit integers, straight from the paper. */
function philoxBig(counter: number[], key: number[]): number[] {
  const mask = 0xffffffffn;
  let [c0, c1, c2, c3] = counter.map(BigInt);
  let [k0, k1] = key.map(BigInt);
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0;
    const p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & mask, (p0 >> 32n) ^ c3 ^ k1, p0 & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [c0, c1, c2, c3].map(Number);
}

Deno.test("philox4x32 gives the published known answers of Random123", () => {
  const f = 0xffffffff;
  const known: [[number, number, number, number], [number, number], number[]][] = [
    [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [[f, f, f, f], [f, f], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ];
  for (const [counter, key, want] of known) {
    const out = new Uint32Array(6);
    philox4x32(counter, key, out, 1);
    assertEquals([...out], [0, ...want, 0]);
  }
});

Deno.test("philox4x32 agrees with 64-bit integer arithmetic on 1,000 random counters", () => {
  const random = new PhiloxStream(1);
  const out = new Uint32Array(4);
  for (let i = 0; i < 1000; i++) {
    const [a, b, c, d, e, g] = Array.from({ length: 6 }, () => random.uint32());
    philox4x32([a, b, c, d], [e, g], out);
    assertEquals([...out], philoxBig([a, b, c, d], [e, g]));
  }
});

Deno.test("a stream is the blocks of its counter, keyed by the seed", () => {
  const seed = 5 * 2 ** 32 + 9;
  const stream = new PhiloxStream(seed, 3, 2 ** 33 + 1);
  const got = Array.from({ length: 8 }, () => stream.uint32());
  assertEquals(got, [...philoxBig([0, 1, 2, 3], [9, 5]), ...philoxBig([1, 1, 2, 3], [9, 5])]);
});

Deno.test("streams, steps and seeds differ, and equal ones repeat", () => {
  const draw = (seed: number, stream: number, step: number) => {
    const random = new PhiloxStream(seed, stream, step);
    return Array.from({ length: 4 }, () => random.uint32()).join();
  };
  assertEquals(draw(1, 2, 3), draw(1, 2, 3));
  assertEquals(new Set([draw(1, 2, 3), draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)]).size, 4);
});

Deno.test("uniform numbers lie in [0, 1), are exact in f32 and have the right mean", () => {
  const random = new PhiloxStream(7);
  let sum = 0;
  for (let i = 0; i < 100_000; i++) {
    const x = random.uniform();
    assert(x >= 0 && x < 1 && Math.fround(x) === x);
    sum += x;
  }
  assert(Math.abs(sum / 100_000 - 0.5) < 5 * Math.sqrt(1 / 12 / 100_000));
});

Deno.test("below is fair, also for a bound that 2^32 is far from a multiple of", () => {
  const random = new PhiloxStream(11);
  const counts = [0, 0, 0];
  const bound = 3 * 2 ** 30; // without rejection every third value would come up twice as often
  for (let i = 0; i < 90_000; i++) counts[random.below(bound) % 3]++;
  // chi-square with two degrees of freedom: 13.8 is exceeded once in a thousand
  const chi = counts.reduce((sum, n) => sum + (n - 30_000) ** 2 / 30_000, 0);
  assert(chi < 13.8, `chi-square ${chi}`);
  assertEquals(new PhiloxStream(1).below(1), 0);
});

Deno.test("a permutation holds every index once and every order is equally likely", () => {
  const order = new PhiloxStream(3).permutation(1000);
  assertEquals(Array.from(order).sort((a, b) => a - b), Array.from({ length: 1000 }, (_, i) => i));
  assert(order.some((value, i) => value !== i));
  const counts = new Map<string, number>();
  for (let step = 0; step < 6000; step++) {
    const key = new PhiloxStream(3, 0, step).permutation(3).join();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  assertEquals(counts.size, 6);
  const chi = [...counts.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
  assert(chi < 20.5, `chi-square ${chi}`); // five degrees of freedom, once in a thousand
  assertEquals(new PhiloxStream(3).permutation(0).length, 0);
});

Deno.test("bad seeds, bounds and lengths are refused with the value", () => {
  for (const seed of [-1, 0.5, NaN, 2 ** 53]) assertThrows(() => seedKey(seed), RangeError, `is ${seed}`);
  for (const bound of [0, -1, 1.5, 2 ** 32]) {
    assertThrows(() => new PhiloxStream(0).below(bound), RangeError, `is ${bound}`);
  }
  assertThrows(() => new PhiloxStream(0).permutation(-1), RangeError, "is -1");
});
