/** Whether two objects may be compared field by field: same prototype, `null` counting as `Object.prototype`. */
function samePrototype(a: object, b: object): boolean {
  const plain = (x: object) => Object.getPrototypeOf(x) ?? Object.prototype;
  return plain(a) === plain(b);
}

function ownKeys(x: object): PropertyKey[] {
  const symbols = Object.getOwnPropertySymbols(x).filter((s) => Object.prototype.propertyIsEnumerable.call(x, s));
  return [...Object.keys(x), ...symbols];
}

/**
 * Whether two values are deeply equal. `NaN` equals `NaN`, `0` equals `-0`, and a key holding `undefined` differs from
 * a missing key.
 */
export function equal(c: unknown, d: unknown): boolean {
  const seen = new Map<object, object>(); // pairs under comparison: meeting one again means a cycle that agrees so far
  const compare = (a: unknown, b: unknown): boolean => {
    if (a === b || Object.is(a, b)) return true;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
    if (!samePrototype(a, b)) return false;
    if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
    if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
    if (a instanceof WeakMap || a instanceof WeakSet) throw new TypeError("cannot compare weak collections");
    if (ArrayBuffer.isView(a) && !(a instanceof DataView)) return compareTyped(a, b as typeof a);
    if (a instanceof ArrayBuffer) return compareTyped(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
    if (seen.get(a) === b) return true;
    seen.set(a, b);
    if (a instanceof Set || a instanceof Map) return compareCollections(a, b as typeof a);
    if (a instanceof Error && (a.message !== (b as Error).message || a.name !== (b as Error).name)) return false;
    const keys = ownKeys(a);
    if (keys.length !== ownKeys(b).length) return false;
    if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false;
    return keys.every((k) => Object.hasOwn(b, k) && compare(Reflect.get(a, k), Reflect.get(b, k)));
  };
  const compareTyped = (a: ArrayBufferView, b: ArrayBufferView): boolean => {
    const [x, y] = [a, b] as unknown as ArrayLike<unknown>[];
    if (x.length !== y.length) return false;
    for (let i = 0; i < x.length; i++) if (x[i] !== y[i] && !Object.is(x[i], y[i])) return false;
    return true;
  };
  const compareCollections = (
    a: Set<unknown> | Map<unknown, unknown>,
    b: Set<unknown> | Map<unknown, unknown>,
  ): boolean => {
    if (a.size !== b.size) return false;
    const rest = [...b.entries()];
    for (const [key, value] of a.entries()) {
      const at = rest.findIndex(([k, v]) => compare(key, k) && compare(value, v));
      if (at < 0) return false;
      rest.splice(at, 1);
    }
    return true;
  };
  return compare(c, d);
}
