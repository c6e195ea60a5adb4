import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { close, describeMismatch, EXACT, unravel, worstMismatch } from "./compare.ts";

Deno.test("close: the rules of the fixtures", () => {
  const loose = { rtol: 1e-2, atol: 1e-3 };
  assert(close(NaN, NaN, EXACT), "NaN equals NaN");
  assert(!close(0, NaN, loose));
  assert(!close(NaN, 0, loose));
  assert(close(-0, 0, EXACT), "0 equals −0");
  assert(close(Infinity, Infinity, EXACT));
  assert(!close(-Infinity, Infinity, loose), "infinities differ by sign");
  assert(!close(1e30, Infinity, loose), "an infinite expectation must not make the tolerance infinite");
  assert(!close(Infinity, 1e30, loose));
  assert(close(1.0109, 1, loose) && !close(1.0111, 1, loose), "atol + rtol·|want|");
  assert(!close(1 + 1e-9, 1, EXACT));
});

Deno.test("worstMismatch: the element that misses by the largest factor, and how many miss", () => {
  const tolerance = { rtol: 0.1, atol: 0 };
  const found = worstMismatch([1, 100, 1.5, 7], [1, 80, 1, 7], tolerance);
  assertEquals(found, { index: 2, got: 1.5, want: 1, allowed: 0.1, wrong: 2, total: 4 });
  assertEquals(worstMismatch([1, NaN, Infinity], [1, NaN, Infinity], tolerance), undefined);
  assertEquals(worstMismatch([1000, 1], [1, NaN], tolerance)?.index, 1, "a wrong NaN is worse than any number");
  assertEquals(worstMismatch([], [], EXACT), undefined);
});

Deno.test("describeMismatch: index by axis, got, want, tolerance", () => {
  const found = worstMismatch([0, 0, 0, 0, 0.5, 0], [0, 0, 0, 0, 0.25, 0], { rtol: 0, atol: 1e-6 });
  const text = describeMismatch(found!, [2, 3]);
  for (const part of ["[1, 1]", "got 0.5", "want 0.25", "± 0.000001", "1 of 6"]) assertStringIncludes(text, part);
  assertEquals(unravel(0, []), []);
});
