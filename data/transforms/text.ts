import { checkNames } from "../../device/option_names.ts";
import { type HostTensor, hostTensor } from "../../tensor/host.ts";

/**
 * A text's characters: Unicode code points, so that no emoji is cut in two.
 *
 * @example
 * ```ts
 * import { characterTokens } from "@fulgurite/core/transforms";
 *
 * console.assert(characterTokens("aß🍬").join("|") === "a|ß|🍬");
 * ```
 */
export function characterTokens(text: string): string[] {
  return [...text];
}

/**
 * A text's words: what stands between white space, punctuation apart, in lower case unless it is kept.
 *
 * @param text The text
 * @param options `keepCase` (default false); `punctuation`: whether punctuation marks are words of their own (default
 *   true)
 *
 * @example
 * ```ts
 * import { wordTokens } from "@fulgurite/core/transforms";
 *
 * console.assert(wordTokens("Don't panic, please!").join("|") === "don't|panic|,|please|!");
 * ```
 */
export function wordTokens(text: string, options: { keepCase?: boolean; punctuation?: boolean } = {}): string[] {
  checkNames("split text in wordTokens", options, { keepCase: true, punctuation: true });
  const { keepCase = false, punctuation = true } = options;
  const whole = keepCase ? text : text.toLowerCase();
  if (!punctuation) return whole.split(/\s+/u).filter((word) => word !== "");
  return whole.match(/[\p{L}\p{N}\p{M}_]+(?:['’][\p{L}\p{N}\p{M}_]+)*|[^\s\p{L}\p{N}\p{M}_]/gu) ?? [];
}

/**
 * A text's bytes in UTF-8: a vocabulary of 256 that knows every text.
 *
 * @returns i32 from 0 to 255
 *
 * @example
 * ```ts
 * import { byteTokens, bytesToText } from "@fulgurite/core/transforms";
 *
 * console.assert(byteTokens("ß").join() === "195,159" && bytesToText(byteTokens("ß")) === "ß");
 * ```
 */
export function byteTokens(text: string): Int32Array<ArrayBuffer> {
  return Int32Array.from(new TextEncoder().encode(text));
}

/**
 * The text of bytes, the reverse of {@link byteTokens}; bytes that are no UTF-8 become �.
 *
 * @param tokens Numbers from 0 to 255
 * @throws {RangeError} if one is not a byte
 *
 * @example
 * ```ts
 * import { bytesToText } from "@fulgurite/core/transforms";
 *
 * console.assert(bytesToText([104, 105]) === "hi");
 * ```
 */
export function bytesToText(tokens: ArrayLike<number>): string {
  const bytes = Uint8Array.from(tokens);
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== tokens[i]) {
      throw new RangeError(`Cannot make text in bytesToText: tokens must be bytes, token ${i} is ${tokens[i]}`);
    }
  }
  return new TextDecoder().decode(bytes);
}

/** How a vocabulary is made. */
export interface VocabularyOptions {
  /** Tokens with a meaning of their own, which come first (default none): `"<pad>"`, `"<unk>"`, `"<eos>"`. */
  specials?: readonly string[];
  /** The token that stands for every other one (default: others are an error); it must be among the specials. */
  unknown?: string;
  /** How often a token must come to be taken in (default 1). */
  minFrequency?: number;
  /** The most tokens, with the specials (default: no bound); the most frequent stay. */
  maxSize?: number;
}

/**
 * Numbers for tokens, and tokens for numbers.
 *
 * @example
 * ```ts
 * import { Vocabulary, wordTokens } from "@fulgurite/core/transforms";
 *
 * const texts = ["the cat", "the dog"].map((text) => wordTokens(text));
 * const words = Vocabulary.from(texts, { specials: ["<pad>", "<unk>"], unknown: "<unk>" });
 * console.assert(words.encode(["the", "bird"]).join() === "2,1");
 * console.assert(words.decode([2, 3]).join(" ") === "the cat");
 * ```
 */
export class Vocabulary {
  /** The tokens by their numbers. */
  readonly tokens: readonly string[];
  /** The number of the token that stands for others, `null` where there is none. */
  readonly unknownIndex: number | null;
  readonly #numbers: ReadonlyMap<string, number>;

  /**
   * Numbers tokens in their order.
   *
   * @param tokens Each once
   * @param options `unknown`: which of them stands for every other one (default: others are an error)
   * @throws {TypeError} if a token comes twice, or the one that stands for others is not there
   */
  constructor(tokens: readonly string[], options: { unknown?: string } = {}) {
    checkNames("make a Vocabulary", options, { unknown: true });
    this.#numbers = new Map(tokens.map((token, i) => [token, i]));
    if (this.#numbers.size !== tokens.length) {
      const twice = tokens.find((token, i) => tokens.indexOf(token) !== i);
      throw new TypeError(`Cannot make a Vocabulary: tokens must come once, ${JSON.stringify(twice)} comes twice`);
    }
    const { unknown } = options;
    if (unknown !== undefined && !this.#numbers.has(unknown)) {
      throw new TypeError(`Cannot make a Vocabulary: unknown must be one of its tokens, is ${JSON.stringify(unknown)}`);
    }
    this.tokens = [...tokens];
    this.unknownIndex = unknown === undefined ? null : this.#numbers.get(unknown)!; // tested above
  }

  /**
   * The tokens of texts, the most frequent first, equally frequent ones in the order of their characters.
   *
   * @param texts Tokens of each text
   * @param options What is taken in
   */
  static from(texts: Iterable<Iterable<string>>, options: VocabularyOptions = {}): Vocabulary {
    checkNames("make a Vocabulary", options, { specials: true, unknown: true, minFrequency: true, maxSize: true });
    const { specials = [], unknown, minFrequency = 1, maxSize = Infinity } = options;
    const counts = new Map<string, number>();
    for (const text of texts) for (const token of text) counts.set(token, (counts.get(token) ?? 0) + 1);
    for (const special of specials) counts.delete(special);
    const found = [...counts].filter(([, count]) => count >= minFrequency)
      .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([token]) => token);
    return new Vocabulary([...specials, ...found].slice(0, Math.max(maxSize, specials.length)), { unknown });
  }

  /** How many tokens there are. */
  get size(): number {
    return this.tokens.length;
  }

  /** Whether a token has a number of its own. */
  has(token: string): boolean {
    return this.#numbers.has(token);
  }

  /**
   * The numbers of tokens.
   *
   * @param tokens The tokens; a string is its characters
   * @throws {RangeError} if a token is not there, and none stands for others
   */
  encode(tokens: Iterable<string>): Int32Array<ArrayBuffer> {
    return Int32Array.from(tokens as Iterable<never>, (token: string, i: number) => {
      const number = this.#numbers.get(token) ?? this.unknownIndex;
      if (number !== null) return number;
      throw new RangeError(
        `Cannot encode tokens in Vocabulary: token ${i} must be one of ${this.size}, is ${JSON.stringify(token)}`,
      );
    });
  }

  /**
   * The tokens of numbers.
   *
   * @throws {RangeError} if a number has no token
   */
  decode(numbers: ArrayLike<number>): string[] {
    return Array.from(numbers, (number, i) => {
      if (Number.isInteger(number) && number >= 0 && number < this.size) return this.tokens[number];
      throw new RangeError(
        `Cannot decode tokens in Vocabulary: numbers must be from 0 to ${this.size - 1}, number ${i} is ${number}`,
      );
    });
  }
}

