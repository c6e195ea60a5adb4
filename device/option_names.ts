/**
 * The names of the options `O`, each once: the compiler sees to it that none is missing. Those that a call cannot do
 * without are `"required"`.
 */
export type OptionNames<O> = { readonly [K in keyof Required<O>]: true | "required" };

/**
 * Throws unless what was given for options is an object, every name in it is that of an option, and none that is
 * required is missing.
 *
 * @param what What the options are for, as the message says it: `"make Adam"`
 * @param options What was given; nothing at all is as good as an empty object
 * @param names The options that exist
 * @throws {TypeError} Naming each unknown option, the nearest that exists, and all that exist; or each that is missing
 */
export function checkNames<O>(what: string, options: O | undefined, names: OptionNames<O>): void {
  const known = Object.keys(names);
  if (options === undefined) return checkRequired(what, {}, names);
  checkObject(what, options, known[0]);
  const problems = Object.keys(options as object).filter((name) => !Object.hasOwn(names, name));
  if (problems.length === 0) return checkRequired(what, options as object, names);
  const list = known.length === 0 ? "it takes no options" : `the options are ${known.join(", ")}`;
  throw new TypeError(`Cannot ${what}: ${problems.map((name) => unknownOption(name, known)).join("; ")}; ${list}`);
}

function checkRequired(what: string, options: object, names: Readonly<Record<string, true | "required">>): void {
  const given = options as Readonly<Record<string, unknown>>;
  const missing = Object.keys(names).filter((name) => names[name] === "required" && given[name] === undefined);
  if (missing.length === 0) return;
  const [noun, verb] = missing.length === 1 ? ["option", "is"] : ["options", "are"];
  throw new TypeError(`Cannot ${what}: the ${noun} ${missing.join(", ")} ${verb} missing`);
}

/**
 * Throws unless what was given for options is an object.
 *
 * @param what What the options are for: `"reduce in sum"`
 * @param options What was given
 * @param example An option that exists, for the message
 * @param takesText Whether a text that was given is shown as the example's value
 * @throws {TypeError} If it is none
 */
export function checkObject(what: string, options: unknown, example: string = "dim", takesText = false): void {
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return;
  const shown = typeof options === "number" || typeof options === "boolean" ||
    (takesText && typeof options === "string");
  const value = shown ? show(options) : "…";
  throw new TypeError(
    `Cannot ${what}: options must be an object such as { ${example}: ${value} }, got ${show(options)}`,
  );
}

/** That there is no such option, and which one was probably meant. */
export function unknownOption(name: string, names: readonly string[]): string {
  const meant = nearest(name, names);
  return `there is no option ${name}${meant === null ? "" : `, ${meant} is the nearest`}`;
}

/** A value as a message shows it. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const { name } = value.constructor ?? {};
    return name === "Object" || name === undefined ? asJson(value) : `an object of ${name}`;
  }
  if (typeof value === "function") return value.name === "" ? "a function" : `the function ${value.name}`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** A plain object as JSON, if it can be that: it may refer to itself. */
function asJson(value: object): string {
  try {
    return JSON.stringify(value);
  } catch {
    return `an object with ${Object.keys(value).join(", ")}`;
  }
}

/** The name that was probably meant: written in snake_case, shortened, spelled out, or with a slip or two. */
export function nearest(name: string, names: readonly string[]): string | null {
  const words = name.replace(/_+([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const lower = words.toLowerCase(), initials = words.replace(/(?<=.)[a-z]+/g, "").toLowerCase();
  let best: string | null = null, least = Math.min(3, Math.floor(name.length / 3) + 1);
  for (const candidate of names) {
    const distance = editDistance(lower, candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best ??
    names.find((candidate) =>
      candidate === initials || (lower.length > 2 && candidate.toLowerCase().startsWith(lower))
    ) ?? null;
}

/** Letters to insert, delete or replace to get from one word to another (Levenshtein's distance). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
