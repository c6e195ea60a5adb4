import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import type { TimedDispatch } from "../../device/mod.ts";
import { EarlyStopping } from "../../callbacks/mod.ts";
import {
  AdvancedProfiler,
  type ChromeTrace,
  type Profiler,
  SimpleProfiler,
  TraceProfiler,
  type TraceProfilerOptions,
  Trainer,
  type TrainerOptions,
} from "../../lightning.ts";
import { joinPath, readText } from "../../platform/mod.ts";
import { toChromeTrace } from "./chrome_trace.ts";
import { cloudLoader, constantBatches, inFolder, Net, quiet, Slope, trainerTest } from "../../testing/trainer.ts";

/** Trains a small classifier with a profiler. */
async function fit(profiler: Profiler | "simple", options: TrainerOptions = {}): Promise<Trainer> {
  const trainer = new Trainer({ ...quiet, maxEpochs: 2, profiler, ...options });
  await trainer.fit(new Net(), {
    train: cloudLoader(24, { batchSize: 4 } as never),
    val: cloudLoader(8, { batchSize: 4 } as never),
  });
  return trainer;
}

trainerTest("the simple profiler counts every hook, step and wait, and shows them as a table", async () => {
  await inFolder(async (folder) => {
    const profiler = new SimpleProfiler({ dirpath: folder, filename: "times" });
    await fit(profiler, { callbacks: new EarlyStopping({ monitor: "val_loss" }) });
    const calls = (action: string) => profiler.actions.get(action)?.calls;
    assertEquals(
      [
        calls("runTrainingEpoch"),
        calls("runTrainingBatch"),
        calls("[LightningModule]Net.trainingStep"),
        calls("[LightningModule]Net.optimizerStep"),
        calls("[FitLoop].trainDataloaderNext"),
        calls("runEvaluationBatch"),
        calls('[Callback]EarlyStopping{"monitor":"val_loss","mode":"min"}.onTrainEpochEnd'),
      ],
      [2, 12, 12, 12, 12, 4, 2],
    );
    const epoch = profiler.actions.get("runTrainingEpoch")!, batch = profiler.actions.get("runTrainingBatch")!;
    assert(epoch.seconds >= batch.seconds && batch.seconds > 0);
    const lines = (await readText(joinPath(folder, "fit-times.txt"))).split("\n");
    assertEquals(lines[0], "FIT Profiler Report");
    assertEquals(lines[2].split("|").map((cell) => cell.trim()), [
      "",
      "Action",
      "Mean (s)",
      "Calls",
      "Total (s)",
      "%",
      "",
    ]);
    assertEquals(lines[4].split("|").map((cell) => cell.trim()).slice(1, 3), ["Total", "-"]);
    assertEquals(lines[4].split("|")[5].trim(), "100");
    assertEquals(new Set(lines.slice(2, -1).map((line) => line.length)).size, 1);
  });
});

Deno.test("what a profiler measures may be synchronous, asynchronous, or fail", async () => {
  const profiler = new SimpleProfiler({ extended: false });
  assertEquals(profiler.profile("a", () => 1), 1);
  assertEquals(await profiler.profile("a", () => Promise.resolve(2)), 2);
  assertThrows(
    () =>
      profiler.profile("a", () => {
        throw new Error("no");
      }),
    Error,
    "no",
  );
  await assertRejects(() => profiler.profile("a", () => Promise.reject(new Error("late"))), Error, "late");
  assertEquals(profiler.actions.get("a")?.calls, 4);
  assertEquals(profiler.summary().split("\n")[0].split("|").length, 5);
});

Deno.test("a profiler is chosen by name, and no other name is taken", () => {
  assert(new Trainer({ ...quiet, profiler: "simple" }).profiler instanceof SimpleProfiler);
  assert(new Trainer({ ...quiet, profiler: "advanced" }).profiler instanceof AdvancedProfiler);
  assertEquals(new Trainer(quiet).profiler, null);
  const wrong = { ...quiet, profiler: "fast" } as unknown as TrainerOptions;
  assertThrows(
    () => new Trainer(wrong),
    TypeError,
    'profiler must be "simple" or "advanced", a Profiler or null, got "fast"',
  );
});

Deno.test("options of profilers that do not exist or are of another type are refused", () => {
  const wrong: [() => Profiler, string][] = [
    [() => new SimpleProfiler({ extendd: false } as never), "extended is the nearest"],
    [
      () => new SimpleProfiler({ extended: 1 } as never),
      "Cannot make a SimpleProfiler: extended must be true or false, got 1",
    ],
    [() => new AdvancedProfiler({ lines: 5 } as never), "there is no option lines"],
    [() => new AdvancedProfiler({ lineCountRestriction: "5" } as never), 'must be above 0, got "5"'],
    [() => new TraceProfiler({ fileName: "x" } as never), "filename is the nearest"],
    [() => new TraceProfiler({ active: 0 }), "active must be a whole number from 1 on, got 0"],
    [() => new TraceProfiler({ kernels: null } as never), "kernels must be true or false, got null"],
    [
      () => new SimpleProfiler({ dirpath: 5 } as never),
      "Cannot make a SimpleProfiler: dirpath must be a text or null, got 5",
    ],
    [() => new SimpleProfiler("times" as never), "options must be an object such as { dirpath: …"],
  ];
  for (const [make, message] of wrong) assertThrows(make, Error, message);
});

