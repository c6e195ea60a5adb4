import { inspect, stripVTControlCharacters } from "node:util";
import { equal } from "./equal.ts";

export { equal };

/** What every assertion here throws. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

// deno-lint-ignore no-explicit-any -- a constructor's parameters are contravariant: only `any` admits every error class
type ErrorClass<E extends Error = Error> = abstract new (...args: any[]) => E;

const show = (x: unknown) => inspect(x, { depth: 8, maxArrayLength: 200, maxStringLength: 10_000, sorted: true });
const suffix = (msg?: string) => msg ? `: ${msg}` : ".";

/** The lines of two printed values side by side: `-` stands only in the actual, `+` only in the expected one. */
function difference(actual: unknown, expected: unknown): string {
  const [a, b] = [show(actual).split("\n"), show(expected).split("\n")];
  // The table of longest common subsequences is quadratic; long prints are listed one after the other.
  if (a.length * b.length > 1_000_000) return [...a.map((l) => `-   ${l}`), ...b.map((l) => `+   ${l}`)].join("\n");
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) lines.push(`    ${a[i++]}`), j++;
    else if (j >= b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) lines.push(`-   ${a[i++]}`);
    else lines.push(`+   ${b[j++]}`);
  }
  return lines.join("\n");
}

/** Fails when `expr` is not truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Fails when `expr` is not falsy. */
export function assertFalse(expr: unknown, msg = ""): asserts expr is false {
  if (expr) throw new AssertionError(msg);
}

/** Fails always. */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${suffix(msg)}`);
}

/** Fails unless the values are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(
    `Values are not equal${suffix(msg)}\n\n    [Diff] -Actual / +Expected\n\n${difference(actual, expected)}\n`,
  );
}

/** Fails when the values are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    `Expected actual: ${show(actual)} not to be: ${show(expected)}${msg ? `: ${msg}` : ""}`,
  );
}

/** Fails unless `Object.is` holds. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const why = equal(actual, expected)
    ? "have the same structure but are not reference-equal"
    : "are not strictly equal";
  throw new AssertionError(`Values ${why}${suffix(msg)}\n\n${difference(actual, expected)}\n`);
}

/** Fails when `Object.is` holds. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!Object.is(actual, expected)) return;
  throw new AssertionError(`Expected "actual" to not be strictly equal to: ${show(actual)}${suffix(msg)}`);
}

/** Fails when `actual` is `null` or `undefined`. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw new AssertionError(`Expected actual: "${actual}" to not be null or undefined${suffix(msg)}`);
}

/**
 * Fails unless two numbers differ by at most `tolerance`, which is a ten-millionth of `expected` (at least of one
 * ten-millionth of 1e-7 for an expected zero) where it is not given.
 */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void {
  if (Object.is(actual, expected)) return;
  const delta = Math.abs(expected - actual);
  const allowed = tolerance ?? (isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (delta <= allowed) return;
  const f = (n: number) => Number.isInteger(n) ? String(n) : n.toExponential();
  throw new AssertionError(
    `Expected actual: "${f(actual)}" to be close to "${f(expected)}": delta "${f(delta)}" is greater than "${
      f(allowed)
    }"${suffix(msg)}`,
  );
}

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(`Expected actual: "${actual}" to contain: "${expected}"${suffix(msg)}`);
}

/** Fails unless every value of `expected` stands in `actual`. */
export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, msg?: string): void {
  const missing = Array.from(expected).filter((e) => !Array.from(actual).some((a) => equal(a, e)));
  if (missing.length === 0) return;
  throw new AssertionError(
    `Expected actual: "${show(actual)}" to include: "${show(expected)}"${suffix(msg)}\nmissing: ${show(missing)}`,
  );
}

/** Fails unless `actual` matches the expression. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(`Expected actual: "${actual}" to match: "${expected}"${suffix(msg)}`);
}

/** Fails when `actual` matches the expression. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) return;
  throw new AssertionError(`Expected actual: "${actual}" to not match: "${expected}"${suffix(msg)}`);
}

/** Fails unless `actual` is an instance of the class. */
// deno-lint-ignore no-explicit-any -- as with ErrorClass
export function assertInstanceOf<T extends abstract new (...args: any[]) => any>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const got = actual === null
    ? "null"
    : typeof actual === "object"
    ? `"${actual.constructor?.name ?? "Object"}"`
    : typeof actual;
  throw new AssertionError(`Expected object to be an instance of "${expectedType.name}" but was ${got}${suffix(msg)}`);
}

