import { assertEquals, assertMatch } from "@std/assert";
import { Trainer } from "./mod.ts";
import { LambdaCallback, ModelCheckpoint, OnExceptionCheckpoint } from "../callbacks/mod.ts";
import { joinPath } from "../platform/mod.ts";
import { workOf } from "./trainer_status.ts";
import { longTraining } from "../testing/child.ts";
import { written } from "../testing/stderr.ts";
import { constantBatches, inFolder, quiet, Slope, trainerTest } from "../testing/trainer.ts";

/** What a training that Ctrl-C ends writes to standard error, and its steps. */
async function interrupted(options: object): Promise<{ line: string; steps: string }> {
  const child = longTraining(options);
  await child.printed("trains");
  child.kill("SIGINT");
  const { output, errors } = await child.end();
  const lines = errors.split("\n").filter((line) => line.startsWith("Interrupted"));
  assertEquals(lines.length, 1, errors);
  return { line: lines[0], steps: /interrupted after (\d+)/.exec(output)![1] };
}

Deno.test("Ctrl-C in fit leaves a line on what was finished and saved", async () => {
  await inFolder(async (folder) => {
    const [saving, other] = await Promise.all([interrupted({ folder }), interrupted({})]);
    assertEquals(saving.line, `Interrupted: finished step ${saving.steps} in epoch 0, saved ${folder}/last.ckpt`);
    assertEquals(other.line, `Interrupted: finished step ${other.steps} in epoch 0, saved nothing`);
    assertMatch(saving.steps, /^[1-9]/);
  });
});

trainerTest("the line tells of the checkpoint that was saved then, not of an earlier one", async () => {
  await inFolder(async (folder) => {
    const rescue = new OnExceptionCheckpoint({ dirpath: folder });
    const stops = new LambdaCallback({
      onTrainBatchEnd: (trainer) => {
        if (trainer.globalStep === 3) workOf(trainer).run!.interrupt(); // as Ctrl-C does
      },
    });
    const best = new ModelCheckpoint({ dirpath: joinPath(folder, "best") });
    const trainer = new Trainer({
      ...quiet,
      enableCheckpointing: true,
      maxEpochs: 4,
      callbacks: [best, rescue, stops],
    });
    const lines = await written(() => trainer.fit(new Slope(), constantBatches([1, 2])));
    assertEquals(lines, [`Interrupted: finished step 3 in epoch 1, saved ${rescue.ckptPath}`]);
  });
});

Deno.test("predictions and tests that a signal ends return nothing", async () => {
  for (const phase of ["predict", "test"] as const) {
    const controller = new AbortController();
    class Aborts extends Slope {
      override predictStep(): number {
        controller.abort();
        return 1;
      }
      override testStep(): void {
        controller.abort();
      }
    }
    const trainer = new Trainer(quiet);
    const { signal } = controller;
    assertEquals(await trainer[phase](new Aborts(), constantBatches([1, 2, 3]), { signal }), []);
    assertEquals(trainer.state, "interrupted");
  }
});