trainerTest("the advanced profiler names the functions that took the time", async () => {
  const profiler = new AdvancedProfiler({ samplingInterval: 200, lineCountRestriction: 1000 });
  class Slow extends Slope {
    override trainingStep(...given: Parameters<Slope["trainingStep"]>): ReturnType<Slope["trainingStep"]> {
      countDown(30);
      return super.trainingStep(...given);
    }
  }
  function countDown(milliseconds: number): void {
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
  }
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, profiler });
  await trainer.fit(new Slow(), constantBatches([1, 2, 3]));
  const block = profiler.summary().split("\n\n").find((text) => text.includes("]Slow.trainingStep: 3 calls"))!;
  const row = block.split("\n").find((line) => line.includes("countDown profiler/profiler_test.ts:"))!;
  const [self, total] = row.split("|").slice(2, 4).map(Number);
  assert(self >= 0 && total >= self && total > 0.03, row);
});

/** Throws unless a trace is what the trace event format asks for: kinds, times, and spans of a row that nest. */
function checkTrace({ traceEvents, displayTimeUnit }: ChromeTrace): void {
  assertEquals(displayTimeUnit, "ms");
  const rows = new Map<string, { end: number; name: string }[]>(), arrows = new Map<number, string>();
  let latest = 0;
  for (const { name, ph, pid, tid, ts, dur, id } of traceEvents) {
    assert(name !== "" && Number.isInteger(pid) && Number.isInteger(tid));
    if (ph === "M") continue;
    assert(Number.isFinite(ts) && ts! >= latest, `${name} at ${ts} comes after ${latest}`);
    latest = ts!;
    if (ph === "s" || ph === "f") {
      assert(Number.isInteger(id));
      arrows.set(id!, (arrows.get(id!) ?? "") + ph);
    }
    if (ph !== "X") continue;
    assert(dur! >= 0);
    const row = rows.get(`${pid} ${tid}`) ?? [];
    rows.set(`${pid} ${tid}`, row);
    while (row.length > 0 && row[row.length - 1].end <= ts!) row.pop();
    const outer = row.at(-1);
    // A clock of the host has steps of its own.
    assert(outer === undefined || ts! + dur! <= outer.end + 1, `${name} ends after ${outer?.name}`);
    row.push({ name, end: ts! + dur! });
  }
  assert([...arrows.values()].every((ends) => ends === "sf"), "an arrow ends after it begins");
}

Deno.test("an arrow begins no later than its kernel, however clocks are rounded", () => {
  const times = { begin: 9.999999, microseconds: 3, submitted: 10 };
  const dispatch: TimedDispatch = { label: "k", groups: [1, 1, 1], shapes: [[2]], ...times };
  checkTrace(toChromeTrace([{ action: "a", begin: 9, end: 11 }], [dispatch], [], "x"));
});

for (const compile of [false, true]) {
  trainerTest(
    `a trace holds hooks and kernels of the chosen batches${compile ? ", also of replays" : ""}`,
    async (device) => {
      await inFolder(async (folder) => {
        const options: TraceProfilerOptions = { dirpath: folder, wait: 2, warmup: 1, active: 2 };
        const profiler = new TraceProfiler(options);
        await fit(profiler, { compile });
        assertEquals(profiler.path, joinPath(folder, "fit-trace.json"));
        const trace = JSON.parse(await readText(profiler.path)) as ChromeTrace;
        checkTrace(trace);
        const named = (name: string) => trace.traceEvents.filter((event) => event.name === name && event.ph === "X");
        assertEquals(named("runTrainingBatch").length, 2);
        assertEquals(named("runTrainingEpoch").length, 1);
        assert(trace.traceEvents.some(({ ph, name }) => ph === "C" && name === "memory"));
        if (!device.features.has("timestamp-query")) return;
        const kernels = trace.traceEvents.filter(({ cat }) => cat === "kernel");
        assert(kernels.length >= 20, `${kernels.length} kernels`);
        assert(kernels.every(({ args }) => /^\[/.test(String(args!.shapes))), JSON.stringify(kernels[0]));
        assertEquals(kernels.length % 2, 0); // as many in one batch as in the other
        assertStringIncludes(profiler.summary(), "Trace: ");
        const begin = named("runTrainingBatch")[0].ts!;
        assert(kernels.every(({ ts }) => ts! >= begin), "no kernel runs before its batch");
        assertEquals(device.recorder.timer, null);
      });
    },
  );
}

trainerTest("without kernels, or in a validation by itself, a trace is made too", async () => {
  await inFolder(async (folder) => {
    const profiler = new TraceProfiler({ dirpath: folder, filename: "v", wait: 0, warmup: 0, kernels: false });
    const trainer = new Trainer({ ...quiet, profiler });
    await trainer.validate(new Net(), cloudLoader(8, { batchSize: 4 } as never) as never);
    checkTrace(JSON.parse(await readText(joinPath(folder, "validate-v.json"))) as ChromeTrace);
    assertEquals(profiler.dispatches.length, 0);
  });
  assertThrows(() => new TraceProfiler({ active: 0 }), RangeError, "active must be a whole number from 1 on, got 0");
});

trainerTest("a run that fails has its report, too", async () => {
  const profiler = new SimpleProfiler({ dirpath: "unused" });
  let reported = 0;
  profiler.report = () => Promise.resolve(void reported++);
  class Fails extends Slope {
    override trainingStep(): never {
      throw new Error("on purpose");
    }
  }
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, profiler });
  await assertRejects(() => trainer.fit(new Fails(), constantBatches([1])), Error, "on purpose");
  assertEquals(reported, 1);
});
