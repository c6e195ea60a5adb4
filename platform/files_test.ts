import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  appendFile,
  claimDir,
  copyFile,
  exists,
  FileError,
  joinPath,
  listDir,
  makeDir,
  makeTempDir,
  readFile,
  readText,
  remove,
  rename,
  stat,
  syncDir,
  writeFile,
  writeFileAtomic,
} from "./mod.ts";
import { testIf } from "../testing/test_if.ts";

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await makeTempDir();
  try {
    await test(folder);
  } finally {
    await remove(folder, { recursive: true });
  }
}

Deno.test("readFile returns whole files and parts", () =>
  withFolder(async (folder) => {
    const path = joinPath(folder, "bytes");
    await writeFile(path, new Uint8Array([1, 2, 3, 4, 5]));
    assertEquals(await readFile(path), new Uint8Array([1, 2, 3, 4, 5]));
    assertEquals(await readFile(path, { offset: 3 }), new Uint8Array([4, 5]));
    assertEquals(await readFile(path, { offset: 1, length: 2 }), new Uint8Array([2, 3]));
    assertEquals(await readFile(path, { offset: 5 }), new Uint8Array());
    const part = await readFile(path, { length: 2 });
    assertEquals(part.buffer.byteLength, 2);
    await assertRejects(() => readFile(path, { offset: 4, length: 2 }), RangeError, "the file holds 5 bytes");
    await assertRejects(() => readFile(path, { offset: 6 }), RangeError, "offset is 6");
    await assertRejects(() => readFile(path, { offset: -1, length: 2 }), RangeError, "offset is -1");
  }));

testIf(
  Deno.build.os === "linux",
  "only Linux has /proc",
  "readFile reads files whose size the system does not know",
  async () => {
    assert((await readText("/proc/self/status")).includes("Pid:"));
  },
);

Deno.test("file errors name the operation, the rule and the path, and keep the cause", () =>
  withFolder(async (folder) => {
    const missing = joinPath(folder, "missing");
    const error = await assertRejects(
      () => readFile(missing),
      FileError,
      `Cannot read a file in readFile: no such file or folder, path is ${missing}`,
    );
    await assertRejects(() => readFile(missing, { task: "look" }), FileError, "Cannot look: no such file or folder");
    assertEquals(error.code, "ENOENT");
    assertEquals(error.path, missing);
    assertInstanceOf(error.cause, Error);
    await assertRejects(() => writeFile(joinPath(missing, "x"), "x"), FileError, "writeFile: no such file or folder");
    await assertRejects(() => readFile(folder), FileError, "it is a folder");
    await assertRejects(() => listDir(missing), FileError, "listDir");
    await assertRejects(() => remove(missing), FileError, "remove");
    await assertRejects(() => stat(missing), FileError, "stat");
  }));

testIf(Deno.build.os === "linux", "only Linux has /dev/full", "a disk without room is a FileError", async () => {
  const error = await assertRejects(() => writeFile("/dev/full", "x"), FileError, "no space is left on the disk");
  assertEquals(error.code, "ENOSPC");
});

Deno.test("writeFile takes text, bytes and parts, appendFile adds", () =>
  withFolder(async (folder) => {
    const path = joinPath(folder, "text");
    await writeFile(path, "long enough to see that it is replaced");
    await writeFile(path, "é");
    assertEquals(await readFile(path), new Uint8Array([0xc3, 0xa9]));
    await appendFile(path, new Uint8Array([0x21]));
    assertEquals(await readText(path), "é!");
    await writeFile(path, ["a", new Uint8Array([0x62]), "c"]);
    assertEquals(await readText(path), "abc");
    await writeFile(
      path,
      async function* () {
        yield "1";
        yield await Promise.resolve("2");
      }(),
    );
    assertEquals(await readText(path), "12");
  }));

Deno.test("writeFileAtomic replaces a file whole and leaves nothing behind", () =>
  withFolder(async (folder) => {
    const path = joinPath(folder, "state");
    await writeFileAtomic(path, "old");
    await writeFileAtomic(path, "new");
    assertEquals(await readText(path), "new");
    assertEquals(await listDir(folder), ["state"]);
  }));

