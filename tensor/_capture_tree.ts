import { Tensor } from "./tensor.ts";

/** The tensors in a value of nested arrays and plain objects, and a text that tells apart all that is not a tensor's value. */
export interface Flat {
  readonly tensors: readonly Tensor[];
  readonly key: string;
}

/** Numbers for things that have no text of their own: functions, instances of classes. */
const identities = new WeakMap<object, number>();
let nextIdentity = 0;

function identityOf(value: object): number {
  let id = identities.get(value);
  if (id === undefined) identities.set(value, id = nextIdentity++);
  return id;
}

function isPlain(value: object): value is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Throws for what holds values that cannot be followed from call to call. */
function refuse(what: string, value: object): never {
  const name = Object.getPrototypeOf(value)?.constructor?.name || typeof value;
  throw new TypeError(
    `Cannot capture a function: ${what} may be tensors, plain values, arrays and plain objects, got ${name}`,
  );
}

/** Takes a value apart. The same tensor in two places is told from two tensors. */
export function flatten(value: unknown): Flat {
  const tensors: Tensor[] = [];
  const visit = (value: unknown): string => {
    if (value instanceof Tensor) {
      let at = tensors.indexOf(value);
      if (at < 0) at = tensors.push(value) - 1;
      return `${at}:${value.dtype}[${value.shape}]`;
    }
    if (typeof value === "function") return `fn${identityOf(value)}`;
    if (typeof value === "string") return JSON.stringify(value);
    if (typeof value !== "object" || value === null) {
      return `${typeof value} ${Object.is(value, -0) ? "-0" : String(value)}`;
    }
    if (Array.isArray(value)) return `[${value.map(visit).join()}]`;
    if (isPlain(value)) {
      return `{${Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}:${visit(item)}`).join()}}`;
    }
    if (value instanceof Map || value instanceof Set || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      refuse("arguments", value);
    }
    // Models, optimizers and the like: their state is their own.
    return `object${identityOf(value)}`;
  };
  return { key: visit(value), tensors };
}

/** A copy of a value with other tensors in the places of those that it has; everything else stays as it is. */
export function rebuild(value: unknown, place: (t: Tensor) => Tensor): unknown {
  if (value instanceof Tensor) return place(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => rebuild(item, place));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, rebuild(item, place)]));
}

/** The tensors of a result. Unlike arguments it may hold nothing that a replay could not make anew. */
export function resultTensors(value: unknown): Tensor[] {
  const tensors: Tensor[] = [];
  const visit = (value: unknown): void => {
    if (value instanceof Tensor) tensors.push(value);
    else if (typeof value === "function") refuse("results", value);
    else if (Array.isArray(value)) value.forEach(visit);
    else if (typeof value === "object" && value !== null) {
      if (!isPlain(value)) refuse("results", value);
      Object.values(value).forEach(visit);
    }
  };
  visit(value);
  return tensors;
}
