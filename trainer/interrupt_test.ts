import { assert, assertEquals, assertMatch } from "@std/assert";
import { readCheckpoint } from "../lightning.ts";
import { joinPath, listDir } from "../platform/mod.ts";
import { longTraining } from "../testing/child.ts";
import { inFolder } from "../testing/trainer.ts";
import { testIf } from "../testing/test_if.ts";

/** Trains in a process of its own until it tells that it does, then sends Ctrl-C `times` times. */
async function interrupt(
  options: object,
  times: number,
  signal: Deno.Signal = "SIGINT",
): Promise<{ code: number; signal: string | null; out: string[] }> {
  const child = longTraining(options);
  await child.printed("trains");
  for (let i = 0; i < times; i++) {
    child.kill(signal);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const { code, signal: endedBy, output } = await child.end();
  return { code, signal: endedBy, out: output.trimEnd().split("\n") };
}

Deno.test("Ctrl-C finishes the batch, saves last, tears down, and fit returns", async () => {
  await inFolder(async (folder) => {
    const { code, out } = await interrupt({ folder }, 1);
    assertEquals([code, out.slice(0, -1)], [0, ["trains", "train end", "teardown"]]);
    assertMatch(out.at(-1)!, /^interrupted after \d+$/);
    const steps = Number(/\d+/.exec(out.at(-1)!));
    assert(steps >= 3 && steps < 100, `${steps} steps`);
    assertEquals(await listDir(folder), ["last.ckpt"]);
    const { training } = await readCheckpoint(joinPath(folder, "last.ckpt"));
    assertEquals((training!.progress as { globalStep: number }).globalStep, steps);
  });
});

testIf(
  Deno.build.os !== "windows",
  "Windows has no such signals",
  "SIGTERM, as batch systems send it, is a Ctrl-C",
  async () => {
    const { code, out } = await interrupt({}, 1, "SIGTERM");
    assertEquals([code, out.slice(0, -1)], [0, ["trains", "train end", "teardown"]]);
    assertMatch(out.at(-1)!, /^interrupted after \d+$/);
  },
);

Deno.test("Ctrl-C reaches a loop that never waits for anything", async () => {
  // Batches and steps without a promise of their own: only the trainer's pace lets signals in.
  const batches = 20_000, trainer = { maxEpochs: 1, logEveryNSteps: batches };
  const { out } = await interrupt({ sleep: null, batches, trainer }, 1);
  assertMatch(out.at(-1)!, /^interrupted after \d+$/);
  assert(Number(/\d+/.exec(out.at(-1)!)) < batches, out.at(-1));
});

Deno.test("a second Ctrl-C ends a process that hangs", async () => {
  const { code, signal, out } = await interrupt({ hang: true }, 2);
  assertEquals(out, ["trains"]);
  assert(signal === "SIGINT" || code === 130, `code ${code}, signal ${signal}`);
});

testIf(
  Deno.build.os !== "windows",
  "Windows has no such signals",
  "a signal while a run tears down lets it end, a second one does not",
  async () => {
    for (const times of [1, 2]) {
      const child = longTraining({ batches: 5, tearsDown: 1000, trainer: { maxEpochs: 1 } });
      await child.printed("teardown");
      for (let i = 0; i < times; i++) {
        child.kill("SIGTERM");
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      const { code, output, errors } = await child.end();
      assertEquals([code, output.includes("finished after 5")], times === 1 ? [0, true] : [143, false]);
      assertEquals(errors.match(/Interrupted.*/g), [
        "Interrupted: the run is ending as it is; Ctrl-C again ends the process at once",
      ]);
    }
  },
);

Deno.test("Ctrl-C ends a search for a batch size, which leaves the size as it was", async () => {
  const { code, out } = await interrupt({ tune: "batch" }, 1);
  // Every trial that got so far tells that it trains.
  const told = out.filter((line) => line !== "trains");
  assertEquals([code, told], [0, ["size 4 4", "interrupted after 0"]]);
});

Deno.test("Ctrl-C in a search for a learning rate is told by the trainer, and leaves the rate as it was", async () => {
  const { code, out } = await interrupt({ tune: true }, 1);
  assertEquals([code, out], [0, ["trains", "rate 0.01", "interrupted after 0"]]);
});
