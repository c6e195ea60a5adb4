import { assert, assertEquals } from "@std/assert";
import { random } from "../../testing/reference.ts";
import { stridesOf } from "../../tensor/shape.ts";
import { composeReadings, type Reading } from "./compose.ts";

/** Where each place of a shape is read. */
function places(shape: readonly number[], { strides, offset }: Reading): number[] {
  let all = [offset];
  shape.forEach((size, axis) =>
    all = all.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * strides[axis]))
  );
  return all;
}

Deno.test("composed readings read what the two read one after the other", () => {
  const draws = random(21);
  let composed = 0;
  for (let trial = 0; trial < 2000; trial++) {
    // A block of permuted, stepped, mirrored axes, twice.
    const block = (shape: readonly number[]): { shape: number[]; reading: Reading } => {
      const strides = stridesOf(shape);
      let offset = 0;
      const axes = shape.map((size, axis) => {
        const step = 1 + draws.below(2), start = draws.below(size), count = Math.ceil((size - start) / step);
        const mirrored = draws.below(4) === 0;
        offset += (mirrored ? start + (count - 1) * step : start) * strides[axis];
        return { size: count, stride: (mirrored ? -step : step) * strides[axis] };
      });
      for (let i = axes.length - 1; i > 0; i--) {
        const j = draws.below(i + 1);
        [axes[i], axes[j]] = [axes[j], axes[i]];
      }
      if (draws.below(3) === 0) axes.splice(draws.below(axes.length + 1), 0, { size: 3, stride: 0 });
      return { shape: axes.map(({ size }) => size), reading: { strides: axes.map(({ stride }) => stride), offset } };
    };
    const base = Array.from({ length: 1 + draws.below(3) }, () => 1 + draws.below(5));
    const inner = block(base);
    // Now and then the middle is taken in another shape: neighbouring axes as one.
    const flat = draws.below(4) === 0 ? [inner.shape.reduce((a, b) => a * b, 1)] : inner.shape;
    const outer = block(flat);
    const found = composeReadings(outer.shape, outer.reading, inner.shape, inner.reading);
    if (found === null) continue;
    composed++;
    const middle = places(inner.shape, inner.reading);
    assertEquals(places(outer.shape, found), places(outer.shape, outer.reading).map((place) => middle[place]));
  }
  assert(composed > 1500, `${composed} of 2000 can be composed`);
});

Deno.test("readings that walk across axes are not composed", () => {
  const transposed = { strides: [1, 4], offset: 0 };
  assertEquals(composeReadings([12], { strides: [1], offset: 0 }, [4, 3], transposed), null);
  assertEquals(composeReadings([2, 2], { strides: [4, 1], offset: 0 }, [4, 3], transposed), null);
  assertEquals(composeReadings([3], { strides: [3], offset: 1 }, [4, 3], transposed), { strides: [1], offset: 4 });
});
