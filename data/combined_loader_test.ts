import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CombinedLoader, type CombinedMode, type LoaderGroup } from "./combined_loader.ts";
import { DataLoader } from "./loader.ts";

async function walked(loaders: LoaderGroup, mode?: CombinedMode): Promise<[length: number, batches: unknown[]]> {
  const loader = new CombinedLoader(loaders, { mode }), batches: unknown[] = [];
  for await (const batch of loader) batches.push(batch);
  return [loader.length, batches];
}

Deno.test("loaders of different length are walked together in four ways", async () => {
  const loaders = { a: [1, 2], b: [10, 20, 30] };
  const both = [{ a: 1, b: 10 }, { a: 2, b: 20 }];
  assertEquals(await walked(loaders), [3, [...both, { a: 1, b: 30 }]]);
  assertEquals(await walked(loaders, "max_size"), [3, [...both, { a: null, b: 30 }]]);
  assertEquals(await walked(loaders, "min_size"), [2, both]);
  assertEquals(await walked([[1, 2], [10]], "sequential"), [3, [1, 2, 10]]);
  assertEquals(await walked([[1, 2], [10]]), [2, [[1, 10], [2, 10]]]);
});

Deno.test("what cannot be combined is refused", () => {
  assertThrows(() => new CombinedLoader({}), TypeError, "it needs a loader");
  assertThrows(() => new CombinedLoader([[1]], { mode: "zip" as never }), TypeError, '"max_size_cycle"');
});

Deno.test("a loader that gives nothing while others go on is refused", async () => {
  const said = "Cannot walk the loader b in CombinedLoader: it must give batches whenever it begins anew";
  await assertRejects(() => walked({ a: [1, 2], b: [] }), RangeError, said);
  await assertRejects(() => walked({ a: [1, 2, 3], b: [10].values() }), RangeError, said);
  assertEquals(await walked({ a: [], b: [] }), [0, []]);
  assertEquals(await walked({ a: [1], b: [] }, "max_size"), [1, [{ a: 1, b: null }]]);
});

Deno.test("a random order can be taken back", async () => {
  const samples = Array.from({ length: 20 }, (_, i) => i), read: number[] = [];
  const shuffled = new DataLoader(samples, { batchSize: 20, shuffle: true, collate: (batch) => batch });
  const { loaders } = new CombinedLoader({ all: shuffled }).sequential();
  for await (const batch of (loaders as { all: typeof shuffled }).all) read.push(...batch as unknown as number[]);
  assertEquals(read, samples);
  assertEquals(new DataLoader(samples).sequential().length, 20);
});

Deno.test("a state taken after any batch goes on as if nothing had happened, in each mode", async () => {
  const numbers = (length: number) => Array.from({ length }, (_, i) => i);
  const plain = (samples: number[]) => samples;
  const make = (mode: CombinedMode) =>
    new CombinedLoader({
      short: new DataLoader(numbers(5), { batchSize: 2, shuffle: true, seed: 3, collate: plain }),
      long: new DataLoader(numbers(14), { batchSize: 2, shuffle: true, seed: 4, collate: plain }),
      list: [1, 2, 3, 4],
    }, { mode });
  for (const mode of ["max_size_cycle", "max_size", "min_size", "sequential"] as const) {
    const whole = await Array.fromAsync(make(mode));
    assertEquals(whole.length, make(mode).length, mode);
    const later = make(mode);
    later.setEpoch(1);
    const wholeLater = await Array.fromAsync(later);
    for (let stop = 1; stop < whole.length; stop++) {
      const again = make(mode), gotLater: unknown[] = [];
      await Array.fromAsync(again);
      again.setEpoch(1);
      for await (const batch of again) if (gotLater.push(batch) === stop) break;
      const resumed = make(mode);
      resumed.setEpoch(1);
      resumed.loadStateDict(JSON.parse(JSON.stringify(again.stateDict())));
      gotLater.push(...await Array.fromAsync(resumed));
      assertEquals(gotLater, wholeLater, `${mode}, stopped after ${stop} batches of the second epoch`);

      const first = make(mode), got: unknown[] = [];
      first.setEpoch(0);
      for await (const batch of first) if (got.push(batch) === stop) break;
      const state = JSON.parse(JSON.stringify(first.stateDict()));
      const second = make(mode);
      second.setEpoch(0);
      second.loadStateDict(state);
      assertEquals(second.stateDict(), state);
      // The place of an epoch that is left is none in the next one.
      const next = make(mode);
      next.setEpoch(0);
      next.loadStateDict(state);
      await next[Symbol.asyncIterator]().return(null);
      next.setEpoch(1);
      assertEquals(await Array.fromAsync(next), wholeLater, `${mode}, left after ${stop} batches`);
      got.push(...await Array.fromAsync(second));
      assertEquals(got, whole, `${mode}, stopped after ${stop} batches`);
    }
  }
  assertThrows(
    () => make("min_size").loadStateDict({ epoch: 0, current: 0, loaders: [] }),
    TypeError,
    "it must be of 3 loaders, it is of 0",
  );
});
