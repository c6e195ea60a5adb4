import { assert, assertEquals, assertRejects } from "@std/assert";
import { type MediaPoint, Trainer } from "../lightning.ts";
import { tensor, zeros } from "../mod.ts";
import { joinPath, readFile, readText, sha256 } from "../platform/mod.ts";
import { Fields } from "../testing/event_file.ts";
import { constantBatches, inFolder, MemoryLogger, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { recordsOf } from "../testing/wandb_file.ts";
import { CSVLogger, JSONLLogger, WandbLogger } from "./mod.ts";
import { flattened, json } from "./_values.ts";

class Shows extends Slope {
  override onTrainBatchEnd(): void {
    this.trainer.logImage("samples/../red", tensor([[[1, 0.5]], [[0, 0]], [[0, 2]]]), { caption: "red" });
    this.trainer.logText("note", "a text");
    this.trainer.logHistogram("weights", tensor([0, 1, 2, NaN]));
    this.trainer.logTable("t", { columns: ["id", "name"], rows: [[1, "a"], [2, null]] }, { step: 77 });
  }
}

trainerTest("the trial validation before training shows nothing, as it logs nothing", async () => {
  const steps: number[] = [];
  class Texts extends MemoryLogger {
    logText(_name: string, _text: string, { step }: MediaPoint): void {
      steps.push(step);
    }
  }
  const logger = new Texts();
  class Validates extends Slope {
    override validationStep(): void {
      this.trainer.logText("note", "validated");
      this.trainer.logMetrics({ validated: 1 });
    }
  }
  const [train, val] = [constantBatches([1, 2]), constantBatches([1])];
  await new Trainer({ ...quiet, maxEpochs: 1, numSanityValSteps: 1, logger }).fit(new Validates(), { train, val });
  assertEquals([steps, logger.rows.length], [[1], 1]);
});

trainerTest("a trainer shows things to all loggers that take them, at its step", async () => {
  await inFolder(async (folder) => {
    const csv = new CSVLogger({ saveDir: folder, name: "csv" }),
      jsonl = new JSONLLogger({ saveDir: folder, name: "jsonl" });
    const wandb = new WandbLogger({ saveDir: folder, id: "w" });
    const logger = [csv, jsonl, wandb, new MemoryLogger()];
    await new Trainer({ ...quiet, maxEpochs: 1, logger }).fit(new Shows(), constantBatches([1, 2]));
    for (const { logDir } of [csv, jsonl]) {
      const media = (name: string) => joinPath(logDir, "media", name);
      assertEquals([...(await readFile(media("samples/_/red_1.png"))).subarray(1, 4)], [0x50, 0x4e, 0x47]);
      assertEquals(await readText(media("note_0.txt")), "a text");
      assertEquals(JSON.parse(await readText(media("weights_1.json"))).count, 3);
      assertEquals(JSON.parse(await readText(media("t_77.table.json"))), {
        columns: ["id", "name"],
        rows: [[1, "a"], [2, null]],
      });
    }
    const all = recordsOf(await readFile(joinPath(wandb.logDir, "run-w.wandb"))).map((bytes) => new Fields(bytes));
    const rows = all.filter((record) => record.all(2).length > 0).map((record) =>
      Object.fromEntries(record.at(2).messages(1).map((item) => [item.text(2), JSON.parse(item.text(16))]))
    );
    const image = rows.find((row) => "samples/../red" in row)!["samples/../red"];
    const listed = all.flatMap((record) => record.at(6).messages(1).map((file) => file.text(1)));
    assertEquals([image._type, image.width, image.height, image.format, image.caption], [
      "image-file",
      2,
      1,
      "png",
      "red",
    ]);
    for (const path of listed) await readFile(joinPath(wandb.logDir, "files", path));
    const bytes = await readFile(joinPath(wandb.logDir, "files", image.path));
    assertEquals([await sha256(bytes), bytes.length, listed.includes(image.path)], [image.sha256, image.size, true]);
    const { values, bins } = rows.find((row) => "weights" in row)!.weights;
    assertEquals([values.length + 1, values.reduce((a: number, b: number) => a + b)], [bins.length, 3]);
    assertEquals(rows.map((row) => row._step), rows.map((_, i) => i));
    assert(rows.some((row) => row.t?.nrows === 2 && row["trainer/global_step"] === 77));
  });
});

trainerTest("what is no picture or no table is an error", async () => {
  await inFolder(async (folder) => {
    const logger = new CSVLogger({ saveDir: folder }), at = { step: 0 };
    await assertRejects(() => logger.logImage("flat", zeros([2, 2]), at), TypeError, "must be [C, H, W]");
    await assertRejects(() => logger.logImage("two", zeros([2, 2, 2]), at), TypeError, "1, 3 or 4 channels");
    const short = { columns: ["a", "b"], rows: [[1, 2], [3]] };
    await assertRejects(() => logger.logTable("t", short, at), TypeError, "must have 2 cells, row 1 has 1");
    class Wrong extends Slope {
      override onTrainBatchEnd(): void {
        this.trainer.logImage("flat", zeros([2, 2]));
      }
    }
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, logger });
    await assertRejects(() => trainer.fit(new Wrong(), constantBatches([1])), TypeError, "Cannot log image flat");
  });
});

Deno.test("configurations of every kind have a form: nothing throws, and what is no JSON is a text", () => {
  const params: Record<string, unknown> = {
    ...{
      lr: 0.1,
      bad: NaN,
      none: null,
      missing: undefined,
      act: Math.tanh,
      cls: CSVLogger,
      when: new Date(0),
      empty: {},
    },
    ...{ set: new Set([1, 2]), map: new Map([["a", 1]]), big: 10n, typed: Float32Array.of(1, 2), list: [1, { a: 2 }] },
    net: { depth: 2, opt: { name: "sgd" } },
  };
  params.self = params;
  const shown = JSON.parse(json(params));
  assertEquals(shown, {
    ...{ lr: 0.1, bad: "NaN", none: null, act: "tanh", cls: "CSVLogger", when: "1970-01-01T00:00:00.000Z", empty: {} },
    ...{ set: [1, 2], map: { a: 1 }, big: "10", typed: [1, 2], list: [1, { a: 2 }] },
    ...{ net: { depth: 2, opt: { name: "sgd" } }, self: "[circular]" },
  });
  assertEquals(flattened(params), {
    ...{
      lr: 0.1,
      bad: "NaN",
      none: "null",
      act: "tanh",
      cls: "CSVLogger",
      when: "1970-01-01T00:00:00.000Z",
      empty: "{}",
    },
    ...{ set: "[1,2]", "map/a": 1, big: "10", typed: "[1,2]", list: '[1,{"a":2}]' },
    ...{ "net/depth": 2, "net/opt/name": "sgd", self: "[circular]" },
  });
});
