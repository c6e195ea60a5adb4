import { cat } from "../kernels/cat/cat.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { keep } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * Keys and values of the places that an attention layer has seen, so that a model that writes on computes each place
 * once.
 *
 * @example
 * ```ts
 * import { init, randn, scaledDotProductAttention } from "@fulgurite/core";
 * import { KeyValueCache } from "@fulgurite/core/nn";
 *
 * await init();
 * using cache = new KeyValueCache();
 * cache.append(randn([1, 4, 10, 32]), randn([1, 4, 10, 32])); // ten places at once
 * const { keys, values } = cache.append(randn([1, 4, 1, 32]), randn([1, 4, 1, 32])); // and one more
 * console.log(scaledDotProductAttention(randn([1, 4, 1, 32]), keys, values).shape); // [1, 4, 1, 32]
 * console.log(cache.length); // 11
 * ```
 */
export class KeyValueCache {
  #seen: { keys: Tensor; values: Tensor } | null = null;

  /** Number of places. */
  get length(): number {
    return this.#seen?.keys.shape.at(-2) ?? 0;
  }

  /**
   * Adds places.
   *
   * @param keys Shape [..., places, size]
   * @param values Shape [..., places, valueSize]
   * @returns Keys and values of all places so far; they belong to the cache, and last until the next call
   * @throws {ShapeError} If the other axes are not those of the places before
   */
  append(keys: Tensor, values: Tensor): { readonly keys: Tensor; readonly values: Tensor } {
    const before = this.#seen;
    const joined = (old: Tensor | undefined, more: Tensor) => {
      const all = noGrad(() => cat(old === undefined ? [more] : [old, more], { dim: -2 }).detach());
      // The value, not what it would be computed from: that goes with the step.
      void all.storage.buffer;
      return keep(all);
    };
    this.#seen = { keys: joined(before?.keys, keys), values: joined(before?.values, values) };
    before?.keys.dispose();
    before?.values.dispose();
    return this.#seen;
  }

  /** Forgets all places. */
  clear(): void {
    this.#seen?.keys.dispose();
    this.#seen?.values.dispose();
    this.#seen = null;
  }

  /** Frees everything at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.clear();
  }
}
