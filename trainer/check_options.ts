import type * as z from "zod";
import { checkObject, show, unknownOption } from "../device/option_names.ts";

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
 * @param sources Where options came from that the caller did not give, for errors
 * @throws {TypeError} Naming each option that is wrong, what it got and what is allowed, and each that does not exist
 */
export function checkOptions<R extends OptionRules>(
  what: string,
  rules: R,
  options: object,
  sources: Readonly<Record<string, string>> = {},
): Checked<R> {
  checkObject(`make ${what}`, options, ...exampleFor(rules, options));
  const given = options as Readonly<Record<string, unknown>>;
  const checked: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, [schema, allowed]] of Object.entries(rules)) {
    const result = schema.safeParse(given[name]);
    if (result.success) checked[name] = result.data;
    else {
      const source = sources[name] === undefined ? "" : ` from ${sources[name]}`;
      problems.push(`${name} must be ${allowed}, got ${show(given[name])}${source}`);
    }
  }
  const names = Object.keys(rules);
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) problems.push(unknownOption(name, names));
  }
  if (problems.length > 0) throw new TypeError(`Cannot make ${what}: ${problems.join("; ")}`);
  return checked as Checked<R>;
}

/** The option that a bare value was probably meant for, else the first; and whether it takes the value. */
function exampleFor(rules: OptionRules, value: unknown): [name: string, takes: boolean] {
  const names = Object.keys(rules), isBare = value !== undefined && value !== null && typeof value !== "object";
  const meant = isBare ? names.find((name) => rules[name][0].safeParse(value).success) : undefined;
  return [meant ?? names[0], meant !== undefined];
}
