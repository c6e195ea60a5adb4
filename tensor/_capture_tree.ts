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
    if (typeof value !== "object" || value === null) return `${typeof value} ${String(value)};`;
    if (Array.isArray(value)) return `[${value.map(visit).join()}]`;
    if (isPlain(value)) return `{${Object.entries(value).map(([name, item]) => `${name}=${visit(item)}`).join()}}`;
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
