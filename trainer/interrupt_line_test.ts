import { assertEquals, assertMatch } from "@std/assert";
import { Trainer } from "./mod.ts";
import { longTraining } from "../testing/child.ts";
import { constantBatches, inFolder, quiet, Slope } from "../testing/trainer.ts";

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
