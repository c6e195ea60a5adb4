import { assert, assertEquals, assertThrows } from "@std/assert";
import { Trainer } from "../lightning.ts";
import { mean, type Tensor } from "../mod.ts";
import { appendFile, exists, joinPath, listDir, readText } from "../platform/mod.ts";
import { constantBatches, inFolder, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { CSVLogger } from "./csv_logger.ts";
import { JSONLLogger } from "./jsonl_logger.ts";

const at = (step: number) => ({ step, batch: step + 1, epoch: 0, seconds: 0.5 });
const lines = async (logger: CSVLogger) => (await readText(joinPath(logger.logDir, "metrics.csv"))).split("\n");

Deno.test("rows carry step, batch, epoch and seconds; columns that come later are empty before", async () => {
  await inFolder(async (folder) => {
    const logger = new CSVLogger({ saveDir: folder });
    await logger.logMetrics({ loss: 1.5 }, at(0));
    await logger.logMetrics({ loss: NaN }, at(1));
    await logger.logMetrics({ accuracy: 0.25, lr: 1e-9 }, at(1));
    await logger.logMetrics({ loss: -Infinity }, at(2));
    assertEquals(await lines(logger), [
      "step,batch,epoch,seconds,loss,accuracy,lr",
      "0,1,0,0.5,1.5,,",
      "1,2,0,0.5,NaN,,",
      "1,2,0,0.5,,0.25,1e-9",
      "2,3,0,0.5,-Infinity,,",
      "",
    ]);
    assertEquals(await listDir(logger.logDir), ["metrics.csv"]);
  });
});

Deno.test("names are quoted where they must be", async () => {
  await inFolder(async (folder) => {
    const logger = new CSVLogger({ saveDir: folder, version: "v" });
    await logger.logMetrics({ 'a,"b"': 1, "c\nd": 2, "é ü": 3 }, at(0));
    assertEquals((await lines(logger))[0], 'step,batch,epoch,seconds,"a,""b""","c d",é ü');
    // Another logger of the same run knows the columns by what stands in the file.
    const again = new CSVLogger({ saveDir: folder, version: "v" });
    await again.logMetrics({ 'a,"b"': 4 }, at(1));
    assertEquals((await lines(again))[2], "1,2,0,0.5,4,,");
  });
});

Deno.test("runs that begin at the same moment do not share a folder", async () => {
  await inFolder(async (folder) => {
    const loggers = Array.from({ length: 4 }, () => new CSVLogger({ saveDir: folder }));
    await Promise.all(loggers.map((logger) => logger.open()));
    const wanted = [0, 1, 2, 3].map((number) => `version_${number}`);
    assertEquals(loggers.map(({ version }) => version).sort(), wanted);
  });
});

Deno.test("folders of runs that are none are refused", () => {
  const wrong: [object, string][] = [
    [{ saveDir: 5 }, "saveDir must be a text, got 5"],
    [{ name: null }, "name must be a text, got null"],
    [{ version: -1 }, "version must be a name or a whole number from 0 on, got -1"],
    [{ version: NaN }, "got NaN"],
    [{ version: "" }, 'got ""'],
    [{ version: {} }, "got {}"],
  ];
  for (const [options, said] of wrong) assertThrows(() => new CSVLogger(options as never), TypeError, said);
});

Deno.test("each run has a version of its own; a version that is given is gone on with", async () => {
  await inFolder(async (folder) => {
    const options = { saveDir: folder, name: "mnist" };
    for (const wanted of ["version_0", "version_1"]) {
      const logger = new CSVLogger(options);
      await logger.open();
      assertEquals([logger.version, logger.logDir], [wanted, joinPath(folder, "mnist", wanted)]);
    }
    const named = new CSVLogger({ ...options, version: 12 });
    await named.logMetrics({ loss: 1 }, at(0));
    assertEquals(named.version, "version_12");
    const next = new CSVLogger(options);
    await next.open();
    assertEquals(next.version, "version_13");
    // A process that was cut off may leave half a line.
    await appendFile(joinPath(named.logDir, "metrics.csv"), "1,2,0");
    const resumed = new CSVLogger({ ...options, version: 12 });
    await resumed.logMetrics({ loss: 2, other: 3 }, at(1));
    assertEquals(await lines(resumed), [
      "step,batch,epoch,seconds,loss,other",
      "0,1,0,0.5,1,",
      "1,2,0,0.5,2,3",
      "",
    ]);
  });
});

Deno.test("hyperparameters go to a file", async () => {
  await inFolder(async (folder) => {
    const logger = new CSVLogger({ saveDir: folder });
    await logger.logHyperparams({ lr: 0.1, layers: [1, 2] });
    assertEquals(JSON.parse(await readText(joinPath(logger.logDir, "hparams.json"))), { lr: 0.1, layers: [1, 2] });
  });
});

trainerTest("fit writes one run, and nothing where nothing runs", async () => {
  await inFolder(async (folder) => {
    class Logging extends Slope {
      override trainingStep(x: Tensor): Tensor {
        this.log("loss", mean(x), { onStep: true, onEpoch: true });
        return this.forward(x);
      }
    }
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, logEveryNSteps: 2, logger: true, defaultRootDir: folder });
    assertEquals(await exists(joinPath(folder, "fulgurite_logs")), false);
    await trainer.fit(new Logging(), constantBatches([1, 2, 3, 4]));
    assertEquals(trainer.logDir, joinPath(folder, "fulgurite_logs", "version_0"));
    const [heading, ...rows] = (await readText(joinPath(trainer.logDir, "metrics.csv"))).trimEnd().split("\n");
    assertEquals(heading, "step,batch,epoch,seconds,loss_step,loss_epoch");
    const cells = rows.map((row) => row.split(","));
    assertEquals(cells.map(([step, batch, epoch, , ...metrics]) => [step, batch, epoch, ...metrics]), [
      ["1", "2", "0", "2", ""],
      ["3", "4", "0", "4", ""],
      ["3", "4", "0", "", "2.5"],
    ]);
    assert(cells.every(([, , , seconds]) => Number(seconds) > 0));
  });
});

Deno.test("an option that does not exist is refused", () => {
  const { message } = assertThrows(() => new CSVLogger({ save_dir: "logs" } as object), TypeError);
  assertEquals(
    message,
    "Cannot make a CSVLogger: there is no option save_dir, saveDir is the nearest; the options are saveDir, name, version, prefix",
  );
});

Deno.test("a prefix stands before the names of metrics, not of the axes", async () => {
  await inFolder(async (saveDir) => {
    const csv = new CSVLogger({ saveDir, name: "csv", prefix: "a/" });
    const lines = new JSONLLogger({ saveDir, name: "jsonl", prefix: "a/" });
    for (const logger of [csv, lines]) {
      await logger.logMetrics({ loss: 2 }, at(0));
      await logger.finalize("success");
    }
    assertEquals(await readText(joinPath(csv.logDir, "metrics.csv")), "step,batch,epoch,seconds,a/loss\n0,1,0,0.5,2\n");
    assertEquals(JSON.parse(await readText(joinPath(lines.logDir, "metrics.jsonl"))).metrics, { "a/loss": 2 });
  });
});
