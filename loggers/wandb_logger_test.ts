import { assert, assertEquals, assertThrows } from "@std/assert";
import { joinPath, readFile, setEnv } from "../platform/mod.ts";
import { Fields } from "../testing/event_file.ts";
import { WandbServer } from "../testing/servers/wandb.ts";
import { written } from "../testing/stderr.ts";
import { inFolder } from "../testing/trainer.ts";
import { recordsOf } from "../testing/wandb_file.ts";
import { WandbLogger } from "./wandb_logger.ts";

const items = (fields: Fields, key: number) =>
  Object.fromEntries(
    fields.messages(1).map((item) => [item.text(key), item.text(16) === "NaN" ? NaN : JSON.parse(item.text(16))]),
  );

Deno.test("a run begins, has rows and the latest values, and ends", async () => {
  await inFolder(async (folder) => {
    const options = { saveDir: folder, project: "p", entity: "me", name: "shown", id: "abc", tags: ["a", "b"] };
    const logger = new WandbLogger({ ...options, config: { lr: 0.1, text: "x".repeat(70_000) } });
    await logger.logHyperparams({ depth: 2 });
    await Promise.all(
      [0, 4].map((step) => logger.logMetrics({ loss: step, bad: NaN }, { step, batch: step, epoch: 1, seconds: 1 })),
    );
    await logger.finalize("success");
    assert(/wandb\/offline-run-\d{8}_\d{6}-abc$/.test(logger.logDir), logger.logDir);
    const all = recordsOf(await readFile(joinPath(logger.logDir, "run-abc.wandb"))).map((bytes) => new Fields(bytes));
    assertEquals(all.map((record) => record.integer(1)), all.map((_, i) => i + 1));
    const [header, begin, axis, config, first, , second, summary, last, exit] = all;
    assertEquals([all.length, header.at(21, 1).text(2)], [10, "0.70.0"]);
    const run = begin.at(17);
    assertEquals([1, 2, 3, 8].map((field) => run.text(field)), ["abc", "me", "p", "shown"]);
    assertEquals(run.all(10).map((tag) => new TextDecoder().decode(tag)), ["a", "b"]);
    assertEquals(items(run.at(4), 1), { lr: 0.1, text: "x".repeat(70_000) });
    assertEquals([axis.at(12).text(2), axis.at(12).text(4)], ["*", "trainer/global_step"]);
    assertEquals(items(config.at(5), 1), { depth: 2 });
    const { _timestamp, _runtime, ...row } = items(second.at(2), 2);
    assertEquals(row, { loss: 4, bad: NaN, epoch: 1, "trainer/global_step": 4, _step: 1 });
    assert(_runtime >= 0 && Math.abs(_timestamp - Date.now() / 1000) < 60);
    assertEquals([first.at(2, 2).integer(1), second.at(2, 2).integer(1)], [0, 1]);
    assertEquals(items(summary.at(3), 1)._step, 1);
    assertEquals([items(last.at(3), 1).loss, exit.at(18).integer(1)], [4, 0]);
  });
});

Deno.test("records of every length around a block are whole", async () => {
  await inFolder(async (folder) => {
    const logger = new WandbLogger({ saveDir: folder, id: "x" });
    for (let i = 0; i < 24; i++) await logger.logHyperparams({ k: "y".repeat(10_890 + i) });
    const all = recordsOf(await readFile(joinPath(logger.logDir, "run-x.wandb"))).map((bytes) => new Fields(bytes));
    assertEquals(
      all.slice(3).map((record) => items(record.at(5), 1).k.length),
      Array.from({ length: 24 }, (_, i) => 10_890 + i),
    );
  });
});

Deno.test("an id that is no name is refused", () => {
  assertThrows(() => new WandbLogger({ id: "../x" }), TypeError, "id must have letters");
});

const KEY = "wandb-key-that-nobody-sees";

/** Runs with a server, and the environment that names it. */
async function online(fn: (server: WandbServer, folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    await using server = new WandbServer(KEY).up();
    setEnv("WANDB_API_KEY", KEY);
    setEnv("WANDB_BASE_URL", server.url);
    try {
      await fn(server, folder);
    } finally {
      setEnv("WANDB_API_KEY", "");
      setEnv("WANDB_BASE_URL", "");
    }
  });
}

const at = (step: number) => ({ step, batch: step + 1, epoch: 1, seconds: 1 });

Deno.test("online, rows are sent once each, through faults, and the run's file has them, too", async () => {
  await online(async (server, saveDir) => {
    server.fail({ status: 503 });
    const logger = new WandbLogger({
      saveDir,
      project: "p",
      id: "abc",
      offline: false,
      config: { lr: 0.1 },
      tags: ["a"],
    });
    const lines = await written(async () => {
      await logger.logHyperparams({ depth: 2 });
      for (let i = 0; i < 20; i++) await logger.logMetrics({ loss: i === 7 ? NaN : i }, at(i));
      while (server.history.length === 0) await new Promise((next) => setTimeout(next, 5));
      server.fail("broken after", { status: 429, retryAfter: "1" });
      for (let i = 20; i < 1500; i++) void logger.logMetrics({ loss: i }, at(i));
      await logger.logText("note", "a text", { step: 3 });
      await logger.finalize("success");
    });
    assertEquals(lines, []);
    const rows = server.history.map((line) => JSON.parse(line.replace(":NaN", ':"NaN"')));
    const { note } = rows.pop(), [[path, text]] = server.files;
    assertEquals([path, JSON.parse(text)], [note.path, { columns: ["text"], data: [["a text"]] }]);
    assertEquals([note._type, note.size, server.told], ["table-file", text.length, [[null, "private:yes"]]]);
    assertEquals(rows.map(({ loss }) => loss), Array.from({ length: 1500 }, (_, i) => i === 7 ? "NaN" : i));
    assertEquals([server.summary.loss, server.summary["trainer/global_step"], server.exitCode], [1499, 3, 0]);
    assertEquals(server.bucket!.config, { lr: { value: 0.1 }, depth: { value: 2 } });
    const all = recordsOf(await readFile(joinPath(logger.logDir, "run-abc.wandb"))).map((bytes) => new Fields(bytes));
    assertEquals(all.filter((record) => record.all(2).length > 0).length, 1501);
    assert(/wandb\/run-\d{8}_\d{6}-abc$/.test(logger.logDir), logger.logDir);
  });
});

Deno.test("online, a service that is away or does not take the key costs nothing but a warning", async () => {
  await online(async (server, saveDir) => {
    const run = async (id: string) => {
      const logger = new WandbLogger({ saveDir, id, offline: false, flushSeconds: 0.2 });
      const lines = await written(async () => {
        await logger.logMetrics({ loss: 1 }, at(0));
        await logger.finalize("success");
      });
      assert(!lines.join().includes(KEY) && !Deno.inspect(logger, { depth: 9 }).includes(KEY));
      assert(lines.at(-1)!.includes("did not get 2 entries"));
      assert(lines.at(-1)!.endsWith(`; \`wandb sync ${logger.logDir}\` uploads what is missing`));
      return lines.length;
    };
    setEnv("WANDB_API_KEY", `${KEY}2`);
    assertEquals(await run("wrong"), 2);
    await server.down();
    assertEquals(await run("away"), 1);
    setEnv("WANDB_API_KEY", "");
    assertThrows(() => new WandbLogger({ offline: false }), TypeError, "set WANDB_API_KEY");
  });
});
