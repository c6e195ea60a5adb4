import { appendFile, exists, stat, truncateFile } from "../platform/mod.ts";

/** A file that grows by whole pieces: of one that could not be written whole, nothing stays. */
export class GrowingFile {
  /** Where it is. */
  readonly path: string;
  #size: number | null = null;
  #torn = false;

  /** @param path Where it is; its folder must exist when something is written */
  constructor(path: string) {
    this.path = path;
  }

  /** Its length in bytes, without what was cut off. */
  async size(): Promise<number> {
    return this.#size ??= await exists(this.path) ? (await stat(this.path)).size : 0;
  }

  /** Forgets what is known of the file: somebody else wrote it. */
  changed(): void {
    this.#size = null;
  }

  /**
   * Writes a piece to its end.
   *
   * @throws {FileError} If it cannot be written whole; the file is as it was then
   */
  async append(content: string | Uint8Array): Promise<void> {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const before = await this.size();
    await this.#mend(before);
    try {
      await appendFile(this.path, bytes);
    } catch (error) {
      this.#torn = true;
      await this.#mend(before).catch(() => {}); // tried again before the next piece; the first error is the one to tell
      throw error;
    }
    this.#size = before + bytes.length;
  }

  /** Cuts off what a failed write left. */
  async #mend(size: number): Promise<void> {
    if (this.#torn && await exists(this.path)) await truncateFile(this.path, size);
    this.#torn = false;
  }
}

/** Pieces as one. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
