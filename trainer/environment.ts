import { env } from "../platform/mod.ts";

/** What stands before the name of an option: `maxEpochs` is `FULGURITE_TRAINER_MAX_EPOCHS`. */
const PREFIX = "FULGURITE_TRAINER_";

/** Options that were found in the environment. */
export interface EnvironmentOptions {
  /** Values by option. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Where each came from, for errors. */
  readonly sources: Readonly<Record<string, string>>;
}

/**
 * Looks for options in the environment: JSON where it is some, else the text itself.
 *
 * @param names The options that exist
 * @param given Options that were given, and are not looked for
 */
export function fromEnvironment(names: readonly string[], given: object): EnvironmentOptions {
  const values: Record<string, unknown> = {}, sources: Record<string, string> = {};
  for (const name of names) {
    if ((given as Readonly<Record<string, unknown>>)[name] !== undefined) continue;
    const variable = PREFIX + name.replace(/[A-Z]/g, "_$&").toUpperCase();
    const text = env(variable);
    if (text === undefined || text === "") continue;
    values[name] = valueOf(text);
    sources[name] = variable;
  }
  return { values, sources };
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // no JSON: a word such as bf16-mixed
  }
}
