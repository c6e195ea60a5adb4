/** A part of a name: text, or a place for a number with its format. */
type Part = string | { readonly key: string; readonly format: (value: number) => string };

/**
 * A name with places for numbers, as Lightning writes them: `"{epoch}-{val_loss:.2f}"` gives `epoch=2-val_loss=0.32`.
 */
export class CheckpointName {
  readonly #parts: readonly Part[];
  readonly #insertKeys: boolean;

  /**
   * @param pattern The name
   * @param insertKeys Whether `key=` stands before each number
   * @throws {TypeError} If a format is none of those that are known
   */
  constructor(pattern: string, insertKeys: boolean) {
    this.#insertKeys = insertKeys;
    this.#parts = pattern.split(/(\{[^{}]+\})/).map((part) => {
      const match = /^\{([^:]+)(?::(.*))?\}$/.exec(part);
      return match === null ? part : { key: match[1], format: formatOf(match[2] ?? "") };
    });
  }

  /** The name with its numbers; one that is missing is 0. */
  fill(values: Readonly<Record<string, number>>): string {
    return this.#parts.map((part) => {
      if (typeof part === "string") return part;
      const text = part.format(values[part.key] ?? 0);
      return this.#insertKeys ? `${part.key}=${text}` : text;
    }).join("");
  }
}

/** What JavaScript can write of a number, and what a file's name has room for. */
const MOST_DIGITS = 100, MOST_WIDTH = 200;

/** Python's format notation, as far as file names need it: `.2f`, `02d`, `.3e`. */
function formatOf(format: string): (value: number) => string {
  const match = /^(0?)(\d*)(?:\.(\d+))?([dfe]?)$/.exec(format);
  if (match === null || Number(match[2]) > MOST_WIDTH || Number(match[3] ?? 0) > MOST_DIGITS) {
    throw new TypeError(
      `Cannot make a ModelCheckpoint: a format in filename must look like .2f, .3e or 02d, got ${
        JSON.stringify(format)
      }`,
    );
  }
  const [, zero, width, digits, kind] = match;
  return (value) => {
    const fixed = kind === "f" || (kind === "" && digits !== undefined);
    const text = !Number.isFinite(value)
      ? String(value).toLowerCase().replace("infinity", "inf")
      : fixed
      ? value.toFixed(Number(digits ?? 6))
      : kind === "e"
      ? value.toExponential(Number(digits ?? 6)).replace(/e([+-])(\d)$/, "e$10$2")
      : String(value);
    return text.padStart(Number(width || 0), zero ? "0" : " ");
  };
}