/** Fails unless `actual` is at least `expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (actual >= expected) return;
  throw new AssertionError(msg ?? `Expect ${show(actual)} >= ${show(expected)}`);
}

/** Fails unless `actual` is greater than `expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (actual > expected) return;
  throw new AssertionError(msg ?? `Expect ${show(actual)} > ${show(expected)}`);
}

/** Fails unless `actual` is at most `expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (actual <= expected) return;
  throw new AssertionError(msg ?? `Expect ${show(actual)} <= ${show(expected)}`);
}

/** Fails unless `actual` is less than `expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (actual < expected) return;
  throw new AssertionError(msg ?? `Expect ${show(actual)} < ${show(expected)}`);
}

/** Fails unless every property of `expected` is found, deeply, in `actual`. */
export function assertObjectMatch(
  actual: Record<PropertyKey, unknown>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  const isObject = (x: unknown): x is Record<PropertyKey, unknown> =>
    typeof x === "object" && x !== null && (Object.getPrototypeOf(x) === Object.prototype || Array.isArray(x));
  const pick = (a: unknown, e: unknown): unknown => {
    if (!isObject(a) || !isObject(e) || Array.isArray(a) !== Array.isArray(e)) return a;
    const out: Record<PropertyKey, unknown> = Array.isArray(a) ? [] as never : {};
    for (const key of Reflect.ownKeys(e)) if (key in a) out[key] = pick(a[key], e[key]);
    return out;
  };
  assertEquals(pick(actual, expected), expected, msg);
}

/** Fails unless `error` is of the class and its message holds the text. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  // deno-lint-ignore no-explicit-any -- as with ErrorClass
  ErrorClass?: abstract new (...args: any[]) => E,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) {
    throw new AssertionError(`Expected "error" to be an Error object${suffix(msg)}`);
  }
  if (ErrorClass && !(error instanceof ErrorClass)) {
    throw new AssertionError(
      `Expected error to be instance of "${ErrorClass.name}", but was "${error.constructor?.name}"${suffix(msg)}\n` +
        `message: ${error.message}`,
    );
  }
  if (msgMatches === undefined) return;
  const text = stripVTControlCharacters(error.message);
  const found = typeof msgMatches === "string"
    ? text.includes(stripVTControlCharacters(msgMatches))
    : msgMatches.test(text);
  if (!found) {
    throw new AssertionError(
      `Expected error message to ${typeof msgMatches === "string" ? "include" : "match"} ${show(msgMatches)}, but got ${
        show(error.message)
      }${suffix(msg)}`,
    );
  }
}

type ThrowArgs<E extends Error> = [ErrorClass<E>?, string?, string?] | [string?];

function readThrowArgs<E extends Error>(args: ThrowArgs<E>): [ErrorClass<E> | undefined, string | undefined, string?] {
  if (typeof args[0] === "function") return [args[0], args[1], args[2]];
  return [undefined, undefined, args[0]];
}

function checkThrown<E extends Error>(error: unknown, args: ThrowArgs<E>): unknown {
  const [Class, text, msg] = readThrowArgs(args);
  if (Class) assertIsError(error, Class, text, msg);
  return error;
}

/** Fails unless `fn` throws; with a class, unless it throws such an error whose message holds the text. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  // deno-lint-ignore no-explicit-any -- as with ErrorClass
  ErrorClass: abstract new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error>(fn: () => unknown, ...args: ThrowArgs<E>): unknown {
  let error: unknown;
  try {
    fn();
  } catch (thrown) {
    error = thrown;
    return checkThrown(error, args);
  }
  throw new AssertionError(`Expected function to throw${suffix(readThrowArgs(args)[2])}`);
}

/** Fails unless the promise of `fn` rejects; with a class, unless it rejects with such an error that holds the text. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any -- as with ErrorClass
  ErrorClass: abstract new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  ...args: ThrowArgs<E>
): Promise<unknown> {
  const msg = readThrowArgs(args)[2];
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    throw new AssertionError(
      `Function throws when expected to reject${suffix(msg)}\nthrown: ${show(error)}`,
    );
  }
  try {
    await promise;
  } catch (error) {
    return checkThrown(error, args);
  }
  throw new AssertionError(`Expected function to reject${suffix(msg)}`);
}
