import { rand } from "../kernels/random/random.ts";

/** The name of a way to choose what is pruned. */
export type PruningName = "l1_unstructured" | "random_unstructured" | "ln_structured" | "random_structured";

/** The ways to choose that have names. */
export const PRUNING = [
  "l1_unstructured",
  "random_unstructured",
  "ln_structured",
  "random_structured",
] as const satisfies readonly PruningName[];

/**
 * Chooses what is pruned of one parameter.
 *
 * @param values Its values
 * @param kept For each value whether it was kept until now (1) or not (0)
 * @param shape Its shape
 * @returns For each value whether it stays (1) or not (0)
 */
export type Prune = (values: Float64Array, kept: Uint8Array, shape: readonly number[]) => Uint8Array;

/** One parameter. */
export interface PrunedPart {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float64Array;
  readonly kept: Uint8Array;
}

/** How it is pruned. */
export interface PruneOptions {
  readonly fn: PruningName | Prune;
  /** A share below 1, or a count. */
  readonly amount: number;
  /** Whether all parameters are looked at together. */
  readonly together: boolean;
  readonly dim: number;
  readonly norm: number;
}

/** What stays of each parameter. */
export async function pruneAll(
  parts: readonly PrunedPart[],
  { fn, amount, together, dim, norm }: PruneOptions,
): Promise<Uint8Array[]> {
  if (typeof fn === "function") return parts.map((part) => chosenBy(fn, part));
  if (fn.endsWith("_structured")) {
    const axis = (shape: readonly number[]) => dim < 0 ? dim + shape.length : dim;
    return await Promise.all(parts.map(async (part) => {
      if (part.shape.length < 2) return part.kept; // a vector has no channels
      const at = axis(part.shape);
      const scores = fn === "ln_structured" ? norms(part, norm, at) : await random(part.shape[at]);
      return structured(part, scores, amount, at);
    }));
  }
  const scores: Float64Array[] = [];
  for (const { values } of parts) {
    scores.push(fn === "l1_unstructured" ? values.map(Math.abs) : await random(values.length));
  }
  if (!together) return parts.map(({ kept }, i) => withoutLeast(scores[i], kept, amount));
  const all = withoutLeast(joined(Float64Array, scores), joined(Uint8Array, parts.map(({ kept }) => kept)), amount);
  let at = 0;
  return parts.map(({ kept }) => all.slice(at, at += kept.length));
}

/** What a function of the user's lets stay. */
function chosenBy(fn: Prune, { name, values, kept, shape }: PrunedPart): Uint8Array {
  const stays = fn(values, kept, shape);
  if (stays?.length === values.length) return stays;
  throw new TypeError(
    `Cannot prune ${name}: pruningFn must give 0 or 1 for each of ${values.length} values, it gave ${stays?.length}`,
  );
}

/** Takes the least scores of those that are kept. */
function withoutLeast(scores: Float64Array, kept: Uint8Array, amount: number): Uint8Array {
  const order = [...kept.keys()].filter((i) => kept[i] === 1).sort((a, b) => scores[a] - scores[b] || a - b);
  const stays = kept.slice();
  for (const i of order.slice(0, countOf(amount, order.length))) stays[i] = 0;
  return stays;
}

/** Takes the slices along an axis that have the least scores. */
function structured({ shape, kept }: PrunedPart, scores: Float64Array, amount: number, axis: number): Uint8Array {
  const channel = channelsOf(shape, axis), alive = new Uint8Array(shape[axis]);
  for (const [i, keeps] of kept.entries()) alive[channel(i)] |= keeps;
  const stays = withoutLeast(scores, alive, amount);
  return kept.map((keeps, i) => keeps & stays[channel(i)]);
}

/** The norm of each slice, to its power. */
function norms({ shape, values, kept }: PrunedPart, norm: number, axis: number): Float64Array {
  const channel = channelsOf(shape, axis), scores = new Float64Array(shape[axis]);
  for (const [i, value] of values.entries()) scores[channel(i)] += Math.abs(value * kept[i]) ** norm;
  return scores;
}

/** The place along an axis of each element. */
function channelsOf(shape: readonly number[], axis: number): (i: number) => number {
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1), size = shape[axis];
  return (i) => Math.floor(i / inner) % size;
}

/** How many an amount is. Half of one goes to the even number: PyTorch counts by Python's `round`. */
function countOf(amount: number, of: number): number {
  if (amount >= 1) return Math.min(of, Math.floor(amount));
  const share = amount * of, below = Math.floor(share);
  return share - below === 0.5 ? below + below % 2 : Math.round(share);
}

async function random(length: number): Promise<Float64Array> {
  const drawn = rand([length]);
  const scores = Float64Array.from(await drawn.data() as Float32Array);
  drawn.dispose();
  return scores;
}

function joined<A extends Float64Array | Uint8Array>(
  kind: { new (length: number): A },
  parts: readonly A[],
): A {
  const whole = new kind(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
