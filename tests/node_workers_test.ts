// A loader's workers under plain Node: threads that the program starts from its bundle.
import { assertEquals } from "@std/assert";
import { bundle } from "../examples/browser/serve.ts";
import { DataLoader } from "../data/loader.ts";
import { joinPath, makeTempDir, remove, runCommand, writeFile } from "../platform/mod.ts";
import { noisy } from "../testing/worker_datasets.ts";

// Where there is no Node, Deno puts itself under that name on the PATH.
const node =
  await runCommand("node", ["-p", "typeof Deno"]).then(({ stdout }) => stdout.trim(), () => "") === "undefined";

Deno.test({
  name: `batches of workers under Node are the headless ones, and the process ends${
    node ? "" : " (no node on the PATH)"
  }`,
  ignore: !node,
  async fn() {
    const folder = await makeTempDir();
    try {
      const [program, worker] = await Promise.all(
        ["browser/_workers.ts", "../testing/data_worker.ts"].map((name) => bundle(new URL(name, import.meta.url))),
      );
      await writeFile(joinPath(folder, "package.json"), `{ "type": "module" }`);
      await writeFile(joinPath(folder, "program.js"), program);
      await writeFile(joinPath(folder, "worker.js"), worker);
      await writeFile(
        joinPath(folder, "main.js"),
        `import { Worker } from "node:worker_threads";
        globalThis.Worker = class extends Worker { constructor() { super(new URL("worker.js", import.meta.url)); } };
        const { readBatches } = await import("./program.js");
        console.log(JSON.stringify([await readBatches(0), await readBatches(2)]));`,
      );
      const { code, stdout, stderr } = await runCommand("node", ["main.js"], { cwd: folder });
      assertEquals(code, 0, stderr);
      const loader = new DataLoader(noisy(11), { batchSize: 3, shuffle: true, seed: 5 });
      const here = (await Array.fromAsync(loader)).map(({ id, noise }) => [...id.data, ...noise.data]);
      assertEquals(JSON.parse(stdout), [here, here]);
    } finally {
      await remove(folder, { recursive: true });
    }
  },
});
