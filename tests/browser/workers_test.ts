// A loader's workers in a page: Web Workers that a bundle holds, and the same batches as headless.
import { assertEquals, assertStringIncludes } from "@std/assert";
import { bundle } from "../../examples/browser/serve.ts";
import { browserTest, withServer } from "./_chromium.ts";
import { readBatches } from "./_workers.ts";

const [program, worker] = await Promise.all(
  [new URL("_workers.ts", import.meta.url), new URL("../../testing/data_worker.ts", import.meta.url)].map((entry) =>
    bundle(entry)
  ),
);

const serve = (request: Request) => {
  const { pathname } = new URL(request.url);
  const script = { "content-type": "text/javascript" };
  if (pathname === "/program.js") return new Response(program, { headers: script });
  if (pathname === "/worker.js") return new Response(worker, { headers: script });
  if (pathname !== "/") return new Response("There is no such file here", { status: 404 });
  return new Response(`<!doctype html><title>Fulgurite</title><link rel="icon" href="data:,">`, {
    headers: { "content-type": "text/html" },
  });
};

browserTest("batches of workers in Chromium are the headless ones, and their errors arrive", async ({ page }) => {
  await withServer(serve, async (origin) => {
    await page.goto(origin);
    const here = await readBatches(0);
    for (const workers of [0, 1, 2]) {
      const batches = await page.evaluate<number[][]>(
        `import("/program.js").then((program) => program.readBatches(${workers}))`,
      );
      assertEquals(batches, here, `${workers} workers`);
    }
    const [sample, missing] = await page.evaluate<string[]>(`import("/program.js").then((p) => p.readBroken())`);
    assertStringIncludes(sample, "WorkerError: Cannot read in worker");
    assertStringIncludes(sample, "it cannot read sample 5: no such picture");
    assertStringIncludes(missing, "its module cannot be loaded from");
    assertStringIncludes(missing, "the option worker");
  });
});