/** How sequences become of one length. */
export interface PadSequencesOptions {
  /** The length (default: that of the longest). Longer ones are cut. */
  length?: number;
  /** The number that is put in (default 0). */
  value?: number;
  /** At which end it is put in (default `"right"`). */
  side?: "left" | "right";
  /** At which end longer ones are cut (default `"right"`). */
  cut?: "left" | "right";
}

/**
 * Sequences of numbers as one batch: shorter ones padded, longer ones cut.
 *
 * @param sequences At least one
 * @param options The length, what is put in, and where
 * @returns `ids`, i32 [sequences, length]; `mask`, bool of the same shape, true where `ids` are a sequence's own
 * @throws {TypeError} if there is none
 * @throws {RangeError} if the length is no whole number from 0 on
 *
 * @example
 * ```ts
 * import { padSequences } from "@fulgurite/core/transforms";
 *
 * const { ids, mask } = padSequences([[1, 2, 3], [4]], { value: 9 });
 * console.assert(ids.data.join() === "1,2,3,4,9,9" && mask.data.join() === "1,1,1,1,0,0");
 * ```
 */
export function padSequences(
  sequences: readonly ArrayLike<number>[],
  options: PadSequencesOptions = {},
): { ids: HostTensor<"i32">; mask: HostTensor<"bool"> } {
  checkNames("pad sequences in padSequences", options, { length: true, value: true, side: true, cut: true });
  if (sequences.length === 0) {
    throw new TypeError("Cannot pad sequences in padSequences: it needs one at least, got none");
  }
  const longest = sequences.reduce((most, { length }) => Math.max(most, length), 0);
  const { length = longest, value = 0, side = "right", cut = "right" } = options;
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new RangeError(`Cannot pad sequences in padSequences: length must be a whole number from 0 on, is ${length}`);
  }
  const shape = [sequences.length, length];
  const ids = new Int32Array(sequences.length * length).fill(value), mask = new Uint8Array(ids.length);
  for (const [row, sequence] of sequences.entries()) {
    const kept = Math.min(sequence.length, length), from = cut === "left" ? sequence.length - kept : 0;
    const to = row * length + (side === "left" ? length - kept : 0);
    for (let i = 0; i < kept; i++) ids[to + i] = sequence[from + i];
    mask.fill(1, to, to + kept);
  }
  return { ids: hostTensor(ids, { dtype: "i32", shape }), mask: hostTensor(mask, { dtype: "bool", shape }) };
}
