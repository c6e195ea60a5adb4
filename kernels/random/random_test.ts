import { assert, assertEquals, assertThrows } from "@std/assert";
import * as f from "../../mod.ts";
import { capture, device, Generator, grad, manualSeed, ones, sum, type Tensor, tensor } from "../../mod.ts";
import { philox4x32, PhiloxStream, seedKey } from "../../tensor/philox.ts";
import { gpuTest } from "../../testing/gpu.ts";

const total = (values: Iterable<number>) => {
  let n = 0;
  for (const value of values) n += value;
  return n;
};

/** The first words of a stream, on the host. */
function words(seed: number, stream: number, step: number, count: number): Uint32Array {
  const random = new PhiloxStream(seed, stream, step);
  return Uint32Array.from({ length: count }, () => random.uint32());
}

const seeds = [0, 1, 42, 2 ** 32 + 7, 2 ** 53 - 1];

gpuTest("uniform numbers have the bits of the host's, for every seed, stream, step and size", async () => {
  for (const seed of seeds) {
    for (const [stream, step] of [[0, 0], [3, 0], [5, 2 ** 33 + 1]]) {
      const generator = new Generator();
      generator.state = { seed, stream, step };
      const size = seed === 1 ? 1027 : 9;
      const got = await f.rand([size], { generator }).data();
      const want = Float32Array.from(words(seed, stream, step, size), (word) => (word >>> 8) * 2 ** -24);
      assertEquals(got, want, `seed ${seed} stream ${stream} step ${step}`);
      assertEquals(generator.stream, stream + 1);
    }
  }
});

gpuTest("whole numbers are the words' share of the range", async () => {
  const generator = new Generator(9);
  for (const [low, high] of [[0, 10], [-5, 5], [-(2 ** 31), 2 ** 31 - 1], [7, 8]]) {
    const got = await f.randint(low, high, [50], { generator }).data();
    const want = Array.from(
      words(9, generator.stream - 1, 0, 50),
      (word) => low + Number((BigInt(word) * BigInt(high - low)) >> 32n),
    );
    assertEquals(Array.from(got), want);
  }
  const large = await f.randint(2 ** 31, 2 ** 32, [20], { generator, dtype: "u32" }).data();
  assert(large.every((x) => x >= 2 ** 31));
  assertEquals(f.randint(0, 3, [2], { dtype: "f32" }).dtype, "f32");
});

