import { assert, assertEquals, assertThrows } from "@std/assert";
import { ModelCheckpoint } from "../callbacks/mod.ts";
import { Trainer } from "../lightning.ts";
import { mean, type Tensor, tensor } from "../mod.ts";
import { exists, joinPath, listDir, readText, setEnv } from "../platform/mod.ts";
import { MLflowServer } from "../testing/servers/mlflow.ts";
import { written } from "../testing/stderr.ts";
import { constantBatches, inFolder, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { MLflowLogger, type MLflowLoggerOptions, replaySpool } from "./mod.ts";

const at = (step: number) => ({ step, batch: step + 1, epoch: 0, seconds: 0.5 });

/** Runs with a server that listens and a folder. */
async function withServer(
  fn: (server: MLflowServer, make: (options?: MLflowLoggerOptions) => MLflowLogger, folder: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    await using server = new MLflowServer().up();
    await fn(
      server,
      (options = {}) => new MLflowLogger({ trackingUri: server.url, saveDir: folder, ...options }),
      folder,
    );
  });
}

/** The only spool in a folder. */
async function spoolIn(folder: string): Promise<string> {
  const names = (await listDir(joinPath(folder, "unsent"))).filter((name) => name.endsWith(".jsonl"));
  assertEquals(names.length, 1);
  return joinPath(folder, "unsent", names[0]);
}

trainerTest(
  "a trainer's run is there: experiment, run, rows, pictures, the checkpoints that are left, and its end",
  async () => {
    await withServer(async (server, make, folder) => {
      class Logging extends Slope {
        override trainingStep(x: Tensor, batchIdx: number): Tensor {
          this.log("x", mean(x));
          this.log("odd name: 50%", batchIdx === 1 ? NaN : Infinity);
          return this.forward(x);
        }
      }
      const logger = make({
        experimentName: "e 1",
        runName: "r",
        tags: { team: "vision" },
        logModel: true,
        prefix: "p/",
      });
      logger.logHyperparams({ lr: 0.1, net: { layers: [1, 2], bias: true, act: Math.tanh } });
      await logger.logImage("digits/red", tensor([[[1, 0.5]], [[0, 0]], [[0, 2]]]), { step: 3 });
      await logger.logHistogram("weights", tensor([0, 1, 2]), { step: 3 });
      logger.logTable("samples", { columns: ["id", "class"], rows: [[1, "cat"], [2, null]] }, { step: 3 });
      logger.logText("note", "**bold**", { step: 3 });
      const callbacks = new ModelCheckpoint({ dirpath: joinPath(folder, "kept") });
      await new Trainer({ ...quiet, logger, callbacks, enableCheckpointing: true, maxEpochs: 2, logEveryNSteps: 1 })
        .fit(
          new Logging(),
          constantBatches([1, 2]),
        );
      const { info, metrics, params, tags } = server.run;
      assertEquals([...server.experiments.keys()], ["e 1"]);
      assertEquals([info.run_name, info.status, logger.version, logger.name], ["r", "FINISHED", info.run_id, "e 1"]);
      assert(info.end_time! >= info.start_time);
      assertEquals([...tags], [["team", "vision"]]);
      assertEquals([...params], [["lr", "0.1"], ["net/layers", "[1,2]"], ["net/bias", "true"], ["net/act", "tanh"]]);
      assertEquals(metrics.filter(([key]) => key === "p/x"), [["p/x", 1, 0], ["p/x", 2, 1], ["p/x", 1, 2], [
        "p/x",
        2,
        3,
      ]]);
      const odd = metrics.filter(([key]) => key === "p/odd name_ 50_").map(([, value]) => value);
      assertEquals(odd, [Infinity, NaN, Infinity, NaN]);
      const root = `1/${info.run_id}/artifacts/`,
        files = [...server.artifacts.keys()].map((name) => name.replace(root, ""));
      const [checkpoint] = await listDir(joinPath(folder, "kept"));
      const saved = (await listDir(joinPath(folder, "kept", checkpoint))).map((name) =>
        `checkpoints/${checkpoint}/${name}`
      );
      assertEquals(files, [
        "images/digits/red_3.png",
        "histograms/weights_3.histogram.json",
        "tables/samples_3.json",
        "texts/note_3.txt",
        ...saved,
      ]);
      assertEquals(
        JSON.parse(new TextDecoder().decode(server.artifacts.get(`${root}tables/samples_3.json`))),
        { columns: ["id", "class"], data: [[1, "cat"], [2, null]] },
      );
      assertEquals([logger.unsent, await exists(joinPath(folder, "unsent"))], [0, false]);
    });
  },
);

