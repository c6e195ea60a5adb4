// The set-up as a user meets it. That it installs what is missing as root is seen on fresh machines only; see .ci/run.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { listDir, makeTempDir, remove, runCommand, type SystemInfo } from "../platform/mod.ts";
import { SWIFTSHADER_FILES, swiftShaderDir, swiftShaderEnv } from "../platform/software_vulkan.ts";
import { withoutDashes } from "../tools/run.ts";
import { adapterAdvice } from "../tools/setup/advice.ts";
import { probe, usable } from "../tools/setup/probe.ts";
import { unpackSwiftShader } from "../tools/setup/swiftshader.ts";

Deno.test("the set-up is silent and ends well when nothing is missing", async () => {
  const script = new URL("../tools/setup.ts", import.meta.url).pathname;
  assertEquals(await runCommand(Deno.execPath(), ["run", "-A", "--quiet", script]), {
    code: 0,
    stdout: "",
    stderr: "",
  });
});

Deno.test("a probe says what answers and that it computes, or why not", async () => {
  const found = usable(await probe());
  assert(found?.adapter && found.limits && found.limits.maxBufferSize > 0);
  if (Deno.build.os !== "linux") return;
  const hidden = await probe({ env: { VK_DRIVER_FILES: "/nonexistent", VK_ICD_FILENAMES: "/nonexistent" } });
  assertEquals(hidden.backends.map(({ backend, reason }) => [backend, reason]), [
    ["dawn", "no adapter"],
    ["deno", "no adapter"],
  ]);
});

const downloads = Deno.env.get("CI") === "true" && Deno.build.os === "linux" && Deno.build.arch === "x86_64";

Deno.test({
  name: "SwiftShader out of its npm package computes without any installed driver" +
    (downloads ? "" : " (fetches 70 MB: only on Linux x64 with CI=true)"),
  ignore: !downloads,
  async fn() {
    const cache = await makeTempDir();
    const before = Deno.env.get("FULGURITE_CACHE");
    Deno.env.set("FULGURITE_CACHE", cache);
    try {
      await unpackSwiftShader();
      assertEquals(await listDir(cache), [swiftShaderDir().slice(cache.length + 1)]); // no leftovers
      assertEquals(await listDir(swiftShaderDir()), [...SWIFTSHADER_FILES].sort());
      await unpackSwiftShader(); // replaces what is there
      const found = usable(await probe({ env: (await swiftShaderEnv())! }));
      assertStringIncludes(String(found?.adapter), "SwiftShader");
    } finally {
      if (before === undefined) Deno.env.delete("FULGURITE_CACHE");
      else Deno.env.set("FULGURITE_CACHE", before);
      await remove(cache, { recursive: true });
    }
  },
});

Deno.test("each system gets commands of its own", () => {
  const system = (os: string): SystemInfo => ({ os, arch: "arm64", release: "1", cores: 1, isRoot: false });
  const advice = (os: string, id = "", like: string[] = [], codename = "") =>
    adapterAdvice(system(os), { id, like, codename }).join("\n");
  assertStringIncludes(advice("linux", "debian", [], "bookworm"), "-t bookworm-backports");
  assertEquals(advice("linux", "debian", [], "trixie").includes("backports"), false);
  assertStringIncludes(advice("linux", "linuxmint", ["ubuntu", "debian"]), "sudo apt-get install -y libvulkan1");
  assertStringIncludes(advice("linux", "rocky", ["rhel", "fedora"]), "sudo dnf install");
  assertStringIncludes(advice("linux", "arch"), "sudo pacman -S");
  assertStringIncludes(advice("linux", "opensuse-leap", ["suse", "opensuse"]), "sudo zypper install");
  assertStringIncludes(advice("linux", "nixos"), "libvulkan.so.1");
  assertStringIncludes(advice("win32"), "winget install");
  assertStringIncludes(advice("darwin"), "softwareupdate");
  assertStringIncludes(advice("freebsd"), "freebsd");
});

Deno.test("the first double dash of a task's arguments means nothing", () => {
  assertEquals(withoutDashes(["run", "train.ts", "--", "--lr", "1"]), ["run", "train.ts", "--lr", "1"]);
  assertEquals(withoutDashes(["run", "--lr", "1"]), ["run", "--lr", "1"]);
});
