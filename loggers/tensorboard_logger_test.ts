import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Trainer } from "../lightning.ts";
import { mean, type Tensor, tensor, zeros } from "../mod.ts";
import { joinPath, listDir, readFile } from "../platform/mod.ts";
import { Fields, readRecords } from "../testing/event_file.ts";
import { constantBatches, inFolder, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { crc32, crc32c } from "./_crc.ts";
import { TensorBoardLogger } from "./tensorboard_logger.ts";

const at = (step: number) => ({ step, batch: step + 1, epoch: 2, seconds: 0.5 });

/** The events of a run's only file. */
async function events(logger: TensorBoardLogger): Promise<Fields[]> {
  const names = await listDir(logger.logDir);
  assertEquals(names.length, 1);
  assert(/^events\.out\.tfevents\.\d{10}\./.test(names[0]), names[0]);
  return readRecords(await readFile(joinPath(logger.logDir, names[0]))).map((record) => new Fields(record));
}

/** All values of the events, each with its step. */
const valuesOf = (all: Fields[]) =>
  all.flatMap((event) => event.at(5).messages(1).map((value) => ({ step: event.integer(2), value })));

Deno.test("checksums are those that the standards name for 123456789", () => {
  const digits = new TextEncoder().encode("123456789");
  assertEquals([crc32c(digits), crc32(digits)], [0xe3069283, 0xcbf43926]);
});

Deno.test("rows are numbers of their step, beside the epoch", async () => {
  await inFolder(async (folder) => {
    const logger = new TensorBoardLogger({ saveDir: folder, name: "run", prefix: "a/" });
    await Promise.all([
      logger.logMetrics({ loss: 1.5, "é": NaN }, at(0)),
      logger.logMetrics({ loss: -2 }, at(2 ** 40)),
    ]);
    const [version, ...rest] = await events(logger);
    assertEquals(version.text(3), "brain.Event:2");
    assertAlmostEquals(version.double(1), Date.now() / 1000, 60);
    assertEquals(valuesOf(rest).map(({ step, value }) => [step, value.text(1), value.float(2)]), [
      [0, "a/epoch", 2],
      [0, "a/loss", 1.5],
      [0, "a/é", NaN],
      [2 ** 40, "a/epoch", 2],
      [2 ** 40, "a/loss", -2],
    ]);
    assertEquals([logger.version, new TensorBoardLogger({ version: 3 }).logDir], [
      "version_0",
      "fulgurite_logs/version_3",
    ]);
  });
});

trainerTest("texts, images and histograms are read back", async () => {
  await inFolder(async (folder) => {
    const logger = new TensorBoardLogger({ saveDir: folder });
    await logger.logText("note", "**bold**", { step: 1 });
    await logger.logImage("red", tensor([[[1, 0.5]], [[0, 0]], [[0, 2]]]), { step: 2 });
    await logger.logHistogram("weights", tensor([0, 1, 2, 3, NaN, Infinity, 1.5, 3]), { step: 3 });
    await logger.logHistogram("constant", tensor([2, 2], { dtype: "f32" }), { step: 4 });
    await logger.logHistogram("nothing", zeros([0]), { step: 5 });
    const [text, image, weights, constant, nothing] = valuesOf(await events(logger)).map(({ value }) => value);
    assertEquals([text.text(1), text.at(8).integer(1), text.at(8).text(8)], ["note/text_summary", 7, "**bold**"]);
    assertEquals([text.at(9, 1).text(1), text.at(9).integer(4)], ["text", 2]);
    const picture = image.at(4), png = picture.all(4)[0];
    assertEquals([image.text(1), picture.integer(1), picture.integer(2), picture.integer(3)], ["red", 1, 2, 3]);
    assertEquals([...png.subarray(1, 4)], [0x50, 0x4e, 0x47]);
    const length = new DataView(png.buffer).getUint32(33), packed = png.slice(41, 41 + length);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    assertEquals([...await new Response(stream).bytes()], [0, 255, 0, 0, 128, 0, 255]);
    const histogram = weights.at(5), counts = histogram.doubles(7), limits = histogram.doubles(6);
    assertEquals([1, 2, 3, 4, 5].map((field) => histogram.double(field)), [0, 3, 6, 10.5, 25.25]);
    assertEquals([counts.length, counts[0], counts[10], counts[15], counts[20], counts[29]], [30, 1, 1, 1, 1, 2]);
    assertEquals([limits[29], limits.every((limit, i) => i === 0 || limit > limits[i - 1])], [3, true]);
    assertEquals([constant.at(5).double(3), constant.at(5).doubles(7)[0], nothing.at(5).double(3)], [2, 2, 0]);
    await assertRejects(() => logger.logImage("flat", zeros([2, 2]), { step: 0 }), TypeError, "must be [C, H, W]");
  });
});

Deno.test("hyperparameters have types, nested names and a session that ends", async () => {
  await inFolder(async (folder) => {
    const logger = new TensorBoardLogger({ saveDir: folder, name: "n", version: "v" });
    await logger.logHyperparams({ lr: 0.1, model: { name: "mlp", bias: true }, sizes: [1, 2] });
    await logger.finalize("success");
    const [metric, experiment, start, end] = valuesOf(await events(logger)).map(({ value }) => value);
    assertEquals([metric.text(1), metric.float(2)], ["hp_metric", -1]);
    const plugin = (value: Fields) => new Fields(value.at(9, 1).all(2)[0]);
    assertEquals([experiment, start, end].map((value) => [value.text(1), value.at(9, 1).text(1)]), [
      ["_hparams_/experiment", "hparams"],
      ["_hparams_/session_start_info", "hparams"],
      ["_hparams_/session_end_info", "hparams"],
    ]);
    const infos = plugin(experiment).at(2).messages(4).map((info) => [info.text(1), info.integer(4)]);
    assertEquals(infos, [["lr", 3], ["model/name", 1], ["model/bias", 2], ["sizes", 1]]);
    assertEquals(plugin(experiment).at(2, 5, 1).text(2), "hp_metric");
    const session = plugin(start).at(3), [lr, name, bias, sizes] = session.messages(1);
    assertEquals([lr.text(1), lr.at(2).double(2)], ["lr", 0.1]);
    assertEquals([name.at(2).text(3), bias.at(2).integer(4), sizes.at(2).text(3)], ["mlp", 1, "[1,2]"]);
    assertEquals([session.text(4), plugin(end).at(4).integer(1)], ["n/v", 1]);
  });
});

trainerTest("a trainer writes to it", async () => {
  await inFolder(async (folder) => {
    class Logging extends Slope {
      override trainingStep(x: Tensor): Tensor {
        this.log("x", mean(x));
        return this.forward(x);
      }
    }
    const logger = new TensorBoardLogger({ saveDir: folder });
    await new Trainer({ ...quiet, logger, maxEpochs: 1, logEveryNSteps: 1 }).fit(
      new Logging(),
      constantBatches([1, 2, 4]),
    );
    const x = valuesOf(await events(logger)).filter(({ value }) => value.text(1) === "x");
    assertEquals(x.map(({ step, value }) => [step, value.float(2)]), [[0, 1], [1, 2], [2, 4]]);
  });
});

Deno.test("unknown options are refused", () => {
  assertThrows(() => new TensorBoardLogger({ save_dir: "x" } as never), TypeError, "saveDir is the nearest");
});
