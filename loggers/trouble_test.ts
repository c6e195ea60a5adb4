/** What becomes of logs on a full disk, when the process is killed, and when a run is resumed. */
import { assert, assertEquals } from "@std/assert";
import { ModelCheckpoint } from "../callbacks/mod.ts";
import { type Logger, Trainer } from "../lightning.ts";
import { mean, type Tensor } from "../mod.ts";
import { exists, joinPath, listDir, readFile, readText } from "../platform/mod.ts";
import { readRecords } from "../testing/event_file.ts";
import { written } from "../testing/stderr.ts";
import { constantBatches, inFolder, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { recordsOf } from "../testing/wandb_file.ts";
import { CSVLogger, JSONLLogger, TensorBoardLogger, WandbLogger } from "./mod.ts";
import { testIf } from "../testing/test_if.ts";

const at = (step: number) => ({ step, batch: step + 1, epoch: 0, seconds: 0.5 });

const KINDS: Readonly<Record<string, (saveDir: string) => Logger>> = {
  csv: (saveDir) => new CSVLogger({ saveDir, version: "v" }),
  jsonl: (saveDir) => new JSONLLogger({ saveDir, version: "v" }),
  tensorboard: (saveDir) => new TensorBoardLogger({ saveDir, version: "v" }),
  wandb: (saveDir) => new WandbLogger({ saveDir, id: "v" }),
};

/** How many rows a logger's file holds; it must be whole. */
async function rowsIn(kind: string, folder: string): Promise<number> {
  const text = (name: string) => readText(joinPath(folder, name));
  switch (kind) {
    case "csv": {
      const lines = (await text("metrics.csv")).split("\n");
      assertEquals(lines.pop(), "");
      assert(lines.every((line) => line.split(",").length === 5));
      return lines.length - 1;
    }
    case "jsonl": {
      const lines = (await text("metrics.jsonl")).split("\n");
      assertEquals(lines.pop(), "");
      return lines.filter((line) => "metrics" in JSON.parse(line)).length;
    }
    case "tensorboard": {
      const [name] = (await listDir(folder)).filter((name) => name.includes("tfevents"));
      return readRecords(await readFile(joinPath(folder, name))).length - 1;
    }
    default:
      // A header, the run and its axis come first; a row is followed by its summary.
      return (recordsOf(await readFile(joinPath(folder, "run-v.wandb"))).length - 3) / 2;
  }
}

/** Runs with a disk of 256 KiB, where the system lets us have one. */
async function onSmallDisk(fn: (folder: string) => Promise<void>): Promise<boolean> {
  const folder = await Deno.makeTempDir({ prefix: "small-disk-" });
  try {
    const mount = new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", "size=256k", "none", folder],
      stderr: "null",
    });
    if (!await mount.output().then(({ success }) => success, () => false)) return false;
    try {
      await fn(folder);
    } finally {
      await new Deno.Command("umount", { args: [folder] }).output();
    }
    return true;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const mayMount = await onSmallDisk(async () => {});

for (const [kind, make] of Object.entries(KINDS)) {
  testIf(
    mayMount,
    "the system lets us mount no small disk",
    `${kind}: a full disk is told once, nothing fails, and the rows are there when it has room again`,
    async () => {
      await onSmallDisk(async (folder) => {
        const logger = make(folder), filler = joinPath(folder, "filler");
        await logger.open?.();
        await logger.logMetrics({ x: 0 }, at(0));
        const lines = await written(async () => {
          await Deno.writeFile(filler, new Uint8Array(1 << 20)).catch(() => {}); // as much as there is room for
          for (let i = 1; i < 400; i++) await logger.logMetrics({ x: i }, at(i));
        });
        assertEquals(lines.length, 1);
        assert(/Logger could not write: .*no space left|no space is left/.test(lines[0]), lines[0]);
        assert(await rowsIn(kind, logger.logDir!) < 400);
        await Deno.remove(filler);
        assertEquals(await written(async () => await logger.save?.()), []);
        assertEquals(await rowsIn(kind, logger.logDir!), 400);
      });
    },
  );

  Deno.test(`${kind}: a process that is killed leaves whole rows`, async () => {
    await inFolder(async (folder) => {
      const module = new URL("./mod.ts", import.meta.url).href;
      const program = `
        import { CSVLogger, JSONLLogger, TensorBoardLogger, WandbLogger } from ${JSON.stringify(module)};
        const make = { csv: CSVLogger, jsonl: JSONLLogger, tensorboard: TensorBoardLogger, wandb: WandbLogger };
        const options = ${
        JSON.stringify(kind === "wandb" ? { saveDir: folder, id: "v" } : { saveDir: folder, version: "v" })
      };
        const logger = new make.${kind}(options);
        await logger.open();
        for (let i = 0;; i++) {
          await logger.logMetrics({ x: i }, { step: i, batch: i + 1, epoch: 0, seconds: 1 });
          if (i === 0) console.log(logger.logDir);
        }`;
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--ext=ts", "-"],
        ...{ stdin: "piped", stdout: "piped", stderr: "inherit" },
        cwd: new URL("..", import.meta.url).pathname,
      }).spawn();
      const input = child.stdin.getWriter();
      await input.write(new TextEncoder().encode(program));
      await input.close();
      const { value } = await child.stdout.getReader().read();
      await new Promise((next) => setTimeout(next, 50));
      child.kill("SIGKILL");
      await child.status;
      assert(await rowsIn(kind, new TextDecoder().decode(value).trim()) > 0);
    });
  });
}

