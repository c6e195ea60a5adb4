import * as z from "zod";

/** The parts of a JSON schema that options use. */
interface Rule {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Rule[];
  items?: Rule;
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
      return `a list, each ${words(rule.items ?? {})}`;
    case "null":
      return "null";
    case "object":
      return "an object";
    default:
      return "a value";
  }
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
