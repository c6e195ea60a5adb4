/** Loggers beside the real tools: what these recorded, and what they read of ours where they are installed. */
import { assertEquals } from "@std/assert";
import { TensorBoardLogger, WandbLogger } from "../loggers/mod.ts";
import { tensor } from "../mod.ts";
import { env, joinPath, listDir, readFile, runCommand } from "../platform/mod.ts";
import { Fields, readRecords } from "../testing/event_file.ts";
import { gpuTest } from "../testing/gpu.ts";
import { WandbServer } from "../testing/servers/wandb.ts";
import { inFolder } from "../testing/trainer.ts";
import { recordsOf } from "../testing/wandb_file.ts";

const recorded = (name: string) => readFile(new URL(`../testing/logger_files/${name}`, import.meta.url).pathname);
const at = (step: number) => ({ step, batch: step + 1, epoch: 0, seconds: 0.5 });

/** All that an event says but its time, as far as the format is known to the test. */
function described(event: Fields): unknown {
  const values = event.at(5).messages(1).map((value) => ({
    tag: value.text(1),
    number: value.all(2).length > 0 ? value.float(2) : null,
    plugin: value.at(9, 1).all(1).length > 0 ? value.at(9, 1).text(1) : null,
    dataClass: value.at(9).integer(4),
    image: [1, 2, 3].map((field) => value.at(4).integer(field)),
    histogram: value.all(5).length === 0 ? null : {
      facts: [1, 2, 3, 4, 5].map((field) => value.at(5).all(field).length > 0 ? value.at(5).double(field) : 0),
      counted: value.at(5).doubles(7).reduce((sum, count) => sum + count, 0),
    },
    text: value.all(8).length === 0
      ? null
      : [value.at(8).integer(1), value.at(8, 2, 2).integer(1), value.at(8).text(8)],
    hparams: value.text(1).startsWith("_hparams_/") ? hparamsOf(new Fields(value.at(9, 1).all(2)[0])) : null,
  }));
  const version = event.all(3).length > 0 ? event.text(3) : null;
  return { step: event.integer(2), version, restart: event.at(7).integer(1), values };
}

function hparamsOf(content: Fields): unknown {
  const { length } = content.all(2);
  const infos = content.at(2).messages(4).map((info) => [info.text(1), info.integer(4)]);
  const metrics = content.at(2).messages(5).map((info) => info.at(1).text(2));
  const values = content.at(3).messages(1).map((entry) => {
    const value = entry.at(2);
    return [
      entry.text(1),
      value.all(2).length > 0 ? value.double(2) : value.all(3).length > 0 ? value.text(3) : value.integer(4),
    ];
  }).sort();
  const group = content.all(3).length > 0 ? content.at(3).text(4) : null;
  return { length, version: content.integer(1), infos, metrics, values, group, status: content.at(4).integer(1) };
}

/** What the recorded file holds, logged by us. */
async function logTheSame(logger: TensorBoardLogger): Promise<void> {
  await logger.logMetrics({ loss: 1.5, bad: NaN }, at(3));
  await logger.logMetrics({ loss: -2 }, at(2 ** 40));
  await logger.logText("note", "**bold**", { step: 4 });
  await logger.logImage("red", tensor([[[1, 0.5]], [[0, 0]], [[0, 2]]]), { step: 5 });
  await logger.logHistogram("weights", tensor([0, 1, 2]), { step: 6 });
  await logger.logHyperparams({ lr: 0.1, name: "mlp", bias: true });
  await logger.resume(at(6));
  await logger.finalize("success");
}

async function eventsOf(folder: string): Promise<Fields[]> {
  const [name] = await listDir(folder);
  return readRecords(await readFile(joinPath(folder, name))).map((record) => new Fields(record));
}

