import { checkNames, type OptionNames, show } from "../device/option_names.ts";

const isText = (value: unknown) => typeof value === "string";
const isRecord = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);

/** What options of loggers may be: a test, and how a message calls it. `"checked"` ones are looked at elsewhere. */
const KINDS = {
  text: [isText, "a text"],
  flag: [(value: unknown) => typeof value === "boolean", "true or false"],
  texts: [(value: unknown) => Array.isArray(value) && value.every(isText), "a list of texts"],
  named: [
    (value: unknown) => isRecord(value) && Object.values(value as object).every(isText),
    "an object whose values are texts",
  ],
  record: [isRecord, "an object"],
  checked: [() => true, ""],
} as const;

/** The kind of each option, each option once. */
export type OptionKinds<O> = { readonly [K in keyof Required<O>]: keyof typeof KINDS };

/**
 * Throws unless all options of a logger exist and are what they should be: a wrong one would show in the middle of
 * training.
 *
 * @param task What is done with them: `"make a WandbLogger"`
 * @param options What was given
 * @param kinds The options that exist
 * @throws {TypeError} Naming the first that is wrong, and what it must be
 */
export function checkKinds<O extends object>(task: string, options: O, kinds: OptionKinds<O>): void {
  const names = Object.fromEntries(Object.keys(kinds).map((name) => [name, true]));
  checkNames(task, options, names as OptionNames<O>);
  for (const [name, value] of Object.entries(options)) {
    const [holds, what] = KINDS[kinds[name as keyof O]];
    if (value !== undefined && !holds(value)) {
      throw new TypeError(`Cannot ${task}: ${name} must be ${what}, got ${show(value)}`);
    }
  }
}
