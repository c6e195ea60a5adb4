/** Values that a configuration may hold, as JSON and as flat lists of names take them. */

/** Metrics with a prefix before their names. */
export function prefixed(prefix: string, metrics: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  if (prefix === "") return metrics;
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [prefix + name, value]));
}

/** A value as JSON has it: what has no form there becomes a text, so that nothing is lost and nothing throws. */
function plain(value: unknown, above: readonly unknown[] = []): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "function") return value.name || "anonymous";
  if (typeof value !== "object") return String(value);
  if (above.includes(value)) return "[circular]";
  const inner = [...above, value];
  if (Array.isArray(value)) return value.map((one) => plain(one, inner));
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as ArrayLike<number>, (one) => plain(one));
  }
  if (value instanceof Map) return plain(Object.fromEntries(value), inner);
  if (value instanceof Set) return plain([...value], inner);
  if (value instanceof Date) return value.toJSON();
  if (!isRecord(value)) return String(value) === "[object Object]" ? value.constructor.name : String(value);
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== undefined).map(([key, one]) => [key, plain(one, inner)]),
  );
}

/** A value as JSON; NaN and the infinities are texts. */
export function json(value: unknown, indent?: number): string {
  return JSON.stringify(plain(value), null, indent);
}

/** A configuration without levels. */
export type Flat = Readonly<Record<string, string | number | boolean>>;

/** Nested objects as one, their names joined by a slash; lists as JSON, `null` as a text. */
export function flattened(params: Readonly<Record<string, unknown>>): Flat {
  const flat: Record<string, string | number | boolean> = {};
  const walk = (value: unknown, name: string): void => {
    if (isRecord(value) && (name === "" || Object.keys(value).length > 0)) {
      for (const [key, one] of Object.entries(value)) walk(one, name === "" ? key : `${name}/${key}`);
    } else if (typeof value === "number" || typeof value === "boolean" || typeof value === "string") flat[name] = value;
    else flat[name] = value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
  };
  walk(plain(params), "");
  return flat;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (value === null || typeof value !== "object") return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
