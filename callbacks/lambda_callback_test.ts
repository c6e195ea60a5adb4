import { assertEquals, assertThrows } from "@std/assert";
import { Trainer } from "../lightning.ts";
import { joinPath } from "../platform/mod.ts";
import { constantBatches, inFolder, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { LambdaCallback } from "./mod.ts";

trainerTest("functions are called as hooks, also when a checkpoint is on the disk", async () => {
  await inFolder(async (folder) => {
    const path = joinPath(folder, "end"), seen: unknown[] = [];
    const callbacks = new LambdaCallback({
      onTrainEpochEnd: (trainer) => trainer.saveCheckpoint(path),
      onCheckpointSaved: (_trainer, _module, saved) => void seen.push(saved),
      teardown: (_trainer, _module, stage) => void seen.push(stage),
    });
    await new Trainer({ ...quiet, maxEpochs: 1, callbacks }).fit(new Slope(), constantBatches([1]));
    assertEquals(seen, [path, "fit"]);
  });
});

Deno.test("what is no hook, or no function, is refused", () => {
  assertThrows(() => new LambdaCallback({ onTrainEpoch: () => {} } as never), TypeError, "no option onTrainEpoch");
  assertThrows(() => new LambdaCallback({ onFitEnd: 3 as never }), TypeError, "onFitEnd must be a function, got 3");
});
