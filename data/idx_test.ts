import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { FileError, joinPath, makeTempDir, remove, writeFile } from "../platform/mod.ts";
import { DataError } from "./errors.ts";
import { gunzip } from "./gzip.ts";
import { parseIdx, readIdx } from "./idx.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

async function gzip(plain: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([plain]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

Deno.test("every element type of IDX is read, big-endian", () => {
  const cases: [Uint8Array<ArrayBuffer>, string, number[], number[]][] = [
    [bytes(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 128, 255), "u8", [2, 2], [0, 1, 128, 255]],
    [bytes(0, 0, 9, 1, 0, 0, 0, 2, 128, 127), "i32", [2], [-128, 127]],
    [bytes(0, 0, 11, 1, 0, 0, 0, 2, 255, 254, 1, 2), "i32", [2], [-2, 258]],
    [bytes(0, 0, 12, 1, 0, 0, 0, 1, 255, 255, 255, 253), "i32", [1], [-3]],
    [bytes(0, 0, 13, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0, 0), "f32", [1], [1.5]],
    [bytes(0, 0, 14, 1, 0, 0, 0, 1, 0xc0, 0x04, 0, 0, 0, 0, 0, 0), "f32", [1], [-2.5]],
    [bytes(0, 0, 8, 0, 7), "u8", [], [7]],
    [bytes(0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 5), "u8", [0, 5], []],
  ];
  for (const [file, dtype, shape, values] of cases) {
    const tensor = parseIdx(file);
    assertEquals([tensor.dtype, tensor.shape, [...tensor.data]], [dtype, shape, values]);
  }
});

Deno.test("what is not exactly IDX is refused with the file's name and the values", () => {
  const cases: [Uint8Array<ArrayBuffer>, string][] = [
    [bytes(), "it has 0 bytes"],
    [bytes(0, 0, 8), "it has 3 bytes"],
    [bytes(0x1f, 0x8b, 8, 1), "two zero bytes, it begins with 31 and 139"],
    [bytes(0, 0, 10, 1, 0, 0, 0, 0), "one of 8, 9, 11, 12, 13 and 14, it is 10"],
    [bytes(0, 0, 8, 2, 0, 0, 0, 1), "2 sizes must follow, it has 8 bytes"],
    [
      bytes(0, 0, 8, 1, 0, 0, 0, 3, 1, 2),
      "[3] elements of type unsigned byte need 11 bytes with the header, it has 10; it is cut off",
    ],
    [bytes(0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3, 4), "need 11 bytes with the header, it has 12"],
    [bytes(0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255), "it is cut off"],
  ];
  for (const [file, message] of cases) {
    const error = assertThrows(() => parseIdx(file, "train-labels"), DataError);
    assertStringIncludes(error.message, message);
    assertStringIncludes(error.message, "Cannot read IDX file train-labels: ");
    assertEquals(error.file, "train-labels");
  }
});

Deno.test("files are read with and without gzip, and damaged gzip names the file", async () => {
  const folder = await makeTempDir();
  try {
    const plain = bytes(0, 0, 8, 1, 0, 0, 4, 0, ...Array.from({ length: 1024 }, (_, i) => i % 251));
    const packed = await gzip(plain);
    const flipped = packed.slice();
    flipped[packed.length - 6] ^= 1; // in the check sum
    const files: Record<string, Uint8Array<ArrayBuffer>> = {
      plain,
      "packed.gz": packed,
      "short.gz": packed.subarray(0, packed.length - 9),
      "flipped.gz": flipped,
      "long.gz": bytes(...packed, 1, 2, 3),
    };
    for (const [name, content] of Object.entries(files)) await writeFile(joinPath(folder, name), content);
    for (const name of ["plain", "packed.gz"]) {
      const tensor = await readIdx(joinPath(folder, name));
      assertEquals([tensor.shape, tensor.data.length, tensor.data[1000]], [[1024], 1024, 1000 % 251]);
    }
    for (const name of ["short.gz", "flipped.gz", "long.gz"]) {
      const error = await assertRejects(() => readIdx(joinPath(folder, name)), DataError, "it must be whole gzip");
      assertEquals(error.file, joinPath(folder, name));
      assertInstanceOf(error.cause, Error);
    }
    await assertRejects(() => readIdx(joinPath(folder, "absent")), FileError, "absent");
  } finally {
    await remove(folder, { recursive: true });
  }
});

Deno.test("a small gzip file that holds too much is stopped at the limit", async () => {
  const packed = await gzip(new Uint8Array(20_000_000));
  await assertRejects(() => gunzip(packed, "bomb.gz", 1_000_000), DataError, "at most 1000000 bytes");
  assertEquals((await gunzip(packed, "zeros.gz", 20_000_000)).length, 20_000_000);
});