Deno.test("requests keep the limits; a hyperparameter is sent once; the server is asked by one request at a time", async () => {
  await withServer(async (server, make) => {
    const logger = make();
    const long = Object.fromEntries(
      Array.from({ length: 250 }, (_, i) => [`${"é".repeat(300)}${i}`.slice(-280), "x".repeat(7000)]),
    );
    const lines = await written(async () => {
      logger.logHyperparams({ ...long, twice: 1 });
      logger.logHyperparams({ twice: 1 });
      logger.logHyperparams({ "twice:": 2, "twice;": 2 });
      logger.logMetrics(Object.fromEntries(Array.from({ length: 2500 }, (_, i) => [`m${i}`, i])), at(7));
      const wide = "w".repeat(240);
      for (let i = 0; i < 10; i++) {
        logger.logMetrics(Object.fromEntries(Array.from({ length: 1000 }, (_, k) => [`${wide}${k}`, i])), at(i));
      }
      await logger.finalize("failed");
    });
    assertEquals(lines.filter((line) => line.includes("is cut to 6000")).length, 250);
    const { info, metrics, params } = server.run;
    assertEquals([info.status, metrics.length, params.get("twice"), params.get("twice_")], [
      "FAILED",
      2501 + 10010,
      "1",
      "2",
    ]);
    assert(server.batches.length < 60, `${server.batches.length} requests`);
    assertEquals(server.mostAtOnce, 1);
  });
});

Deno.test("what the server refuses is left out and told once; the rest arrives in order", async () => {
  await withServer(async (server, make) => {
    server.refusedMetric = "bad";
    const logger = make();
    const lines = await written(async () => {
      for (let i = 0; i < 300; i++) logger.logMetrics(i % 100 === 50 ? { bad: i, good: i } : { good: i }, at(i));
      await logger.finalize("success");
    });
    assertEquals(lines, [
      `Warning: MLflow at ${server.url} does not take an entry: it answered 400 metric bad is refused. It is left out`,
      `Warning: MLflow at ${server.url} did not take 3 entries`,
    ]);
    assertEquals(
      server.run.metrics.filter(([key]) => key === "good").map(([, value]) => value),
      Array.from({ length: 300 }, (_, i) => i),
    );
  });
});

Deno.test("faults of the network are got over: nothing is lost, nothing is said", async () => {
  await withServer(async (server, make) => {
    server.fail({ status: 503 }, "broken", { slow: 300 });
    const logger = make();
    const lines = await written(async () => {
      for (let i = 0; i < 25; i++) logger.logMetrics({ x: i }, at(i));
      while (logger.unsent > 0) await new Promise((next) => setTimeout(next, 5));
      server.fail({ status: 429, retryAfter: "1" }, { status: 500 });
      for (let i = 25; i < 50; i++) logger.logMetrics({ x: i }, at(i));
      await logger.finalize("success");
    });
    const x = server.run.metrics.filter(([key]) => key === "x").map(([, value]) => value);
    assertEquals([lines, x], [[], Array.from({ length: 50 }, (_, i) => i)]);
    const asked = server.seen.findIndex((_, i) => i > 0 && server.seen[i].at - server.seen[i - 1].at >= 990);
    assert(asked > 0, "Retry-After was not kept");
    assertEquals(server.run.info.status, "FINISHED");
  });
});

Deno.test("an answer that is lost may double a row, but loses none", async () => {
  await withServer(async (server, make) => {
    const logger = make();
    logger.logMetrics({ x: 0 }, at(0));
    while (server.runs.size === 0 || server.run.metrics.length === 0) await new Promise((next) => setTimeout(next, 5));
    server.fail("broken after");
    logger.logMetrics({ x: 1 }, at(1));
    await logger.finalize("success");
    const x = server.run.metrics.filter(([key]) => key === "x").map(([, value]) => value);
    assertEquals([...new Set(x)], [0, 1]);
  });
});

