/** Servers that take long, servers that something else answers for, and what the end of a run does then. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { exists, joinPath, listDir, setEnv } from "../platform/mod.ts";
import { CometServer } from "../testing/servers/comet.ts";
import { MLflowServer } from "../testing/servers/mlflow.ts";
import type { TestServer } from "../testing/servers/serve.ts";
import { WandbServer } from "../testing/servers/wandb.ts";
import { written } from "../testing/stderr.ts";
import { inFolder } from "../testing/trainer.ts";
import { CometLogger, MLflowLogger, replaySpool, WandbLogger } from "./mod.ts";

const KEY = "k".repeat(40);
const at = (step: number) => ({ step, batch: step + 1, epoch: 0, seconds: 0.5 });
const LOGIN = { body: "<!doctype html>\n<html><head><title>Sign in to\n Acme</title></head></html>" };

/** A service, its logger, and the values of `x` that it has. */
interface Kind {
  readonly server: () => TestServer;
  readonly environment: (url: string) => Record<string, string>;
  readonly make: (url: string, saveDir: string, flushSeconds: number) => MLflowLogger | CometLogger | WandbLogger;
  readonly got: (server: TestServer) => number[];
}

const KINDS: Readonly<Record<string, Kind>> = {
  MLflow: {
    server: () => new MLflowServer(),
    environment: () => ({}),
    make: (trackingUri, saveDir, flushSeconds) => new MLflowLogger({ trackingUri, saveDir, flushSeconds }),
    got: (server) =>
      [...(server as MLflowServer).runs.values()].flatMap(({ metrics }) => metrics)
        .filter(([key]) => key === "x").map(([, value]) => value),
  },
  Comet: {
    server: () => new CometServer(KEY),
    environment: (url) => ({ COMET_API_KEY: KEY, COMET_URL_OVERRIDE: url }),
    make: (_, saveDir, flushSeconds) => new CometLogger({ saveDir, flushSeconds }),
    got: (server) =>
      [...(server as CometServer).experiments.values()].flatMap(({ metrics }) => metrics)
        .map(({ value }) => Number(value)),
  },
  "W&B": {
    server: () => new WandbServer(KEY),
    environment: (url) => ({ WANDB_API_KEY: KEY, WANDB_BASE_URL: url }),
    make: (_, saveDir, flushSeconds) => new WandbLogger({ saveDir, flushSeconds, project: "p", offline: false }),
    got: (server) => (server as WandbServer).history.map((line) => JSON.parse(line).x),
  },
};

/** Runs with a server of a kind and a folder. */
async function withKind(
  kind: Kind,
  fn: (server: TestServer, make: (flushSeconds?: number) => ReturnType<Kind["make"]>, folder: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    await using server = kind.server().up();
    const environment = kind.environment(server.url);
    for (const [name, value] of Object.entries(environment)) setEnv(name, value);
    try {
      await fn(server, (flushSeconds = 10) => kind.make(server.url, folder, flushSeconds), folder);
    } finally {
      for (const name of Object.keys(environment)) setEnv(name, "");
    }
  });
}

/** Waits until something holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; !await holds(); i++) {
    assert(i < 2000, "it never came");
    await new Promise((next) => setTimeout(next, 5));
  }
}

/** The only spool in a folder, or `null`. */
async function spoolIn(folder: string): Promise<string | null> {
  const place = joinPath(folder, "unsent");
  const names = await exists(place) ? (await listDir(place)).filter((name) => name.endsWith(".jsonl")) : [];
  assert(names.length < 2);
  return names.length === 0 ? null : joinPath(place, names[0]);
}

