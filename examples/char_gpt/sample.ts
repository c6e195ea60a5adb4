import { hostRandom, noGrad, scope, slice, tensor } from "../../mod.ts";
import { KeyValueCache } from "../../nn/mod.ts";
import type { CharGpt } from "./gpt.ts";

/** How characters are chosen. */
export interface SampleOptions {
  /** What logits are divided by: below 1 safer, 0 always the likeliest; default 0.8. */
  temperature?: number;
  /** Whether keys and values are kept between characters; default true. */
  cached?: boolean;
}

/**
 * Has a model write on.
 *
 * Each character costs one pass over one place, since keys and values of those before are kept. When the context is
 * full, the later half of it is read anew.
 *
 * @param model The model
 * @param start What it begins with, at least one character
 * @param count How many characters follow
 * @param options How they are chosen
 * @returns The characters that follow
 */
export async function sample(
  model: CharGpt,
  start: ArrayLike<number>,
  count: number,
  { temperature = 0.8, cached = true }: SampleOptions = {},
): Promise<number[]> {
  const { context, layers } = model.sizes;
  const random = hostRandom();
  const all = Array.from(start);
  const caches = Array.from({ length: layers }, () => new KeyValueCache());
  const training = model.training;
  model.eval();
  try {
    let fresh = all.slice(-context);
    for (let i = 0; i < count; i++) {
      if (!cached) fresh = all.slice(-context);
      else if (caches[0].length + fresh.length > context) {
        for (const cache of caches) cache.clear();
        fresh = all.slice(-Math.ceil(context / 2));
      }
      const logits = await scope(() =>
        noGrad(() => {
          const ids = tensor(Int32Array.from(fresh), { shape: [1, fresh.length] });
          const y = model.forward(ids, cached ? caches : undefined);
          return slice(y, { dim: 1, start: fresh.length - 1 }).data();
        })
      );
      const next = choose(logits as Float32Array, temperature, random.uniform());
      all.push(next);
      fresh = [next];
    }
  } finally {
    for (const cache of caches) cache.clear();
    model.train(training);
  }
  return all.slice(all.length - count);
}

/** The place where shares that sum to 1 reach `u`. */
function choose(logits: Float32Array, temperature: number, u: number): number {
  const top = Math.max(...logits);
  if (temperature === 0) return logits.indexOf(top);
  const shares = Array.from(logits, (x) => Math.exp((x - top) / temperature));
  let rest = u * shares.reduce((a, b) => a + b, 0);
  const at = shares.findIndex((share) => (rest -= share) < 0);
  return at < 0 ? logits.indexOf(top) : at;
}