Deno.test("a server that is away delays nothing; its rows are in a file, and are sent later", async () => {
  await withServer(async (server, make, folder) => {
    server.authorization = "Bearer very-secret-token";
    setEnv("MLFLOW_TRACKING_TOKEN", "very-secret-token");
    try {
      await server.down();
      const logger = make({ runName: "later", flushSeconds: 1, tags: { a: "b" } });
      const lines = await written(async () => {
        const begun = performance.now();
        for (let i = 0; i < 30_000; i++) logger.logMetrics({ x: i }, at(i));
        await logger.logText("note", "text", { step: 1 });
        assert(performance.now() - begun < 2000, "logging waited");
        await logger.finalize("interrupted");
        assert(performance.now() - begun < 8000, "the end waited");
      });
      const path = await spoolIn(folder), text = await readText(path);
      // That it is away is told once, where it is noticed before the end; what is left is told in the end.
      const left = lines.at(-1)!;
      assert(left.includes(`did not get ${logger.unsent} entries`), left);
      assert(left.includes(`; replaySpool(${JSON.stringify(path)}) sends them later`), left);
      assert(
        lines.slice(0, -1).every((line) => line.includes("cannot be reached")) && lines.length <= 2,
        lines.join("\n"),
      );
      assertEquals(logger.unsent, 2 * 30_000 + 3);
      for (const shown of [text, Deno.inspect(logger, { depth: 9 }), JSON.stringify(logger), ...lines]) {
        assert(!shown.includes("secret"), shown.slice(0, 200));
      }
      server.up();
      assertEquals(await replaySpool(path), 0);
      const { info, metrics, tags } = server.run;
      const x = metrics.filter(([key]) => key === "x");
      assertEquals([info.run_name, info.status, tags.get("a"), x.length], ["later", "KILLED", "b", 30_000]);
      assert(x.every(([, value, step], i) => value === i && step === i));
      assertEquals([server.artifacts.size, await listDir(joinPath(folder, "unsent"))], [1, []]);
    } finally {
      setEnv("MLFLOW_TRACKING_TOKEN", "");
    }
  });
});

Deno.test("rows go to a server that comes back while training goes on, in order", async () => {
  await withServer(async (server, make, folder) => {
    const logger = make();
    logger.logMetrics({ x: 0 }, at(0));
    while (server.runs.size === 0 || server.run.metrics.length < 2) await new Promise((next) => setTimeout(next, 5));
    await server.down();
    for (let i = 1; i < 100; i++) logger.logMetrics({ x: i }, at(i));
    await new Promise((next) => setTimeout(next, 300));
    assertEquals((await readText(await spoolIn(folder))).split("\n").length > 1, true);
    for (let i = 100; i < 200; i++) logger.logMetrics({ x: i }, at(i));
    server.up();
    await logger.finalize("success");
    const x = server.run.metrics.filter(([key]) => key === "x").map(([, value]) => value);
    assertEquals(x, Array.from({ length: 200 }, (_, i) => i));
    assertEquals(await listDir(joinPath(folder, "unsent")), []);
  });
});

Deno.test("half a line of a process that was cut off does not keep a spool from being sent, nor send what was sent", async () => {
  await withServer(async (server, make, folder) => {
    await server.down();
    const logger = make({ flushSeconds: 0 });
    await written(async () => {
      for (let i = 0; i < 5; i++) logger.logMetrics({ x: i }, at(i));
      await logger.finalize("success");
    });
    const path = await spoolIn(folder), lines = (await readText(path)).split("\n");
    assertEquals(lines.length, 1 + 11 + 1);
    // As a process leaves it that sent four entries, wrote half of another one, and died.
    const header = JSON.parse(lines[0]);
    server.up();
    const first = make();
    first.open();
    await first.finalize("failed");
    const run = { ...header.run, runId: first.version };
    await Deno.writeTextFile(
      path,
      [...lines.slice(0, -1), JSON.stringify({ sent: 4, run }), '{"kind":"met'].join("\n"),
    );
    assertEquals(await replaySpool(path), 0);
    assertEquals(server.run.metrics.filter(([key]) => key === "x").map(([, value]) => value), [2, 3, 4]);
  });
});

Deno.test("a key that is not accepted is told once, without it; rows are kept", async () => {
  await withServer(async (server, make, folder) => {
    server.authorization = "Bearer right";
    setEnv("MLFLOW_TRACKING_USERNAME", "me");
    setEnv("MLFLOW_TRACKING_PASSWORD", "wrong-password");
    try {
      const logger = make();
      const lines = await written(async () => {
        logger.logMetrics({ x: 1 }, at(0));
        await new Promise((next) => setTimeout(next, 100));
        logger.logMetrics({ x: 2 }, at(1));
        await logger.finalize("success");
      });
      assertEquals(lines.length, 2);
      assert(lines[0].includes("takes nothing: the run cannot be made: it answered 401 not you: ***"), lines[0]);
      assert(!lines.join().includes(btoa("me:wrong-password")));
      assertEquals(logger.unsent, 5);
      setEnv("MLFLOW_TRACKING_TOKEN", "right");
      assertEquals(await replaySpool(await spoolIn(folder)), 0);
      assertEquals(server.run.metrics.length, 4);
    } finally {
      for (const name of ["TOKEN", "USERNAME", "PASSWORD"]) setEnv(`MLFLOW_TRACKING_${name}`, "");
    }
  });
});

