import { assertEquals } from "@std/assert";
import { ones, scope, type Tensor } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";

class Pair {
  first: Tensor = ones([2]);
  readonly #hidden: Tensor = ones([3]);
  get hidden(): Tensor {
    return this.#hidden;
  }
}

gpuTest("what a scope returns outlives it, wherever it stands in public", () => {
  const free = Object.assign(Object.create(null) as object, { t: ones([1]) });
  const { set, bare, pair, map, loop } = scope(() => {
    const loop: unknown[] = [ones([1])];
    loop.push(loop);
    return {
      set: new Set([ones([1])]),
      bare: Object.assign(Object.create(null) as { t: Tensor }, { t: ones([1]) }),
      pair: new Pair(),
      map: new Map([["t", [ones([1])]]]),
      loop,
    };
  });
  const kept = [[...set][0], bare.t, pair.first, map.get("t")![0], loop[0] as Tensor, free.t];
  assertEquals(kept.map(({ disposed }) => disposed), kept.map(() => false));
  assertEquals(pair.hidden.disposed, true); // nobody but the object knows of it
});
