/** A file in a tar archive. */
export interface TarEntry {
  /** The path that the archive gives it. */
  name: string;
  /** Its bytes, a view into the archive. */
  data: Uint8Array;
}

const BLOCK = 512;

/**
 * The plain files of a tar archive (POSIX ustar, as `tar` writes it by default for short names).
 *
 * @param archive The whole archive, uncompressed
 * @returns Its files in order; folders, links and other special entries are left out
 * @throws {Error} When a header's check sum is wrong or the archive ends inside an entry
 */
export function* readTar(archive: Uint8Array): Generator<TarEntry> {
  const text = (offset: number, length: number) => {
    const field = archive.subarray(offset, offset + length);
    const end = field.indexOf(0);
    return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
  };
  let at = 0;
  while (at + BLOCK <= archive.length) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return;
    // The sum counts its own field as eight spaces.
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
    if (parseInt(text(at + 148, 8), 8) !== sum) {
      throw new Error(`Cannot read a tar archive: the check sum of the header at byte ${at} is wrong`);
    }
    const size = parseInt(text(at + 124, 12), 8);
    const end = at + BLOCK + size;
    if (!(end <= archive.length)) {
      throw new Error(`Cannot read a tar archive: it ends inside the entry at byte ${at}`);
    }
    const prefix = text(at + 345, 155);
    const name = (prefix ? `${prefix}/` : "") + text(at, 100);
    const kind = text(at + 156, 1);
    if (kind === "0" || kind === "") yield { name, data: archive.subarray(at + BLOCK, end) };
    at = at + BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  throw new Error("Cannot read a tar archive: its end mark is missing");
}
