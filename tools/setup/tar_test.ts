import { assertEquals, assertThrows } from "@std/assert";
import { readTar } from "./tar.ts";

/** Writes a header and data as POSIX describes them. */
function entry(name: string, data: string, kind = "0", prefix = ""): Uint8Array {
  const block = new Uint8Array(512 + Math.ceil(data.length / 512) * 512);
  const put = (offset: number, text: string) => block.set(new TextEncoder().encode(text), offset);
  put(0, name);
  put(124, data.length.toString(8).padStart(11, "0"));
  put(148, " ".repeat(8));
  put(156, kind);
  put(257, "ustar\x0000");
  put(345, prefix);
  const sum = block.subarray(0, 512).reduce((a, b) => a + b, 0);
  put(148, sum.toString(8).padStart(6, "0") + "\0 ");
  put(512, data);
  return block;
}

function archive(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.concat(new Uint8Array(1024)).flatMap((p) => [...p]));
}

Deno.test("readTar yields plain files with their bytes, in order", () => {
  const long = "x".repeat(700);
  const tar = archive(
    entry("dir/", "", "5"),
    entry("a", "one"),
    entry("link", "", "2"),
    entry("b", long, "0", "deep/er"),
  );
  const files = [...readTar(tar)].map(({ name, data }) => [name, new TextDecoder().decode(data)]);
  assertEquals(files, [["a", "one"], ["deep/er/b", long]]);
});

Deno.test("readTar refuses damaged archives", () => {
  const tar = archive(entry("a", "one"));
  const damaged = tar.slice();
  damaged[0] ^= 1;
  assertThrows(() => [...readTar(damaged)], Error, "the check sum of the header at byte 0 is wrong");
  assertThrows(() => [...readTar(archive(entry("a", "y".repeat(600))).subarray(0, 1024))], Error, "ends inside");
  assertThrows(() => [...readTar(tar.subarray(0, 1024))], Error, "its end mark is missing");
});
