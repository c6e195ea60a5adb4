import { assertEquals } from "@std/assert";
import { joinPath, readText } from "../platform/mod.ts";
import { inFolder } from "../testing/trainer.ts";
import { JSONLLogger } from "./jsonl_logger.ts";

Deno.test("a line is an object with the axes and the metrics of a moment", async () => {
  await inFolder(async (folder) => {
    const logger = new JSONLLogger({ saveDir: folder });
    await logger.logHyperparams({ lr: 0.1, layers: [1, 2] });
    await logger.logMetrics({ loss: 1.5, bad: NaN }, { step: 0, batch: 1, epoch: 0, seconds: 0.25 });
    await logger.logMetrics({ up: Infinity, down: -Infinity }, { step: 1, batch: 2, epoch: 0, seconds: 0.5 });
    const text = await readText(joinPath(folder, "fulgurite_logs", "version_0", "metrics.jsonl"));
    assertEquals(text.trimEnd().split("\n").map((line) => JSON.parse(line)), [
      { hparams: { lr: 0.1, layers: [1, 2] } },
      { step: 0, batch: 1, epoch: 0, seconds: 0.25, metrics: { loss: 1.5, bad: "NaN" } },
      { step: 1, batch: 2, epoch: 0, seconds: 0.5, metrics: { up: "Infinity", down: "-Infinity" } },
    ]);
    assertEquals((await new JSONLLogger({ saveDir: folder }).open(), logger.version), "version_0");
  });
});
