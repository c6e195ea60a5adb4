// The examples as a user starts them, on one batch. They need the data in the cache folder, or a way to fetch it.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lineChart, metricSeries } from "../examples/_plot.ts";
import { runCommand } from "../platform/mod.ts";
import { inFolder } from "../testing/trainer.ts";

const run = (name: string, ...flags: string[]) =>
  runCommand(Deno.execPath(), [
    "run",
    "-A",
    "--no-check",
    new URL(`../examples/${name}/train.ts`, import.meta.url).pathname,
    ...flags,
  ]);

for (const name of ["lstm", "resnet"]) {
  Deno.test(`examples/${name} trains and tests on a batch`, async () => {
    await inFolder(async (folder) => {
      const { code, stdout, stderr } = await run(
        name,
        "--fast-dev-run",
        "--json",
        "--batch-size",
        "16",
        "--out-dir",
        folder,
      );
      assertEquals(code, 0, stderr);
      const result = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
      assertEquals([result.steps, result.curve], [1, null]);
      assert(result.testAccuracy >= 0 && result.testAccuracy <= 1 && result.testLoss > 0);
    });
  });

  Deno.test(`examples/${name} lists its flags, and refuses others`, async () => {
    const help = await run(name, "--help");
    assertEquals(help.code, 0);
    assertStringIncludes(help.stderr, "--max-steps");
    const wrong = await run(name, "--colour", "blue", "--lr", "many");
    assertEquals(wrong.code, 2);
    assertStringIncludes(wrong.stderr, "Cannot understand --colour");
    assertStringIncludes(wrong.stderr, "--lr many");
  });
}

Deno.test("examples/gan trains on a batch from its command line", async () => {
  await inFolder(async (folder) => {
    const quiet = ["--trainer.enableProgressBar=false", `--trainer.defaultRootDir=${folder}`];
    const { code, stderr } = await run("gan", "fit", "--trainer.fastDevRun", "--data.batchSize=16", ...quiet);
    assertEquals(code, 0, stderr);
    const wrong = await run("gan", "fit", "--model.lr=-1");
    assertEquals([wrong.code, wrong.stderr], [2, "--model.lr must be a number above 0, got -1\n"]);
  });
});

Deno.test("curves are drawn where there are values", () => {
  const series = metricSeries("a,b,step\n1.5,,0\n,2,1\n0.5,NaN,2\n", ["a", "b", "c"]);
  assertEquals(series.map(({ name, points }) => [name, points.length]), [["a", 2], ["b", 2]]);
  const svg = lineChart(series, { title: "a < b" });
  assertStringIncludes(svg, "a &lt; b");
  assertEquals(svg.match(/stroke-width/g)!.length, 2);
  assert(!svg.includes("NaN"), svg);
  assertStringIncludes(lineChart([], { title: "nothing" }), "</svg>");
});
