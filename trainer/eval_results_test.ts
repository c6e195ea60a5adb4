import { assertEquals } from "@std/assert";
import { type Loader, Trainer } from "../lightning.ts";
import { mean, type Tensor } from "../mod.ts";
import { written } from "../testing/stderr.ts";
import { constantBatches, quiet, Slope, trainerTest } from "../testing/trainer.ts";

/** A loader; an array of arrays would be one loader whose batches are arrays. */
function loader(values: readonly number[]): Loader {
  const batches = constantBatches(values);
  return { length: batches.length, [Symbol.iterator]: () => batches[Symbol.iterator]() };
}

/** Logs in every place that an evaluation has. */
class Everywhere extends Slope {
  override validationStep(x: Tensor, _batchIdx: number, dataloaderIdx = 0): void {
    this.log(dataloaderIdx === 0 ? "clean" : "noisy", mean(x), { addDataloaderIdx: false });
    this.log("shared", mean(x), { addDataloaderIdx: false });
    this.log("both", mean(x));
  }
  override onValidationStart(): void {
    this.log("atStart", 3);
  }
  override onValidationEpochEnd(): void {
    this.log("atEnd", 7);
  }
  override testStep(x: Tensor, batchIdx: number, dataloaderIdx = 0): void {
    this.validationStep(x, batchIdx, dataloaderIdx);
  }
  override onTestEpochEnd(): void {
    this.log("atEnd", 9);
  }
}

trainerTest("each loader's record has what was logged for it, and what belongs to no loader", async () => {
  const trainer = new Trainer(quiet), two = [loader([1, 2]), loader([8])];
  assertEquals(await trainer.validate(new Everywhere(), two), [
    { atStart: 3, atEnd: 7, clean: 1.5, shared: 1.5, "both/dataloader_idx_0": 1.5 },
    { atStart: 3, atEnd: 7, noisy: 8, shared: 8, "both/dataloader_idx_1": 8 },
  ]);
  assertEquals(trainer.callbackMetrics, {
    ...{ atStart: 3, atEnd: 7, clean: 1.5, noisy: 8, "both/dataloader_idx_0": 1.5, "both/dataloader_idx_1": 8 },
    shared: 8, // that of the last loader, as in Lightning
  });
  const named = { test: { clear: loader([1, 2]), loud: loader([8]) } };
  assertEquals(await trainer.test(new Everywhere(), named), [
    { atEnd: 9, clean: 1.5, shared: 1.5, "both/clear": 1.5 },
    { atEnd: 9, noisy: 8, shared: 8, "both/loud": 8 },
  ]);
});

trainerTest("a table shows them: a row for each name, a column for each loader", async () => {
  const trainer = new Trainer(quiet), module = new Everywhere(), one = loader([1, 2]), two = [one, loader([0.1])];
  assertEquals(await written(() => trainer.validate(module, two)), [
    "Validation metric | Loader 0 | Loader 1",
    "---------------------------------------",
    "atEnd             | 7        | 7",
    "atStart           | 3        | 3",
    "both              | 1.5      | 0.1",
    "clean             | 1.5      |",
    "noisy             |          | 0.1",
    "shared            | 1.5      | 0.1",
  ]);
  assertEquals(await written(() => trainer.test(module, { test: { clear: one, loud: two[1] } })), [
    "Test metric | clear | loud",
    "--------------------------",
    "atEnd       | 9     | 9",
    "both        | 1.5   | 0.1",
    "clean       | 1.5   |",
    "noisy       |       | 0.1",
    "shared      | 1.5   | 0.1",
  ]);
  assertEquals(await written(() => trainer.test(module, one, { verbose: false })), []);
  class Silent extends Slope {
    override validationStep(): void {}
  }
  assertEquals(await written(() => trainer.validate(new Silent(), one)), []);
  await new Trainer({ ...quiet, barebones: true }).validate(module, one);
});
