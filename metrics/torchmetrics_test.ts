// Every metric against values of torchmetrics, recorded by testing/torchmetrics/generate.py.
import { assert } from "@std/assert";
import { gpuTest } from "../testing/gpu.ts";
import { count, showSection } from "../testing/golden/report.ts";
import { runGolden } from "../testing/golden/runner.ts";

const FOLDER = new URL("../testing/torchmetrics", import.meta.url);

gpuTest("metrics give torchmetrics' values: of each batch, of all so far, cloned, and after a reset", async () => {
  const results = await runGolden(FOLDER.pathname, { sections: ["metrics"] });
  const { passed, failed, skipped } = count(results);
  assert(passed > 300 && failed === 0 && skipped === 0, showSection("metrics", results));
});