trainerTest("a resumed run goes on in the same files and has no row twice; several loggers get the same", async () => {
  await inFolder(async (folder) => {
    class Logging extends Slope {
      override trainingStep(x: Tensor): Tensor {
        this.log("x", mean(x));
        return this.forward(x);
      }
      override validationStep(x: Tensor): void {
        this.log("v", mean(x));
      }
    }
    const loggers = () => [
      new CSVLogger({ saveDir: folder, name: "csv", version: 0 }),
      new JSONLLogger({ saveDir: folder, name: "jsonl", version: 0 }),
      new TensorBoardLogger({ saveDir: folder, name: "tb", version: 0 }),
    ];
    const data = { train: constantBatches([1, 2, 3, 4]), val: constantBatches([5]) };
    const options = { ...quiet, enableCheckpointing: true, maxEpochs: 2, logEveryNSteps: 1 };
    const whole = () =>
      new ModelCheckpoint({ dirpath: joinPath(folder, "kept"), saveTopK: -1, everyNTrainSteps: 3, filename: "{step}" });
    await new Trainer({ ...options, logger: loggers(), callbacks: whole() }).fit(new Logging(), data);
    const tables = async () => {
      const csv = await readText(joinPath(folder, "csv", "version_0", "metrics.csv"));
      const jsonl = (await readText(joinPath(folder, "jsonl", "version_0", "metrics.jsonl"))).trimEnd().split("\n");
      return {
        csv: csv.trimEnd().split("\n").map((line) => line.split(",").toSpliced(3, 1).join()),
        jsonl: jsonl.map((line) => JSON.parse(line)).map(({ seconds: _, ...row }) => row),
      };
    };
    const uninterrupted = await tables();
    assertEquals([uninterrupted.csv.length, uninterrupted.jsonl.length], [1 + 8 + 2, 8 + 2]);
    // The run went on after each checkpoint: what it wrote after one is made once more.
    for (const name of await listDir(joinPath(folder, "kept"))) {
      const ckptPath = joinPath(folder, "kept", name);
      await new Trainer({ ...options, logger: loggers() }).fit(new Logging(), data, { ckptPath });
      assertEquals(await tables(), uninterrupted, name);
    }
    assert(await exists(joinPath(folder, "tb", "version_0")));
  });
});