for (const [name, kind] of Object.entries(KINDS)) {
  Deno.test(`${name}: a login page is not taken for the service, before the run or in the middle of it`, async () => {
    for (const sent of [0, 3]) {
      await withKind(kind, async (server, make, folder) => {
        const logger = make();
        const lines = await written(async () => {
          for (let i = 0; i < sent; i++) await logger.logMetrics({ x: i }, at(i));
          await until(() => kind.got(server).length === sent);
          server.always = LOGIN;
          const before = server.seen.length;
          for (let i = sent; i < 20; i++) await logger.logMetrics({ x: i }, at(i));
          await until(() => server.seen.length > before);
          // What is there is in the file at once, not when training ends.
          if (name !== "W&B") await until(async () => await spoolIn(folder) !== null);
          for (let i = 20; i < 30; i++) await logger.logMetrics({ x: i }, at(i));
          await logger.finalize("success");
          assert(server.seen.length - before <= 2, "a login page was asked again and again");
        });
        assertEquals(lines.length, 2, lines.join(""));
        assert(
          /takes nothing: .*it answered 200 with a page, "Sign in to Acme", and not as its API/.test(lines[0]),
          lines[0],
        );
        assert(/did not get \d+ entries; (replaySpool|`wandb sync)/.test(lines[1]), lines[1]);
        server.always = null;
        if (name === "W&B") return;
        assertEquals(await replaySpool((await spoolIn(folder))!), 0);
        assertEquals(kind.got(server), Array.from({ length: 30 }, (_, i) => i));
      });
    }
  });
}

Deno.test("other answers that are not the API's: a page for a path that is not there, text, JSON of something else", async () => {
  const answers = [
    [
      { body: "<html><h1>Not found</h1></html>", status: 404 },
      'it answered 404 with a page, "Not found", and not as its API',
    ],
    [{ body: "OK", type: "text/plain" }, 'it answered 200 with "OK", which is not JSON'],
    [
      { body: '{"status":"up"}', type: "application/json" },
      'it answered {"status":"up"}, without experiment.experiment_id',
    ],
    [{ body: "", type: "text/plain" }, "it answered nothing, without experiment.experiment_id"],
  ] as const;
  for (const [answer, message] of answers) {
    await withKind(KINDS.MLflow, async (server, make, folder) => {
      server.always = answer;
      const logger = make();
      const lines = await written(async () => {
        await logger.logMetrics({ x: 1 }, at(0));
        await logger.finalize("success");
      });
      assert(lines[0].includes(`takes nothing: the run cannot be made: ${message}`), lines[0]);
      server.always = null;
      assertEquals(await replaySpool((await spoolIn(folder))!), 0);
      assertEquals(KINDS.MLflow.got(server), [1]);
    });
  }
  await withKind(KINDS.Comet, async (server, make) => {
    server.always = { body: '{"msg":"maintenance"}', type: "application/json" };
    const lines = await written(async () => {
      const logger = make();
      await logger.logMetrics({ x: 1 }, at(0));
      await logger.finalize("success");
    });
    assert(lines[0].includes('it answered {"msg":"maintenance"}, without experimentKey'), lines[0]);
  });
});

Deno.test("a proxy's page that one entry is too large leaves out that entry alone", async () => {
  await withKind(KINDS.MLflow, async (server, make) => {
    const logger = make();
    const lines = await written(async () => {
      await logger.logMetrics({ x: 1 }, at(0));
      await until(() => logger instanceof MLflowLogger && logger.unsent === 0);
      server.fail({ body: "<html><title>413 Request Entity Too Large</title></html>", status: 413 });
      await logger.logText("long", "x".repeat(1000), { step: 0 });
      await logger.logMetrics({ x: 2 }, at(1));
      await logger.finalize("success");
    });
    assertEquals(lines.length, 1);
    assert(lines[0].includes('does not take an entry: it answered 413 with a page, "413 Request'), lines[0]);
    assertEquals(KINDS.MLflow.got(server), [1, 2]);
  });
});

Deno.test("a server that answers slowly gets everything, however long it takes, as long as it takes some", async () => {
  await withKind(KINDS.Comet, async (server, make) => {
    const logger = make(1), begun = performance.now();
    server.always = { slow: 250 };
    const lines = await written(async () => {
      for (let i = 0; i < 6; i++) await logger.logMetrics({ x: i }, at(i));
      await logger.finalize("success");
    });
    assert(performance.now() - begun > 1500);
    assertEquals([lines, KINDS.Comet.got(server)], [[], [0, 1, 2, 3, 4, 5]]);
  });
});

Deno.test("an end that takes long is told, and what is left is in a file meanwhile", async () => {
  await withKind(KINDS.Comet, async (server, make, folder) => {
    const logger = make(3);
    server.always = { slow: 800 };
    const lines = await written(async () => {
      for (let i = 0; i < 6; i++) await logger.logMetrics({ x: i }, at(i));
      assertEquals(await spoolIn(folder), null);
      const end = logger.finalize("success");
      await until(async () => await spoolIn(folder) !== null);
      await end;
    });
    assertEquals(lines.length, 1);
    assert(
      /Comet at .* has \d entries to take; training ends when it has, or when it takes none for 3 seconds/.test(
        lines[0],
      ),
    );
    assertEquals([KINDS.Comet.got(server), await spoolIn(folder)], [[0, 1, 2, 3, 4, 5], null]);
  });
});

Deno.test("the end says why entries are left, and does not sit out a pause between two attempts", async () => {
  await withKind(KINDS.MLflow, async (server, make) => {
    server.always = { status: 503 };
    const logger = make(1.8);
    const lines = await written(async () => {
      await logger.logMetrics({ x: 1 }, at(0));
      await until(() => server.seen.length === 5); // the next attempt is two seconds away, or more
      server.always = null;
      await logger.finalize("success");
    });
    assertEquals([lines.length, KINDS.MLflow.got(server)], [1, [1]], lines.join(""));
  });
  await withKind(KINDS.MLflow, async (server, make) => {
    server.always = { status: 503 };
    const end = async (flushSeconds: number) => {
      const lines = await written(async () => {
        const logger = make(flushSeconds);
        await logger.logMetrics({ x: 1 }, at(0));
        await logger.finalize("success");
      });
      assertEquals(lines.length, 1, lines.join(""));
      return lines[0];
    };
    assert((await end(0.3)).includes("did not get 3 entries: it answered 503 busy; replaySpool("));
    server.always = { slow: 1500 };
    assert((await end(0.1)).includes("did not get 3 entries: no answer within 0.1 seconds; replaySpool("));
    server.always = null;
    await new Promise((next) => setTimeout(next, 1500)); // the server's own timer
  });
});

Deno.test("a large file has the time that it needs, also when it comes from a spool", async () => {
  await withKind(KINDS.MLflow, async (server, make, folder) => {
    await server.down();
    const logger = make(0);
    await written(async () => {
      await logger.logText("long", "x".repeat(1000), { step: 0 });
      await logger.finalize("success");
    });
    server.up();
    const path = (await spoolIn(folder))!;
    server.fail({ slow: 0 }, { slow: 0 }, { slow: 0 }, { slow: 2000 });
    assertEquals(await replaySpool(path, { seconds: 1.2 }), 0);
    assertEquals((server as MLflowServer).artifacts.size, 1);
  });
});

Deno.test("half a line of a process that was cut off spoils no note behind it", async () => {
  await withKind(KINDS.Comet, async (server, make, folder) => {
    await server.down();
    const logger = make(0);
    await written(async () => {
      for (let i = 0; i < 3; i++) await logger.logMetrics({ x: i }, at(i));
      await logger.finalize("success");
    });
    const path = (await spoolIn(folder))!;
    await Deno.writeTextFile(path, '{"kind":"met', { append: true });
    server.up();
    // The experiment, a sign of life, two numbers; then it is away.
    server.fail(...Array.from({ length: 4 }, () => ({ slow: 0 })));
    server.always = { status: 503 };
    const lines = await written(async () => assertEquals(await replaySpool(path, { seconds: 2 }), 2));
    assert(lines.at(-1)!.includes("did not get 2 entries"), lines.join(""));
    server.always = null;
    assertEquals([await replaySpool(path), KINDS.Comet.got(server)], [0, [0, 1, 2]]);
  });
});

Deno.test("wrong options of the end are refused", async () => {
  await withKind(KINDS["W&B"], async (_, make) => {
    assertThrows(() => make(-1), RangeError, "Cannot make a WandbLogger: flushSeconds must be 0 or more, got -1");
    assertThrows(() => make("3" as never), RangeError, 'flushSeconds must be 0 or more, got "3"');
    await assertRejects(() => replaySpool("x", { second: 1 } as never), TypeError, "seconds is the nearest");
    await assertRejects(() => replaySpool("x", { seconds: NaN }), RangeError, "seconds must be 0 or more, got NaN");
  });
});

Deno.test("whatever a server says, a key or password in it is not shown: unpacked, cut off, in an answer of something else", async () => {
  const json = (said: unknown, status?: number) => ({ body: JSON.stringify(said), type: "application/json", status });
  const secret = "hunter2-and-more";
  const said = async (kind: Kind, environment: Record<string, string>, answer: TestServer["always"]) => {
    let lines: string[] = [];
    await withKind(kind, async (server, make) => {
      for (const [name, value] of Object.entries(environment)) setEnv(name, value);
      server.always = answer;
      lines = await written(async () => {
        const logger = make(1);
        await logger.logMetrics({ x: 1 }, at(0));
        await logger.finalize("success");
      });
      for (const name of Object.keys(environment)) setEnv(name, "");
    });
    return lines.join("");
  };
  const token = { MLFLOW_TRACKING_TOKEN: secret };
  const password = { MLFLOW_TRACKING_USERNAME: "me", MLFLOW_TRACKING_PASSWORD: secret };
  const answers = [
    [KINDS.MLflow, password, json({ message: `${secret} is not the password of me` }, 401)],
    [KINDS.MLflow, token, json({ headers: { authorization: `Bearer ${secret}` } })],
    [KINDS.MLflow, token, json({ headers: { cookie: "c".repeat(160), authorization: `Bearer ${secret}` } })],
    [KINDS.MLflow, token, { body: `${"-".repeat(192)}${secret}`, type: "text/plain", status: 403 }],
    [KINDS["W&B"], { WANDB_API_KEY: secret }, json({ errors: [{ message: `nobody has ${secret}` }] })],
  ] as const;
  for (const [kind, environment, answer] of answers) {
    const text = await said(kind, environment, answer);
    assert(text.includes("the run cannot be made") && !text.includes("hunter2"), text);
  }
});

Deno.test("a key of any letters, and answers of any JSON, end no training and are told in words", async () => {
  const answers = [
    "null",
    "[]",
    '{"data":{"upsertBucket":{"bucket":null}}}',
    '{"data":{"upsertBucket":{"bucket":{}}}}',
  ];
  for (const kind of Object.values(KINDS)) {
    await withKind(kind, async (server, make) => {
      for (const name of ["COMET_API_KEY", "WANDB_API_KEY", "MLFLOW_TRACKING_TOKEN"]) setEnv(name, "ключ");
      try {
        for (const body of answers) {
          server.always = { body, type: "application/json" };
          const logger = make(1);
          const lines = await written(async () => {
            await logger.logMetrics({ x: 1 }, at(0));
            await logger.finalize("success");
          });
          assert(lines.length > 0 && !/Cannot (read|encode)|ключ/.test(lines.join("")), lines.join(""));
        }
      } finally {
        setEnv("MLFLOW_TRACKING_TOKEN", "");
      }
    });
  }
});
