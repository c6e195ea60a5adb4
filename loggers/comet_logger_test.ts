import { assert, assertEquals, assertThrows } from "@std/assert";
import { tensor } from "../mod.ts";
import { joinPath, listDir, setEnv } from "../platform/mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { CometServer } from "../testing/servers/comet.ts";
import { written } from "../testing/stderr.ts";
import { inFolder } from "../testing/trainer.ts";
import { CometLogger, type CometLoggerOptions, replaySpool } from "./mod.ts";

const KEY = "comet-key-that-nobody-sees";
const at = (step: number) => ({ step, batch: step + 1, epoch: 2, seconds: 0.5 });

async function withServer(
  fn: (server: CometServer, make: (options?: CometLoggerOptions) => CometLogger, folder: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    await using server = new CometServer(KEY).up();
    setEnv("COMET_API_KEY", KEY);
    setEnv("COMET_URL_OVERRIDE", `${server.url}/clientlib/`);
    try {
      await fn(server, (options = {}) => new CometLogger({ saveDir: folder, ...options }), folder);
    } finally {
      setEnv("COMET_API_KEY", "");
      setEnv("COMET_URL_OVERRIDE", "");
    }
  });
}

gpuTest("an experiment has its numbers, parameters, tags, files, signs of life and an end", async () => {
  await withServer(async (server, make) => {
    const logger = make({ workspace: "w", project: "p", experimentName: "n", tags: ["a", "b"], prefix: "t/" });
    logger.logHyperparams({ lr: 0.1, net: { depth: 2 } });
    logger.logMetrics({ loss: 1.5, bad: NaN, up: -Infinity }, at(4));
    await logger.logImage("digit", tensor([[[1, 0.5]]]), { step: 4, caption: "a seven" });
    logger.logText("note", "text", { step: 4 });
    logger.logTable("t", { columns: ["a"], rows: [[1]] }, { step: 5 });
    await logger.finalize("success");
    const { workspaceName, projectName, experimentName, metrics, parameters, tags, others, assets, pulses, endTime } =
      server.experiment;
    assertEquals([workspaceName, projectName, experimentName, tags], ["w", "p", "n", ["a", "b"]]);
    assertEquals([...parameters], [["lr", "0.1"], ["net/depth", "2"]]);
    assertEquals(metrics, [
      { name: "t/loss", value: "1.5", step: 4, epoch: 2 },
      { name: "t/bad", value: "NaN", step: 4, epoch: 2 },
      { name: "t/up", value: "-Infinity", step: 4, epoch: 2 },
    ]);
    assertEquals([...assets].map(([name, { type, step }]) => [name, type, step]), [
      ["images/digit_4.png", "image", "4"],
      ["texts/note_4.txt", "text", "4"],
      ["tables/t_5.json", "dataframe", "5"],
    ]);
    const { bytes, metadata } = assets.get("images/digit_4.png")!;
    assertEquals([[...bytes.subarray(1, 4)], metadata], [[0x50, 0x4e, 0x47], '{"caption":"a seven"}']);
    assertEquals([others.get("status"), pulses, logger.version.length], ["success", 1, 32]);
    assert(endTime! > 1e12);
    const again = make({ experimentKey: logger.version });
    again.logMetrics({ loss: 1 }, at(5));
    await again.finalize("success");
    assertEquals(server.experiment.metrics.length, 4);
  });
});

Deno.test("an experiment of which nothing is logged for long says that it goes on, until it ends", async () => {
  await withServer(async (server, make) => {
    server.pulseMilliseconds = 100;
    const logger = make();
    logger.logMetrics({ x: 0 }, at(0));
    while (server.seen.length < 3) await new Promise((next) => setTimeout(next, 5));
    server.fail({ status: 503 }); // one that is lost is made up for
    for (let i = 0; i < 250 && server.experiment.pulses < 3; i++) await new Promise((next) => setTimeout(next, 20));
    const { pulses } = server.experiment;
    assert(pulses >= 3, `${pulses} signs of life`);
    await logger.finalize("success");
    const seen = server.seen.length;
    await new Promise((next) => setTimeout(next, 1100));
    assertEquals([server.seen.length, server.experiment.others.get("status")], [seen, "success"]);
  });
});

Deno.test("numbers are sent no faster than the service takes them", async () => {
  await withServer(async (server, make) => {
    const logger = make();
    for (let i = 0; i < 400; i++) logger.logMetrics({ x: i }, at(i));
    await logger.finalize("success");
    assertEquals(server.experiment.metrics.map(({ value }) => Number(value)), Array.from({ length: 400 }, (_, i) => i));
    assertEquals([server.tooFast, server.mostAtOnce], [0, 1]);
  });
});

Deno.test("a service that wants it slower, breaks off and is away gets everything in the end", async () => {
  await withServer(async (server, make, folder) => {
    server.metricsPerSecond = 20;
    server.fail({ status: 502 }, "broken");
    const logger = make({ flushSeconds: 3 });
    const lines = await written(async () => {
      for (let i = 0; i < 30; i++) logger.logMetrics({ x: i }, at(i));
      await logger.finalize("success");
      assert(server.tooFast > 0);
      await server.down();
      const second = make({ experimentKey: logger.version, flushSeconds: 0 });
      second.logMetrics({ x: 30 }, at(30));
      await second.finalize("success");
    });
    assertEquals(lines.length, 1);
    assert(!lines.join().includes(KEY));
    const [name] = await listDir(joinPath(folder, "unsent")), path = joinPath(folder, "unsent", name);
    assert(name.startsWith("comet-"));
    server.up();
    assertEquals(await replaySpool(path, { seconds: 5 }), 0);
    assertEquals(server.experiment.metrics.map(({ value }) => Number(value)), Array.from({ length: 31 }, (_, i) => i));
  });
});

Deno.test("the key comes from the environment and is shown nowhere", async () => {
  assertThrows(() => new CometLogger(), TypeError, "set COMET_API_KEY in the environment");
  assertThrows(() => new CometLogger({ apiKey: "x" } as object), TypeError, "there is no option apiKey");
  await withServer(async (_, make) => {
    const logger = make();
    assert(!Deno.inspect(logger, { depth: 9 }).includes(KEY));
    await logger.finalize("success"); // nothing began, nothing is sent
  });
});
