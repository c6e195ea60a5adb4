import type { z } from "zod";

/** For each option its schema (with its default) and, in words, what it must be. */
export type OptionRules = Readonly<Record<string, readonly [schema: z.ZodType, allowed: string]>>;

/** Options after the check, with every default filled in. */
export type Checked<R extends OptionRules> = { [K in keyof R]: z.output<R[K][0]> };

/**
 * Checks options and fills in defaults.
 *
 * @param what What is made of them, with its article: `"a Trainer"`
 * @param rules The options that exist
 * @param options What was given
 * @throws {TypeError} Naming each option that is wrong, what it got and what is allowed, and each that does not exist
 */
export function checkOptions<R extends OptionRules>(what: string, rules: R, options: object): Checked<R> {
  const given = options as Readonly<Record<string, unknown>>;
  const checked: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, [schema, allowed]] of Object.entries(rules)) {
    const result = schema.safeParse(given[name]);
    if (result.success) checked[name] = result.data;
    else problems.push(`${name} must be ${allowed}, got ${show(given[name])}`);
  }
  const names = Object.keys(rules);
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const meant = nearest(name, names);
    problems.push(`there is no option ${name}${meant === null ? "" : `, ${meant} is the nearest`}`);
  }
  if (problems.length > 0) throw new TypeError(`Cannot make ${what}: ${problems.join("; ")}`);
  return checked as Checked<R>;
}

function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const { name } = value.constructor ?? {};
    return name === "Object" || name === undefined ? JSON.stringify(value) : `an object of ${name}`;
  }
  if (typeof value === "function") return "a function";
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** The name that was probably meant: written in snake_case as Lightning does, or with a slip or two. */
function nearest(name: string, names: readonly string[]): string | null {
  const camel = name.replace(/_+([a-z])/g, (_, letter: string) => letter.toUpperCase()).toLowerCase();
  let best: string | null = null, least = Math.min(3, Math.floor(name.length / 3) + 1);
  for (const candidate of names) {
    const distance = editDistance(camel, candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
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