gpuTest("TensorBoard's own writer makes the same events", async () => {
  await inFolder(async (folder) => {
    const logger = new TensorBoardLogger({ saveDir: folder, name: "n", version: "v" });
    await logTheSame(logger);
    const wanted = readRecords(await recorded("tensorboard.tfevents")).map((record) => new Fields(record));
    // We log the epoch with every row, and a number for the hyperparameters.
    const ours = (await eventsOf(logger.logDir)).map((event) => described(event) as { values: { tag: string }[] });
    for (const event of ours) event.values = event.values.filter(({ tag }) => tag !== "epoch" && tag !== "hp_metric");
    const byText = (a: unknown, b: unknown) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
    assertEquals(ours.sort(byText), (wanted.map(described) as typeof ours).sort(byText));
  });
});

Deno.test("W&B's own client makes the same rows", async () => {
  await inFolder(async (folder) => {
    const logger = new WandbLogger({
      saveDir: folder,
      id: "abc",
      project: "p",
      entity: "me",
      config: { lr: 0.1, net: { depth: 2 } },
    });
    await logger.logMetrics({ loss: 1.5 }, at(0));
    await logger.logMetrics({ loss: NaN }, at(4));
    await logger.logTable("t", { columns: ["id", "class"], rows: [[1, "cat"], [2, null]] }, { step: 4 });
    await logger.finalize("success");
    const read = (bytes: Uint8Array) => {
      const all = recordsOf(bytes).map((record) => new Fields(record));
      // A key is one name, or several that lead into an object.
      const items = (fields: Fields, field: number) => {
        const found: Record<string, Record<string, unknown> | number> = {};
        for (const item of fields.messages(field)) {
          const value = item.text(16) === "NaN" ? NaN : JSON.parse(item.text(16));
          const keys = item.all(1).length > 0
            ? [item.text(1)]
            : item.all(2).map((key) => new TextDecoder().decode(key));
          found[keys[0]] = keys.length === 1 ? value : { ...found[keys[0]] as object, [keys[1]]: value };
        }
        return found;
      };
      const run = all.find((record) => record.all(17).length > 0)!.at(17);
      const rows = all.filter((record) => record.all(2).length > 0).map((record) => items(record.at(2), 1));
      const media = all.flatMap((record) => record.at(6).messages(1).map((file) => file.text(1)));
      const { _wandb, ...config } = items(run.at(4), 1);
      return {
        compatible: all[0].at(21, 1).text(2),
        run: [run.text(1), run.text(3), config],
        rows: rows.map(({ _timestamp, _runtime, t, ...row }) => {
          const { _type, ncols, nrows, path, sha256, size } = (t ?? {}) as Record<string, unknown>;
          return { ...row, table: [_type, ncols, nrows, typeof path, typeof sha256, typeof size] };
        }),
        media: media.filter((path) => path.startsWith("media/")).length,
        exit: all.findLast((record) => record.all(18).length > 0)!.at(18).integer(1),
      };
    };
    const ours = read(await readFile(joinPath(logger.logDir, "run-abc.wandb")));
    const theirs = read(await recorded("wandb-0.30.0.wandb"));
    assertEquals(ours, theirs);
  });
});

/** A Python that has a package, or `null`. */
async function pythonWith(name: string): Promise<string | null> {
  for (const python of [env("FULGURITE_PYTHON"), "python3"]) {
    if (!python) continue;
    const found = await runCommand(python, ["-c", `import ${name}`]).then(({ code }) => code === 0, () => false);
    if (found) return python;
  }
  return null;
}

