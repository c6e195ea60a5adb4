// The local stand-ins of tools/std against the documented behaviour of @std/assert and @std/cli.
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  AssertionError,
  assertIsError,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  equal,
  fail,
} from "@std/assert";
import { parseArgs } from "@std/cli";

Deno.test("equal compares numbers, collections and typed arrays by value", () => {
  assert(equal(NaN, NaN));
  assert(equal([0], [-0]));
  assert(equal(new Float32Array([1, NaN]), new Float32Array([1, NaN])));
  assert(!equal(new Float32Array([1]), new Float64Array([1])));
  assert(!equal(new Float32Array([1, 2]), new Float32Array([1])));
  assert(!equal({ a: undefined }, {}));
  assert(!equal([1, 2], [1, 2, 3]));
  assert(!equal([undefined], []));
  assert(equal(new Map([[{ k: 1 }, [2]]]), new Map([[{ k: 1 }, [2]]])));
  assert(!equal(new Set([1, 2]), new Set([1, 3])));
  assert(equal({ b: 1, a: 2 }, { a: 2, b: 1 }));
  assert(!equal(new TypeError("x"), new RangeError("x")));
  assert(equal(new Date(5), new Date(5)));
  assert(!equal(new Date(5), new Date(6)));
  assert(!equal(null, {}));
});

Deno.test("equal ends on cyclic values", () => {
  type Ring = { next?: Ring; value: number };
  const ring = (value: number): Ring => {
    const r: Ring = { value };
    r.next = r;
    return r;
  };
  assert(equal(ring(1), ring(1)));
  assert(!equal(ring(1), ring(2)));
});

Deno.test("assertions throw AssertionError that shows both sides", () => {
  const error = assertThrows(() => assertEquals([1, 2], [1, 3]), AssertionError, "Values are not equal");
  assertMatch(error.message, /-\s+\[ 1, 2 \]/);
  assertMatch(error.message, /\+\s+\[ 1, 3 \]/);
  assertThrows(() => assert(false, "why"), AssertionError, "why");
  assertThrows(() => fail("so"), AssertionError, "Failed assertion: so");
  assertThrows(() => assertNotEquals({ a: 1 }, { a: 1 }), AssertionError);
  assertThrows(() => assertStrictEquals([], []), AssertionError, "same structure");
  assertThrows(() => assertStringIncludes("abc", "d"), AssertionError, "to contain");
  assertObjectMatch({ a: 1, b: { c: 2, d: 3 } }, { b: { c: 2 } });
  assertThrows(() => assertObjectMatch({ a: 1 }, { a: 2 }), AssertionError);
});

Deno.test("assertAlmostEquals holds its tolerance", () => {
  assertAlmostEquals(1, 1 + 1e-8);
  assertAlmostEquals(1, 1.09, 0.1);
  assertAlmostEquals(NaN, NaN);
  assertThrows(() => assertAlmostEquals(1, 1 + 1e-6), AssertionError, "is greater than");
  assertThrows(() => assertAlmostEquals(NaN, 1, 10), AssertionError);
  assertThrows(() => assertAlmostEquals(Infinity, 1, 10), AssertionError);
});

Deno.test("assertThrows and assertRejects check class and message and hand back the error", async () => {
  const thrown = assertThrows(
    () => {
      throw new RangeError("too far");
    },
    RangeError,
    "far",
  );
  assertIsError(thrown, RangeError);
  assertThrows(() => assertThrows(() => 1), AssertionError, "Expected function to throw");
  assertThrows(
    () =>
      assertThrows(() => {
        throw new RangeError("a");
      }, TypeError),
    AssertionError,
    "TypeError",
  );
  assertThrows(
    () =>
      assertThrows(
        () => {
          throw new RangeError("a");
        },
        RangeError,
        "b",
      ),
    AssertionError,
    "include",
  );
  await assertRejects(() => Promise.reject(new RangeError("late")), RangeError, "late");
  await assertRejects(() => assertRejects(() => Promise.resolve(1)), AssertionError, "Expected function to reject");
  await assertRejects(
    () =>
      assertRejects(() => {
        throw new Error("at once");
      }),
    AssertionError,
    "throws when expected to reject",
  );
});

Deno.test("parseArgs reads strings, booleans, collected, negated and aliased options", () => {
  const args = parseArgs(
    ["--lr", "0.1", "--json", "--tag=a", "--tag", "b", "-h", "--no-color", "--n=3", "pos", "7"],
    {
      string: ["lr", "tag"],
      boolean: ["json", "help", "quiet"],
      collect: ["tag"],
      negatable: ["color"],
      alias: { help: "h" },
      default: { seed: 1 },
    },
  );
  const lr: string | undefined = args.lr;
  const tags: string[] = args.tag;
  const json: boolean = args.json;
  assertEquals(
    { lr, tags, json, help: args.help, h: args.h, quiet: args.quiet, color: args.color, n: args.n, seed: args.seed },
    { lr: "0.1", tags: ["a", "b"], json: true, help: true, h: true, quiet: false, color: false, n: 3, seed: 1 },
  );
  assertEquals(args._, ["pos", 7]);
});

Deno.test("parseArgs keeps what follows the double dash, and negative numbers are values", () => {
  assertEquals(parseArgs(["--a", "-3", "--", "--b", "2"]), { a: -3, _: ["--b", 2] });
  assertEquals(parseArgs(["x", "--", "--b"], { "--": true }), { _: ["x"], "--": ["--b"] });
  assertEquals(parseArgs(["-abc", "v", "-n5"]), { a: true, b: true, c: "v", n: 5, _: [] });
  assertEquals(parseArgs(["--x=a=b", "--y="], { string: ["x", "y"] }), { x: "a=b", y: "", _: [] });
  assertEquals(parseArgs(["run", "--flag"], { stopEarly: true }), { _: ["run", "--flag"] });
  assertEquals(parseArgs(["--s"], { string: "s" }), { s: "", _: [] });
  assertEquals(parseArgs(["--flag", "false", "--other=false", "w"], { boolean: ["flag", "other"] }), {
    flag: false,
    other: false,
    _: ["w"],
  });
});

Deno.test("parseArgs reports unknown options and leaves prototypes alone", () => {
  const seen: string[] = [];
  const parsed = parseArgs(["--known", "1", "--what", "2", "file"], {
    string: ["known"],
    unknown: (arg) => {
      seen.push(arg);
      return false;
    },
  });
  assertEquals(seen, ["--what", "file"]);
  assertEquals(parsed, { known: "1", _: [] });
  parseArgs(["--__proto__.polluted", "yes"]);
  assertEquals(({} as Record<string, unknown>).polluted, undefined);
});
