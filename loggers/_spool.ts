import { dirname, makeDir, readText, remove, writeFileAtomic } from "../platform/mod.ts";
import { GrowingFile } from "./_growing_file.ts";

/** How a spool begins: whose it is, and what has to be known to go on. */
export interface SpoolHeader {
  /** The kind of service. */
  readonly service: string;
  /** Its run; without secrets. */
  readonly run: Readonly<Record<string, unknown>>;
}

/**
 * What could not be sent yet, in a file: a header, then an item a line, and notes of how many of these are sent.
 * Whoever reads it later, this process or another one, goes on behind the last note.
 */
export class Spool<Item> {
  /** Where it is. */
  readonly path: string;
  readonly #header: () => SpoolHeader;
  readonly #file: GrowingFile;
  #turn: Promise<unknown> = Promise.resolve();
  #pending: Item[] = [];
  #appending: Promise<void> | null = null;
  #sent = 0;
  #count = 0;
  /** Items that were read and not sent yet, so that a long file is not read for each batch. */
  #read: Item[] = [];

  /**
   * @param path The file
   * @param header What it begins with, as of when it is written
   */
  constructor(path: string, header: () => SpoolHeader) {
    this.path = path;
    this.#file = new GrowingFile(path);
    this.#header = header;
  }

  /** Opens a file that another process left; half a line at its end is cut off, so that notes begin on their own. */
  static async open<Item>(path: string, header: () => SpoolHeader): Promise<Spool<Item>> {
    const text = await readText(path), whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole !== text) await writeFileAtomic(path, whole);
    const spool = new Spool<Item>(path, header), { items, sent } = await readSpool(path);
    spool.#count = items.length;
    spool.#sent = sent;
    return spool;
  }

  /** Items that are not sent. */
  get left(): number {
    return this.#count - this.#sent;
  }

  /** Adds items at the end. What comes while the disk is busy is written together. */
  append(items: readonly Item[]): Promise<void> {
    this.#count += items.length;
    for (const item of items) this.#pending.push(item);
    return this.#appending ??= this.#inTurn(async () => {
      const all = this.#pending;
      this.#pending = [];
      this.#appending = null;
      try {
        const begins = await this.#file.size() === 0;
        if (begins) await makeDir(dirname(this.path));
        await this.#file.append(lines([...begins ? [this.#header()] : [], ...all]));
      } catch (error) {
        this.#count -= all.length;
        throw error;
      }
    });
  }

  /** Puts items before those that are left. */
  async prepend(items: readonly Item[]): Promise<void> {
    if (this.left === 0) return await this.append(items);
    await this.#inTurn(async () => {
      const { items: all, sent } = await readSpool<Item>(this.path), rest = all.slice(sent);
      await writeFileAtomic(this.path, lines([this.#header(), ...items, ...rest]));
      this.#file.changed();
      this.#read = [];
      // Others may have been counted that are added after this.
      this.#count += items.length - this.#sent;
      this.#sent = 0;
    });
  }

  /** The first items that are left. */
  async peek(): Promise<readonly Item[]> {
    if (this.#read.length === 0 && this.left > 0) {
      await this.#inTurn(async () => {
        const { items, sent } = await readSpool<Item>(this.path);
        this.#read = items.slice(sent);
      });
    }
    return this.#read;
  }

  /** Notes that items are sent, or given up. Of an empty spool nothing stays. */
  async advance(count: number): Promise<void> {
    await this.#inTurn(async () => {
      this.#sent += count;
      this.#read.splice(0, count);
      if (this.left > 0) await this.#file.append(lines([{ sent: this.#sent, run: this.#header().run }]));
      else {
        await remove(this.path);
        this.#file.changed();
        this.#count -= this.#sent;
        this.#sent = 0;
      }
    });
  }

  /** Waits for what is being written. */
  async settled(): Promise<void> {
    await this.#turn;
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(task);
    this.#turn = done.catch(() => {}); // told to whom it happened
    return done;
  }
}

/**
 * Reads a spool. Half a line at its end is of a process that was cut off.
 *
 * @throws {TypeError} If the file is none
 */
export async function readSpool<Item>(path: string): Promise<SpoolHeader & { items: Item[]; sent: number }> {
  const text = await readText(path, "replay a spool in replaySpool");
  const [head, ...rest] = text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  if (typeof head?.service !== "string") throw new TypeError(`Cannot read ${path}: it is no spool of a logger`);
  const notes = rest.filter((line) => "sent" in line), note = notes.at(-1);
  return {
    service: head.service,
    run: note?.run ?? head.run,
    items: rest.filter((line) => !("sent" in line)),
    sent: note?.sent ?? 0,
  };
}

function lines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}
