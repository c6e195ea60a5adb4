import { assert, assertEquals } from "@std/assert";

/** CRC-32 by the polynomial's definition. */
function crc32(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
  }
  return ~rest >>> 0;
}

/** The records of a run file of W&B, read block by block with every checksum verified, by no code of the logger. */
export function recordsOf(file: Uint8Array): Uint8Array[] {
  assertEquals([...file.subarray(0, 7)], [...new TextEncoder().encode(":W&B"), 0xe1, 0xbe, 0]);
  const records: Uint8Array[] = [], view = new DataView(file.buffer, file.byteOffset, file.length);
  let parts: number[] = [];
  for (let at = 7; at < file.length;) {
    const left = 32768 - at % 32768;
    if (left < 7) {
      assert(file.subarray(at, at + left).every((byte) => byte === 0));
      at += left;
      continue;
    }
    const length = view.getUint16(at + 4, true), kind = file[at + 6];
    assert(7 + length <= left, "a chunk crosses a block");
    assertEquals(view.getUint32(at, true), crc32(file.subarray(at + 6, at + 7 + length)));
    assertEquals(kind === 1 || kind === 2, parts.length === 0);
    parts.push(...file.subarray(at + 7, at + 7 + length));
    if (kind === 1 || kind === 4) {
      records.push(Uint8Array.from(parts));
      parts = [];
    }
    at += 7 + length;
  }
  assertEquals(parts.length, 0);
  return records;
}