Deno.test("a run is gone on with by its id; an experiment that another run makes at the same time is used", async () => {
  await withServer(async (server, make) => {
    const first = make({ experimentName: "shared" }), second = make({ experimentName: "shared" });
    first.open();
    second.open();
    await Promise.all([first.finalize("success"), second.finalize("success")]);
    assertEquals([server.experiments.size, server.runs.size], [1, 2]);
    const again = make({ runId: first.version });
    again.logMetrics({ x: 5 }, at(9));
    await again.finalize("success");
    assertEquals([again.version, server.runs.size], [first.version, 2]);
    assertEquals(server.runs.get(first.version)!.metrics, [["epoch", 0, 9], ["x", 5, 9]]);
  });
});

Deno.test("a server that keeps files elsewhere gets none, and says so once", async () => {
  await withServer(async (server, make) => {
    server.artifactRoot = "s3://bucket";
    const logger = make();
    const lines = await written(async () => {
      logger.logText("a", "a", { step: 0 });
      logger.logText("b", "b", { step: 0 });
      await logger.finalize("success");
    });
    assertEquals([lines.length, server.artifacts.size, server.run.info.status], [1, 0, "FINISHED"]);
    assert(lines[0].includes("keeps files at s3://bucket/1/"), lines[0]);
  });
});

Deno.test('with logModel "all" a checkpoint is sent although its folder is gone by then', async () => {
  await withServer(async (server, make, folder) => {
    await server.down();
    const logger = make({ logModel: "all" }), checkpoint = joinPath(folder, "epoch=1.ckpt");
    await Deno.mkdir(checkpoint);
    await Deno.writeTextFile(joinPath(checkpoint, "model.safetensors"), "weights");
    await logger.afterSaveCheckpoint(checkpoint);
    await Deno.remove(checkpoint, { recursive: true });
    await logger.afterSaveCheckpoint(joinPath(folder, "never.ckpt"));
    server.up();
    await logger.finalize("success");
    const [[name, bytes]] = [...server.artifacts];
    assert(name.endsWith("artifacts/checkpoints/epoch=1.ckpt/model.safetensors"), name);
    assertEquals([new TextDecoder().decode(bytes), server.artifacts.size], ["weights", 1]);
    assertEquals(await listDir(joinPath(folder, "unsent", "checkpoints")), []);
  });
});

Deno.test("a checkpoint that somebody removed before it could be sent is left out alone", async () => {
  await withServer(async (server, make, folder) => {
    await server.down();
    const logger = make({ logModel: true, flushSeconds: 0 }), checkpoint = joinPath(folder, "epoch=1.ckpt");
    await Deno.mkdir(checkpoint);
    await Deno.writeTextFile(joinPath(checkpoint, "model.safetensors"), "weights");
    logger.open();
    await logger.afterSaveCheckpoint(checkpoint);
    await written(() => logger.finalize("success"));
    await Deno.remove(checkpoint, { recursive: true });
    server.up();
    const lines = await written(async () => assertEquals(await replaySpool(await spoolIn(folder)), 0));
    assertEquals([lines.length, server.run.info.status], [1, "FINISHED"]);
    assert(lines[0].includes("does not take an entry: Cannot") && lines[0].includes("model.safetensors"), lines[0]);
  });
});

Deno.test("the end waits for a server that does not answer as long as flushSeconds says", async () => {
  await withServer(async (server, make) => {
    server.fail({ slow: 3000 });
    const logger = make({ flushSeconds: 0.2 }), begun = performance.now();
    logger.logMetrics({ x: 1 }, at(0));
    const lines = await written(() => logger.finalize("success"));
    assert(performance.now() - begun < 2000);
    assertEquals([lines.length, logger.unsent], [1, 3]);
    await new Promise((next) => setTimeout(next, 3000)); // the server's own timer
  });
});

Deno.test("an address that is none, a password in it, and a wrong option are refused", () => {
  const make = (options: object) => () => new MLflowLogger(options);
  assertThrows(make({}), TypeError, "set MLFLOW_TRACKING_URI");
  assertThrows(make({ trackingUri: "./mlruns" }), TypeError, "must be an address");
  assertThrows(make({ trackingUri: "file:///mlruns" }), TypeError, "must begin with http");
  const { message } = assertThrows(make({ trackingUri: "http://me:hunter2@host" }), TypeError, "must not hold a user");
  assert(!message.includes("hunter2"));
  assertThrows(make({ trackingUri: "http://host", logModel: "best" }), TypeError, "logModel must be true");
  assertThrows(make({ trackingUri: "http://host", flushSeconds: -1 }), RangeError, "flushSeconds must be 0 or more");
  assertThrows(make({ tracking_uri: "http://host" }), TypeError, "trackingUri is the nearest");
});
