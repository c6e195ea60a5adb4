import * as z from "zod";

/** The parts of a JSON schema that options use. */
interface Rule {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Rule[];
  items?: Rule;
  prefixItems?: Rule[];
  properties?: Record<string, Rule>;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  default?: unknown;
  description?: string;
}

function ruleOf(schema: z.ZodType): Rule {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Rule;
}

/** What a value must be, in words, as its schema says it. */
export function allowedBy(schema: z.ZodType): string {
  return words(ruleOf(schema));
}

/** What an option means, where its schema says it. */
export function meaningOf(schema: z.ZodType): string {
  return ruleOf(schema).description ?? "";
}

function words(rule: Rule): string {
  if (rule.enum) return rule.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (rule.const !== undefined) return JSON.stringify(rule.const);
  if (rule.anyOf) return rule.anyOf.map(words).join(" or ");
  switch (rule.type) {
    case "integer":
      return `a whole number${range(rule)}`;
    case "number":
      return `a number${range(rule)}`;
    case "boolean":
      return "true or false";
    case "string":
      return rule.minLength ? "text that is not empty" : "text";
    case "array":
      return rule.prefixItems === undefined ? `a list, each ${words(rule.items ?? {})}` : tuple(rule.prefixItems);
    case "null":
      return "null";
    case "object":
      return rule.properties === undefined ? "an object" : `an object of ${Object.keys(rule.properties).join(", ")}`;
    default:
      return "a value";
  }
}

/** A list of so many values, by what each of them must be where they differ. */
function tuple(items: Rule[]): string {
  const each = items.map(words);
  return `a list of ${items.length}: ${new Set(each).size === 1 ? `each ${each[0]}` : each.join("; ")}`;
}

function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Rule): string {
  const least = exclusiveMinimum !== undefined
    ? ` above ${exclusiveMinimum}`
    : minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER
    ? ` from ${minimum} on`
    : "";
  const most = exclusiveMaximum !== undefined
    ? `below ${exclusiveMaximum}`
    : maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
    ? `up to ${maximum}`
    : "";
  return most === "" ? least : least === "" ? ` ${most}` : `${least}, ${most}`;
}

/** An option within an object, or within objects in it. */
export interface Field {
  /** Its name from the object on, as `"head.kind"`. */
  readonly path: string;
  /** What its schema says of it. */
  readonly meaning: string;
  /** What it must be. */
  readonly allowed: string;
  /** What it is if it is not given. */
  readonly preset: unknown;
}

/** The options within an object; none where the schema is no object's. */
export function fieldsOf(schema: z.ZodType): Field[] {
  return fieldsIn(ruleOf(schema), "");
}

function fieldsIn({ properties = {} }: Rule, before: string): Field[] {
  return Object.entries(properties).flatMap(([name, rule]) => {
    const path = before + name;
    if (rule.properties !== undefined) return fieldsIn(rule, `${path}.`);
    return [{ path, meaning: rule.description ?? "", allowed: words(rule), preset: rule.default }];
  });
}

/** A value that a schema refuses, however deep it lies. */
export interface Misfit {
  /** Where it lies: names from the option on, none for the option itself. */
  readonly path: readonly string[];
  /** What must stand there, or `null` where nothing may: there is no such option. */
  readonly allowed: string | null;
  /** Names that may stand there. */
  readonly known: readonly string[];
}

/** All that a schema refuses in a value. */
export function misfits(schema: z.ZodType, value: unknown): Misfit[] {
  const { error } = schema.safeParse(value), rule = ruleOf(schema);
  const all = (error?.issues ?? []).flatMap((issue): Misfit[] => {
    const path = issue.path.map(String), at = ruleAt(rule, path);
    const known = Object.keys(at?.properties ?? {});
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({ path: [...path, key], allowed: null, known }));
    }
    // What no rule describes, such as a test of the program's own, says itself what is wrong.
    const allowed = at === null || issue.code === "custom" ? issue.message : words(at);
    return [{ path, allowed, known }];
  });
  return all.filter(({ path }, i) => all.findIndex((other) => other.path.join() === path.join()) === i);
}

function ruleAt(rule: Rule, path: readonly string[]): Rule | null {
  let at: Rule | undefined = rule;
  for (const name of path) {
    const isPlace = /^\d+$/.test(name);
    at = (isPlace ? at?.prefixItems?.[Number(name)] ?? at?.items : undefined) ?? at?.properties?.[name];
  }
  return at ?? null;
}