Deno.test("writeFileAtomic keeps the old content when the new one fails half-way", () =>
  withFolder(async (folder) => {
    const path = joinPath(folder, "state");
    await writeFileAtomic(path, "old");
    const parts = async function* () {
      yield "half";
      assertEquals((await listDir(folder)).length, 2); // the temporary file stands beside the old one
      throw new Error("the producer failed");
    };
    await assertRejects(() => writeFileAtomic(path, parts()), FileError, "the producer failed");
    assertEquals(await readText(path), "old");
    assertEquals(await listDir(folder), ["state"]);
  }));

Deno.test("writeFileAtomic removes what processes that were killed have left of the same target, and nothing else", () =>
  withFolder(async (folder) => {
    const path = joinPath(folder, "state.bin");
    // A process that is killed while it writes, as a user's would be.
    const files = new URL("./files.ts", import.meta.url).href;
    const killed = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `import { writeFileAtomic } from ${JSON.stringify(files)};
        await writeFileAtomic(${JSON.stringify(path)}, (async function* () {
          yield "half";
          console.log("written");
          await new Promise((resolve) => setTimeout(resolve, 1e6));
        })());`,
      ],
      stdout: "piped",
    }).spawn();
    await killed.stdout.getReader().read();
    const stays = [
      "..state.bin.1-0123abcd.tmp",
      ".other.bin.999999999-0123abcd.tmp",
      ".state.bin.0123abcd.txt",
      ".state.bin.0fedcba9.tmp", // perhaps of a writer whose number is not told
      `.state.bin.${Deno.pid}-0123abcd.tmp`, // perhaps of another thread
      ".state.bin.mine.tmp",
      ".state.bin.part.0123abcd.tmp",
    ].sort();
    for (const name of stays) await writeFile(joinPath(folder, name), "");
    await writeFile(joinPath(folder, ".state.bin.76543210.tmp"), "");
    await Deno.utime(joinPath(folder, ".state.bin.76543210.tmp"), new Date(0), new Date(0));
    const old = joinPath(folder, ".other.bin.76543210.tmp");
    await writeFile(old, "");
    await Deno.utime(old, new Date(0), new Date(0));
    stays.push(".other.bin.76543210.tmp");
    await writeFileAtomic(path, "while the other lives");
    assertEquals((await listDir(folder)).length, stays.length + 2);
    killed.kill("SIGKILL");
    await killed.status;
    await writeFileAtomic(path, "new");
    assertEquals(await listDir(folder), [...stays, "state.bin"].sort());
    assertEquals(await readText(path), "new");
  }));

Deno.test("folders are made, listed, renamed, copied from and removed", () =>
  withFolder(async (folder) => {
    const deep = joinPath(folder, "a", "b");
    await makeDir(deep);
    await makeDir(deep);
    const claims = await Promise.all([0, 1, 2, 3].map(() => claimDir(joinPath(folder, "claimed"))));
    assertEquals(claims.filter((isNew) => isNew).length, 1);
    await assertRejects(
      () => claimDir(joinPath(folder, "none", "x")),
      FileError,
      "in claimDir: no such file or folder",
    );
    await remove(joinPath(folder, "claimed"));
    await writeFile(joinPath(deep, "2"), "two");
    await copyFile(joinPath(deep, "2"), joinPath(deep, "1"));
    assertEquals(await listDir(deep), ["1", "2"]);
    await rename(deep, joinPath(folder, "c"));
    assertEquals(await exists(deep), false);
    assertEquals(await exists(joinPath(folder, "c", "1", "not below a file")), false);
    assertEquals(await readText(joinPath(folder, "c", "1")), "two");
    await syncDir(folder);
    await assertRejects(() => remove(joinPath(folder, "c")), FileError, "the folder is not empty");
    await remove(joinPath(folder, "c", "1"));
    await remove(joinPath(folder, "c"), { recursive: true });
    assertEquals(await listDir(folder), ["a"]);
    await remove(joinPath(folder, "a"));
  }));

Deno.test("stat tells size, kind and age", () =>
  withFolder(async (folder) => {
    const before = Date.now();
    const path = joinPath(folder, "f");
    await writeFile(path, "four");
    const info = await stat(path);
    assertEquals([info.size, info.isDirectory, (await stat(folder)).isDirectory], [4, false, true]);
    assert(Math.abs(info.modified - before) < 10_000);
  }));
