/** A number that is not a plain whole number from 0 to 2⁵³ − 1, kept as it was written. */
export interface OddNumber {
  readonly text: string;
}

/** What {@link parseStrictJson} gives: objects are maps, so no key is special and their order is kept. */
export type StrictJson = Map<string, StrictJson> | StrictJson[] | string | number | OddNumber | boolean | null;

/** Why a text is not JSON, or has a key twice. */
export class StrictJsonError extends Error {
  override readonly name: string = "StrictJsonError";
  readonly rule: "json" | "duplicate-key" | "limit";
  /** Index of the character where it went wrong. */
  readonly at: number;

  constructor(rule: "json" | "duplicate-key" | "limit", message: string, at: number) {
    super(message);
    this.rule = rule;
    this.at = at;
  }
}

const MAX_DEPTH = 16;
const MAX_ARRAY = 4096;

const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
const isDigit = (code: number) => code >= 0x30 && code <= 0x39;

/**
 * Parses JSON as RFC 8259 writes it, in one pass, with what `JSON.parse` lets through refused: keys that appear twice,
 * lone surrogates, deep nesting (16) and long arrays (4,096), so that a hostile text costs no more than its length.
 *
 * @throws {StrictJsonError} naming the rule and the place
 */
export function parseStrictJson(text: string): StrictJson {
  let at = 0;

  function fail(message: string, rule: "json" | "duplicate-key" | "limit" = "json", place = at): never {
    throw new StrictJsonError(rule, message, place);
  }

  function found(): string {
    return at < text.length ? JSON.stringify(text[at]) : "the end";
  }

  function skipSpace(): void {
    while (isSpace(text.charCodeAt(at))) at++;
  }

  function string(): string {
    const start = at;
    let plain = true;
    for (at++;; at++) {
      const code = text.charCodeAt(at);
      if (code === 0x22) break;
      if (code === 0x5c) {
        plain = false;
        at++;
      } else if (code < 0x20) fail("a string must not hold control characters");
      if (at >= text.length) fail("a string must be closed", "json", start);
    }
    at++;
    if (plain) return text.slice(start + 1, at - 1);
    let value: string;
    try {
      value = JSON.parse(text.slice(start, at));
    } catch (error) {
      if (error instanceof SyntaxError) fail("a string must hold only the escapes of JSON", "json", start);
      throw error;
    }
    if (!value.isWellFormed()) fail("a string must not hold half a surrogate pair", "json", start);
    return value;
  }

  function digits(): void {
    if (!isDigit(text.charCodeAt(at))) fail(`a digit must follow in a number, found ${found()}`);
    while (isDigit(text.charCodeAt(at))) at++;
  }

  function number(): number | OddNumber {
    const start = at;
    if (text[at] === "-") at++;
    if (text[at] === "0") at++;
    else digits();
    if (isDigit(text.charCodeAt(at))) fail("a number must not begin with a zero", "json", start);
    if (text[at] === ".") {
      at++;
      digits();
    }
    if (text[at] === "e" || text[at] === "E") {
      at++;
      if (text[at] === "+" || text[at] === "-") at++;
      digits();
    }
    const written = text.slice(start, at);
    // At most 16 digits: everything that fits is exact, and a number of a million digits costs nothing.
    const value = /^\d{1,16}$/.test(written) ? Number(written) : NaN;
    return Number.isSafeInteger(value) ? value : { text: written };
  }

  function array(depth: number): StrictJson[] {
    const items: StrictJson[] = [];
    at++;
    skipSpace();
    if (text[at] === "]") {
      at++;
      return items;
    }
    for (;;) {
      if (items.length === MAX_ARRAY) fail(`an array must not have more than ${MAX_ARRAY} items`, "limit");
      items.push(value(depth));
      skipSpace();
      const next = text[at];
      if (next !== "," && next !== "]") fail(`"," or "]" must follow in an array, found ${found()}`);
      at++;
      if (next === "]") return items;
    }
  }

  function object(depth: number): Map<string, StrictJson> {
    const members = new Map<string, StrictJson>();
    at++;
    skipSpace();
    if (text[at] === "}") {
      at++;
      return members;
    }
    for (;;) {
      skipSpace();
      if (text[at] !== '"') fail(`a key must be a string, found ${found()}`);
      const place = at;
      const key = string();
      if (members.has(key)) {
        fail(
          `a key must not appear twice in an object, ${JSON.stringify(key.slice(0, 80))} does`,
          "duplicate-key",
          place,
        );
      }
      skipSpace();
      if (text[at] !== ":") fail(`":" must follow a key, found ${found()}`);
      at++;
      members.set(key, value(depth));
      skipSpace();
      const next = text[at];
      if (next !== "," && next !== "}") fail(`"," or "}" must follow in an object, found ${found()}`);
      at++;
      if (next === "}") return members;
    }
  }

  function word<T>(written: string, meaning: T): T {
    if (!text.startsWith(written, at)) fail(`a value must be JSON, found ${found()}`);
    at += written.length;
    return meaning;
  }

  function value(depth: number): StrictJson {
    skipSpace();
    switch (text[at]) {
      case "{":
      case "[":
        if (depth === MAX_DEPTH) fail(`values must not be nested deeper than ${MAX_DEPTH}`, "limit");
        return text[at] === "{" ? object(depth + 1) : array(depth + 1);
      case '"':
        return string();
      case "t":
        return word("true", true);
      case "f":
        return word("false", false);
      case "n":
        return word("null", null);
      default:
        if (text[at] !== "-" && !isDigit(text.charCodeAt(at))) fail(`a value must be JSON, found ${found()}`);
        return number();
    }
  }

  const result = value(0);
  skipSpace();
  if (at < text.length) fail(`nothing must follow the value, found ${found()}`);
  return result;
}
