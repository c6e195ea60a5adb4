import { show } from "../device/option_names.ts";
import { Tensor } from "../tensor/tensor.ts";

function refuse(what: string, name: unknown, rule: string, given: unknown): never {
  throw new TypeError(`Cannot log ${what}${typeof name === "string" ? name : show(name)}: ${rule}, got ${show(given)}`);
}

/** Throws unless something has names and values. */
export function checkRecord(values: unknown, what: string): void {
  if (typeof values === "object" && values !== null && !Array.isArray(values)) return;
  throw new TypeError(`Cannot log ${what}: they must be an object of values by name, got ${show(values)}`);
}

/** Throws unless something is numbers by name. */
export function checkNumbers(metrics: Readonly<Record<string, number>>): void {
  checkRecord(metrics, "metrics");
  for (const [name, value] of Object.entries(metrics)) {
    if (typeof value !== "number") refuse("", name, "a value of logMetrics must be a number", value);
  }
}

/** What can be logged beside numbers, in words, and how it is told from other things. */
const MEDIA = {
  image: ["it must be a tensor", (value: unknown) => value instanceof Tensor],
  histogram: ["it must be of a tensor", (value: unknown) => value instanceof Tensor],
  text: ["it must be a text", (value: unknown) => typeof value === "string"],
  table: ["it must have columns and rows, both lists", (value: unknown) => {
    const { columns, rows } = (value ?? {}) as { columns?: unknown; rows?: unknown };
    return Array.isArray(columns) && Array.isArray(rows) && rows.every(Array.isArray);
  }],
} as const;

/** Throws unless something beside numbers has a name, and is what it is said to be. */
export function checkMedia(kind: keyof typeof MEDIA, name: unknown, value: unknown): void {
  if (typeof name !== "string" || name === "") {
    refuse(`${kind} `, name, "its name must be a text that is not empty", name);
  }
  const [rule, fits] = MEDIA[kind];
  if (!fits(value)) refuse(`${kind} `, name, rule, value);
}