/** Box and Muller in f64, from the same words. */
function normals(bits: Uint32Array): number[] {
  return Array.from(bits, (_, i) => {
    const [a, b] = [bits[i & ~1], bits[i | 1]];
    const radius = Math.sqrt(-2 * Math.log((a + 0.5) / 2 ** 32)), angle = 2 * Math.PI * b / 2 ** 32;
    return radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
}

gpuTest("normal numbers are the transform of the host's words, and normally distributed", async () => {
  const generator = new Generator(3);
  const size = 100_000;
  const got = Array.from(await f.randn([size], { generator }).data());
  const want = normals(words(3, 0, 0, size));
  got.forEach((x, i) =>
    assert(Math.abs(x - want[i]) <= 2e-6 * Math.max(1, Math.abs(want[i])), `${i}: ${x}, ${want[i]}`)
  );
  const moment = (k: number) => total(got.map((x) => x ** k)) / size;
  // Four standard errors of each moment.
  assert(Math.abs(moment(1)) < 4 / Math.sqrt(size));
  assert(Math.abs(moment(2) - 1) < 4 * Math.sqrt(2 / size));
  assert(Math.abs(moment(3)) < 4 * Math.sqrt(15 / size));
  assert(Math.abs(moment(4) - 3) < 4 * Math.sqrt(96 / size));
  const shifted = await f.normal([size], { mean: 5, std: 0.5, generator }).data();
  const mean = total(shifted) / size;
  assert(Math.abs(mean - 5) < 2 / Math.sqrt(size));
});

gpuTest("uniform numbers fill their interval evenly; 16-bit types never reach 1", async () => {
  const generator = new Generator(4);
  const size = 60_000;
  const counts = new Array<number>(20).fill(0);
  for (const x of await f.uniform([size], { low: -1, high: 3, generator }).data()) counts[Math.floor((x + 1) * 5)]++;
  // χ² with 19 degrees of freedom exceeds 45 once in a thousand.
  assert(total(counts.map((n) => (n - size / 20) ** 2 / (size / 20))) < 45);
  for (const dtype of ["f16", "bf16"] as const) {
    const data = await f.rand([size], { dtype, generator }).data();
    assert(data.every((x) => x >= 0 && x < 1), dtype);
  }
});

gpuTest("permutations hold every number once and equal the host's", async () => {
  const generator = new Generator(5);
  const order = await f.randperm(1000, { generator }).data();
  assertEquals(Array.from(order), Array.from(new PhiloxStream(5, 0).permutation(1000)));
  assertEquals([...order].sort((a, b) => a - b), Array.from({ length: 1000 }, (_, i) => i));
});

gpuTest("choices come with their probability, number by number", async () => {
  const generator = new Generator(6);
  const size = 50_000;
  const share = (data: Iterable<number> & ArrayLike<number>) => total(data) / data.length;
  assert(Math.abs(share(await f.bernoulli([size], { p: 0.3, generator }).data()) - 0.3) < 4 * Math.sqrt(0.21 / size));
  const p = f.where(f.gt(f.arange(size), size / 2), 0.9, f.full([size], 0.1));
  const data = await f.bernoulli(p, { generator }).data();
  assert(Math.abs(share(data.subarray(0, size / 2)) - 0.1) < 0.01);
  assert(Math.abs(share(data.subarray(size / 2)) - 0.9) < 0.01);
  assertEquals([...await f.bernoulli(tensor([0, 1], { dtype: "f32" }), { generator, dtype: "bool" }).data()], [0, 1]);
});

gpuTest("the same seed gives the same numbers, another operation or step others", async () => {
  manualSeed(7);
  const first = [await f.rand([4]).data(), await f.rand([4]).data()];
  assertEquals(f.randomState(), { seed: 7, step: 0, stream: 2 });
  manualSeed(7);
  assertEquals([await f.rand([4]).data(), await f.rand([4]).data()], first);
  assert(first[0].join() !== first[1].join());
  const state = f.randomState();
  const next = await f.rand([4]).data();
  f.restoreRandomState(JSON.parse(JSON.stringify(state)));
  assertEquals(await f.rand([4]).data(), next);
  const generator = manualSeed(7);
  generator.startStep();
  assertEquals(f.randomState(), { seed: 7, step: 1, stream: 0 });
  assert((await f.rand([4]).data()).join() !== first[0].join());
  assertEquals(f.hostRandom(new Generator(7)).uint32(), words(7, 0, 0, 1)[0]);
});

gpuTest("a tensor drawn once keeps its value, however often and wherever it is read", async () => {
  const x = f.rand([33], { generator: new Generator(8) });
  const y = f.mul(x, 2);
  const [a, b] = [await y.data(), await f.add(x, x).data()];
  assertEquals(a, b);
  assertEquals(Array.from(await x.data(), (v) => v * 2), Array.from(a));
});

gpuTest(
  "in a captured function the step and the stream are read on the device, when the numbers are computed",
  async () => {
    const generator = new Generator(11);
    const host = (stream: number, step: number) =>
      Float32Array.from(words(11, stream, step, 5), (word) => (word >>> 8) * 2 ** -24);
    using draw = capture(() => f.rand([5], { generator }));
    assertEquals(await draw().data(), host(0, 0));
    const early = draw();
    generator.startStep(6);
    assertEquals(await draw().data(), host(0, 6));
    assertEquals(await early.data(), host(1, 0));
    assertEquals(await draw().data(), host(1, 6));
    assertEquals(draw.statistics.runs, 1);
  },
);

gpuTest(
  "dropout keeps its share, scales it, and drops the same elements of the gradient, without a stored mask",
  async () => {
    const generator = new Generator(12);
    for (const p of [0.1, 0.5, 0.9]) {
      const x = ones([100, 1000], { requiresGrad: true });
      void x.storage.buffer;
      const before = device().memory().liveBytes;
      const y = f.dropout(x, { p, generator });
      const values = await y.data();
      assert(device().memory().liveBytes - before <= 4 * 131_072, "only the result is held");
      const kept = Array.from(values).filter((v) => v !== 0).length / values.length;
      assert(Math.abs(kept - (1 - p)) < 4 * Math.sqrt(p * (1 - p) / values.length), `${kept} of ${p}`);
      assert(values.every((v) => v === 0 || Math.abs(v - 1 / (1 - p)) < 1e-6 / (1 - p)));
      const [dx] = grad(sum(y), x);
      assertEquals(await dx!.data(), values);
      y.dispose();
    }
  },
);

gpuTest(
  "dropout: nothing outside of training or with p 0, everything with p 1, and in one kernel with its neighbours",
  async () => {
    const x = tensor([1.5, 2, 3]);
    assert(f.dropout(x, { training: false }) === x);
    assert(f.dropout(x, { p: 0 }) === x);
    assertEquals([...await f.dropout(x, { p: 1 }).data()], [0, 0, 0]);
    const { counts } = device().recorder;
    const before = counts.dispatches;
    const y: Tensor = f.mul(f.dropout(f.relu(f.add(x, 1))), 2);
    void y.storage.buffer;
    assertEquals(counts.dispatches - before, 1);
    assertEquals(f.dropout(f.to(x, "bf16")).dtype, "bf16");
  },
);

gpuTest("dropout of channels, and the dropout of self-normalising networks", async () => {
  const generator = new Generator(13);
  for (
    const [drop, shape] of [[f.dropout1d, [50, 40, 7]], [f.dropout2d, [50, 40, 3, 3]], [f.dropout3d, [
      50,
      40,
      2,
      2,
      2,
    ]]] as const
  ) {
    const values = await drop(ones(shape), { p: 0.25, generator }).data();
    const length = values.length / 2000;
    let kept = 0;
    for (let c = 0; c < 2000; c++) {
      const channel = values.subarray(c * length, (c + 1) * length);
      assert(channel.every((v) => v === channel[0]), drop.name);
      if (channel[0] !== 0) kept++;
    }
    assert(Math.abs(kept / 2000 - 0.75) < 4 * Math.sqrt(0.1875 / 2000));
  }
  const size = 100_000;
  const x = f.randn([size], { generator, requiresGrad: true });
  const y = f.alphaDropout(x, { p: 0.3, generator });
  const values = await y.data();
  const mean = total(values) / size;
  const variance = total(Array.from(values, (v) => (v - mean) ** 2)) / size;
  assert(Math.abs(mean) < 0.02 && Math.abs(variance - 1) < 0.03, `${mean} ${variance}`);
  const [dx] = grad(sum(y), x);
  assertEquals(new Set(await dx!.data()).size, 2);
});

Deno.test("what cannot be drawn is refused", () => {
  assertThrows(() => new Generator(-1), RangeError, "seed");
  assertThrows(() => manualSeed(0.5), RangeError, "seed");
  const generator = new Generator(1);
  assertThrows(() => generator.state = { seed: 1, step: 0, stream: -1 }, RangeError, "stream");
  assertThrows(() => f.randint(3, 3, [1]), RangeError, "low < high");
  assertThrows(() => f.bernoulli([2], { p: 1.5 }), RangeError, "a probability must be from 0 to 1, got 1.5");
  assertThrows(() => f.rand([2], { dtype: "i32" }), TypeError, "floating-point");
  assertThrows(() => f.normal([2], { std: -1 }), RangeError, "std");
  assertThrows(() => f.uniform([2], { low: 2, high: 1 }), RangeError, "low must not be above high");
});

Deno.test("a block of the host's stream is the block of its counter", () => {
  const out = new Uint32Array(4);
  philox4x32([1, 5, 0, 3], seedKey(42), out);
  assertEquals(words(42, 3, 5, 8).subarray(4), out);
});
