import { assertEquals, assertStringIncludes } from "@std/assert";
import { joinPath, makeTempDir, remove, setEnv } from "../platform/mod.ts";
import type { Logger } from "../trainer/mod.ts";
import { Trainer } from "../lightning.ts";
import { written } from "../testing/stderr.ts";
import { CometLogger, CSVLogger, JSONLLogger, MLflowLogger, TensorBoardLogger, WandbLogger } from "./mod.ts";

const quiet = { enableProgressBar: false, enableModelSummary: false, enableCheckpointing: false } as const;

Deno.test("files go below the trainer's root folder, unless a logger was given another or is open already", async () => {
  const defaultRootDir = await makeTempDir();
  const folderIn = (logger: Logger, root = defaultRootDir) => {
    new Trainer({ ...quiet, logger, defaultRootDir: root });
    return logger.logDir;
  };
  try {
    for (const FileLogger of [CSVLogger, JSONLLogger, TensorBoardLogger]) {
      const logger = new FileLogger({ name: "n" }), folder = joinPath(defaultRootDir, "n", "version_0");
      assertEquals(folderIn(logger), folder);
      assertEquals(folderIn(new FileLogger({ saveDir: "runs", name: "n" })), joinPath("runs", "n", "version_0"));
      await logger.open();
      assertEquals(folderIn(logger, "elsewhere"), folder);
      await remove(joinPath(defaultRootDir, "n"), { recursive: true });
    }
    const wandb = new WandbLogger(), bare = wandb.logDir;
    assertEquals(folderIn(wandb), joinPath(defaultRootDir, bare));
    assertEquals(
      new Trainer({ ...quiet, defaultRootDir }).logDir,
      joinPath(defaultRootDir, "fulgurite_logs/version_0"),
    );
  } finally {
    await remove(defaultRootDir, { recursive: true });
  }
});

Deno.test("so does what a service did not take", async () => {
  setEnv("COMET_API_KEY", "a key");
  setEnv("COMET_URL_OVERRIDE", "http://127.0.0.1:9");
  const defaultRootDir = await makeTempDir();
  const loggers = [
    new MLflowLogger({ trackingUri: "http://127.0.0.1:9", flushSeconds: 0 }),
    new CometLogger({ flushSeconds: 0 }),
  ];
  try {
    for (const logger of loggers) {
      new Trainer({ ...quiet, logger, defaultRootDir });
      logger.logMetrics({ loss: 1 }, { step: 0, batch: 1, epoch: 0, seconds: 0 });
      const [told] = await written(() => logger.finalize("success"));
      assertStringIncludes(told, joinPath(defaultRootDir, "fulgurite_logs", "unsent"));
    }
  } finally {
    setEnv("COMET_API_KEY", "");
    setEnv("COMET_URL_OVERRIDE", "");
    await remove(defaultRootDir, { recursive: true });
  }
});
