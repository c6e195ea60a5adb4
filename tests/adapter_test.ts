// How the library finds an adapter, seen from outside: each case needs a process of its own, as drivers are looked for
// once.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { joinPath, makeDir, makeTempDir, remove, runCommand, writeFile } from "../platform/mod.ts";
import { SWIFTSHADER_FILES, swiftShaderDir, swiftShaderEnv } from "../platform/software_vulkan.ts";
import { testIf } from "../testing/test_if.ts";

const linux = Deno.build.os === "linux" && Deno.build.arch === "x86_64";
/** A test on Linux, the only system whose drivers these variables choose. */
const linuxTest = (name: string, fn: () => Promise<void>) =>
  testIf(linux, "its variables choose drivers on Linux x64 only", name, fn);

const root = new URL("..", import.meta.url);

/** Opens a device in a new process and returns what it says. */
async function open(environment: Record<string, string | undefined>): Promise<Record<string, string | undefined>> {
  const code = `
    import { device, init } from "${new URL("mod.ts", root)}";
    try {
      await init();
      console.log(JSON.stringify(device().info));
    } catch (error) {
      console.log(JSON.stringify({ name: error.name, message: error.message }));
    }
    Deno.exit(0);`;
  const { stdout, stderr } = await runCommand(Deno.execPath(), ["eval", code], {
    cwd: new URL(".", root).pathname,
    env: { NO_COLOR: "1", FULGURITE_BACKEND: undefined, FULGURITE_ADAPTER: undefined, ...environment },
  });
  assert(stdout.includes("{"), stderr);
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

const HIDDEN = { VK_DRIVER_FILES: "/nonexistent", VK_ICD_FILENAMES: "/nonexistent" };

Deno.test("an adapter answers on this machine", async () => {
  const info = await open({});
  assertEquals(info.message, undefined);
  assert(info.adapter);
});

linuxTest("without any driver the error names each backend and the doctor", async () => {
  const info = await open({ ...HIDDEN, FULGURITE_CACHE: "/nonexistent" });
  assertEquals(info.name, "NoAdapterError");
  assertStringIncludes(String(info.message), "dawn: no adapter; deno: no adapter");
  assertStringIncludes(String(info.message), "deno task doctor");
});

Deno.test("a backend that does not exist is refused with the names that do", async () => {
  const info = await open({ FULGURITE_BACKEND: "cuda" });
  assertEquals(info.name, "RangeError");
  assertStringIncludes(String(info.message), "auto, dawn, deno, browser, got cuda");
});

Deno.test("an empty variable is none, and a backend of another runtime is refused", async () => {
  const info = await open({ FULGURITE_BACKEND: "", FULGURITE_ADAPTER: "" });
  assertEquals([info.message, Boolean(info.adapter)], [undefined, true]);
  const other = await open({ FULGURITE_BACKEND: "browser" });
  assertEquals(other.name, "RangeError");
  assertStringIncludes(String(other.message), "under deno it must be one of auto, dawn, deno");
});

linuxTest("an adapter that is not there is named, and no other is taken", async () => {
  const info = await open({ FULGURITE_ADAPTER: "no such card" });
  assertEquals(info.name, "NoAdapterError");
  assertStringIncludes(String(info.message), "not no such card");
});

linuxTest("a damaged driver in the cache folder is told, not hidden", async () => {
  const cache = await makeTempDir();
  const before = Deno.env.get("FULGURITE_CACHE");
  try {
    Deno.env.set("FULGURITE_CACHE", cache);
    assertEquals(await swiftShaderEnv(), null);
    await makeDir(swiftShaderDir());
    for (const file of SWIFTSHADER_FILES) await writeFile(joinPath(swiftShaderDir(), file), "");
    assertStringIncludes((await swiftShaderEnv())!.LD_LIBRARY_PATH, cache);
    const info = await open({ ...HIDDEN, FULGURITE_CACHE: cache });
    assertEquals(info.name, "NoAdapterError");
    assertStringIncludes(String(info.message), "dawn with SwiftShader: ");
    assertStringIncludes(String(info.message), "libvulkan.so.1");
  } finally {
    if (before === undefined) Deno.env.delete("FULGURITE_CACHE");
    else Deno.env.set("FULGURITE_CACHE", before);
    await remove(cache, { recursive: true });
  }
});
