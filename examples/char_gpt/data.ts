import { DataLoader, type Dataset, LightningDataModule } from "../../data/mod.ts";
import type { Tensor } from "../../mod.ts";
import { joinPath, listDir, readText } from "../../platform/mod.ts";

/** What the steps receive: characters [batch, context] as i32, and those that follow each of them. */
export type TextBatch = {
  /** Characters. */
  x: Tensor;
  /** The next ones. */
  y: Tensor;
};

/** A sample: a piece of text, and the same one further. */
type Piece = { x: Int32Array; y: Int32Array };

const ROOT = new URL("../..", import.meta.url).pathname;
const FOLDERS = ["nn", "ops", "optim", "docs"];

/** This library's own sources and pages: a text that is always there, and ours. */
export async function ownText(): Promise<string> {
  const files = (await Promise.all(
    FOLDERS.map(async (folder) =>
      (await listDir(joinPath(ROOT, folder))).filter((name) => /\.(ts|md)$/.test(name) && !name.endsWith("_test.ts"))
        .sort().map((name) => joinPath(ROOT, folder, name))
    ),
  )).flat();
  return (await Promise.all(files.map((file) => readText(file)))).join("\n");
}

/** Characters as numbers, in the order of their code points. */
export class Vocabulary {
  readonly #characters: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;

  /** @param text A text with all characters that there are, or just these */
  constructor(text: string) {
    this.#characters = [...new Set(text)].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
    this.#ids = new Map(this.#characters.map((character, id) => [character, id]));
  }

  /** How many there are. */
  get size(): number {
    return this.#characters.length;
  }

  /** All characters, in order. */
  get characters(): string {
    return this.#characters.join("");
  }

  /** The numbers of a text; characters that are not known are left out. */
  encode(text: string): Int32Array {
    return Int32Array.from([...text].map((character) => this.#ids.get(character)).filter((id) => id !== undefined));
  }

  /** The text of numbers. */
  decode(ids: ArrayLike<number>): string {
    return Array.from(ids, (id) => this.#characters[id]).join("");
  }
}

/** What a {@link TextDataModule} needs. */
export interface TextDataModuleOptions {
  /** The text. */
  text: string;
  /** Its characters as numbers. */
  vocabulary: Vocabulary;
  /** Characters of a piece. */
  context: number;
  /** Pieces in a batch. */
  batchSize: number;
  /** What the order depends on; default 0. */
  seed?: number;
}

/** Pieces of a text: nine tenths to train on, the end to test. */
export class TextDataModule extends LightningDataModule<TextBatch> {
  readonly #options: TextDataModuleOptions;
  readonly #ids: Int32Array;

  constructor(options: TextDataModuleOptions) {
    super();
    this.#options = options;
    this.#ids = options.vocabulary.encode(options.text);
    if (this.#ids.length < 20 * (options.context + 1)) {
      throw new RangeError(`Cannot train on a text of ${this.#ids.length} characters: it must have 20 pieces at least`);
    }
  }

  override trainDataloader(): DataLoader<Piece> {
    const { batchSize, seed = 0 } = this.#options;
    return new DataLoader(this.#pieces(0, this.#middle), { batchSize, shuffle: true, seed, dropLast: true });
  }

  override testDataloader(): DataLoader<Piece> {
    return new DataLoader(this.#pieces(this.#middle, this.#ids.length), { batchSize: this.#options.batchSize });
  }

  get #middle(): number {
    return Math.floor(this.#ids.length * 0.9);
  }

  #pieces(start: number, end: number): Dataset<Piece> {
    const { context } = this.#options;
    return {
      length: Math.floor((end - start - 1) / context),
      get: (i) => {
        const at = start + i * context;
        return { x: this.#ids.slice(at, at + context), y: this.#ids.slice(at + 1, at + context + 1) };
      },
    };
  }
}