const READ_EVENTS = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
a = EventAccumulator(sys.argv[1], size_guidance={"images": 0, "tensors": 0, "scalars": 0, "histograms": 0})
a.Reload()
data = a.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
start = plugin_data_pb2.HParamsPluginData.FromString(data).session_start_info
print(json.dumps({
  "scalars": {tag: [[e.step, str(e.value)] for e in a.Scalars(tag)] for tag in a.Tags()["scalars"]},
  "text": a.Tensors("note/text_summary")[0].tensor_proto.string_val[0].decode(),
  "image": [[e.step, e.width, e.height, e.encoded_image_string[:4].hex()] for e in a.Images("red")],
  "histogram": [[e.step, e.histogram_value.num, e.histogram_value.sum] for e in a.Histograms("weights")],
  "hparams": {k: v.number_value if v.HasField("number_value") else v.string_value if v.HasField("string_value") else v.bool_value for k, v in start.hparams.items()},
}))
`;

const python = await pythonWith("tensorboard");
gpuTest(
  `TensorBoard reads what we write${
    python === null ? " (no Python with tensorboard; FULGURITE_PYTHON names one)" : ""
  }`,
  async () => {
    await inFolder(async (folder) => {
      const first = new TensorBoardLogger({ saveDir: folder, name: "n", version: "v" });
      for (const step of [7, 8, 9]) await first.logMetrics({ loss: step, bad: step === 8 ? NaN : -Infinity }, at(step));
      // A second process goes on after step 7.
      const second = new TensorBoardLogger({ saveDir: folder, name: "n", version: "v" });
      await logTheSame(second);
      await second.resume(at(7));
      await second.logMetrics({ loss: 80 }, at(8));
      await second.finalize("success");
      const { code, stdout, stderr } = await runCommand(python!, ["-c", READ_EVENTS, second.logDir]);
      assertEquals(code, 0, stderr);
      const { scalars, ...rest } = JSON.parse(stdout);
      // Each of the two files that resumed has taken back what came after its checkpoint.
      assertEquals([scalars.loss, scalars.bad], [[[3, "1.5"], [8, "80.0"]], [[3, "nan"]]]);
      assertEquals(rest, {
        ...{ text: "**bold**", image: [[5, 2, 1, "89504e47"]], histogram: [[6, 3, 3]] },
        hparams: { lr: 0.1, name: "mlp", bias: true },
      });
    });
  },
  { ignore: python === null },
);

const wandbPython = await pythonWith("wandb");
Deno.test({
  name: `wandb sync uploads what we write${
    wandbPython === null ? " (no Python with wandb; FULGURITE_PYTHON names one)" : ""
  }`,
  ignore: wandbPython === null,
  fn: async () => {
    await inFolder(async (saveDir) => {
      const key = "k".repeat(40);
      await using server = new WandbServer(key).up();
      const logger = new WandbLogger({ saveDir, id: "abc", project: "p", entity: "own", config: { lr: 0.1 } });
      await logger.logMetrics({ loss: 1.5 }, at(0));
      await logger.logMetrics({ loss: NaN, text: -Infinity }, at(4));
      await logger.logTable("t", { columns: ["id", "class"], rows: [[1, "cat"], [2, null]] }, { step: 4 });
      await logger.logHyperparams({ depth: 3, long: "x".repeat(70_000) });
      await logger.finalize("success");
      const { code, stderr } = await runCommand(wandbPython!, ["-m", "wandb", "sync", logger.logDir], {
        cwd: saveDir,
        env: { WANDB_API_KEY: key, WANDB_BASE_URL: server.url, WANDB_ERROR_REPORTING: "false" },
      });
      assertEquals([code, server.exitCode], [0, 0], stderr);
      const rows = server.history.map((line) => JSON.parse(line.replaceAll(/:(NaN|-?Infinity)/g, ':"$1"')));
      assertEquals(rows.map(({ loss, text, _step, t }) => [_step, loss, text, t?._type]), [
        [0, 1.5, undefined, undefined],
        [1, "NaN", "-Infinity", undefined],
        [2, undefined, undefined, "table-file"],
      ]);
      const { lr, depth, long } = server.bucket!.config as Record<string, { value: unknown }>;
      assertEquals([lr.value, depth.value, (long.value as string).length], [0.1, 3, 70_000]);
      assertEquals(server.files.get(rows[2].t.path), '{"columns":["id","class"],"data":[[1,"cat"],[2,null]]}');
    });
  },
});
