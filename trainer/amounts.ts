/** A part of the batches: a share of them. */
export interface Fraction {
  /** From 0 to 1. */
  fraction: number;
}

/**
 * How many batches: a whole number from 1 on is a count, 0 means none, a number below 1 or `{ fraction }` is a share of
 * them. TypeScript cannot tell 1 from 1.0, so 1 is one batch; leave the option out, or say `{ fraction: 1 }`, for all.
 */
export type Amount = number | Fraction;

/** An interval that says in what it counts, over all epochs. */
export interface Every {
  /** How many of them lie between two moments, from 1 on; seconds may be less. */
  every: number;
  /** Batches trained, optimizer steps, epochs, or seconds of the clock. */
  unit: "batch" | "step" | "epoch" | "second";
}

/** The share that an amount asks for, or `null` for a count. */
export function shareOf(amount: Amount): number | null {
  if (typeof amount === "object") return amount.fraction;
  return amount > 0 && amount < 1 ? amount : null;
}

/** Whether an amount means nothing at all. */
export function isNone(amount: Amount): boolean {
  return amount === 0 || shareOf(amount) === 0;
}

/**
 * Batches that an amount means for a loader.
 *
 * @param option The option's name, for errors
 * @param amount The amount
 * @param length Batches in the loader, `null` if unknown
 * @throws {RangeError} If a share comes to no batch, or is asked of a loader of unknown length
 */
export function resolveAmount(option: string, amount: Amount, length: number | null): number {
  const share = shareOf(amount);
  if (share === null) return Math.min(amount as number, length ?? Infinity);
  if (share === 0) return 0;
  if (length === null) {
    if (share === 1) return Infinity;
    throw new RangeError(
      `Cannot use ${option}: a share needs a loader of known length, got ${share} of an unknown one`,
    );
  }
  const batches = Math.floor(length * share);
  if (batches === 0 && length > 0) {
    throw new RangeError(
      `Cannot use ${option}: the share must come to a batch, ${share} of ${length} batches is less than one`,
    );
  }
  return batches;
}
