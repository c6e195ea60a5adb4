/** The one comparison rule of the golden fixtures. */

/** How far a value may be from the expected one: `|got − want| ≤ atol + rtol·|want|`. */
export interface Tolerance {
  rtol: number;
  atol: number;
}

/** Equality: what integers, booleans and operators that only move values are held to. */
export const EXACT: Tolerance = { rtol: 0, atol: 0 };

/** The element that misses its tolerance by the largest factor, and how many elements miss it. */
export interface Mismatch {
  /** Flat index of the element. */
  index: number;
  got: number;
  want: number;
  /** What was allowed at this element. */
  allowed: number;
  /** Elements outside their tolerance. */
  wrong: number;
  /** Elements compared. */
  total: number;
}

/** Whether one value passes: NaN equals NaN, infinities equal by sign, 0 equals −0, else the tolerance decides. */
export function close(got: number, want: number, { rtol, atol }: Tolerance): boolean {
  if (got === want) return true;
  if (Number.isNaN(want)) return Number.isNaN(got);
  // An infinite `want` would make the tolerance infinite and let everything pass.
  if (!Number.isFinite(want) || !Number.isFinite(got)) return false;
  return Math.abs(got - want) <= atol + rtol * Math.abs(want);
}

/** Compares two lists of the same length; returns the worst element, or undefined when all pass. */
export function worstMismatch(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: Tolerance,
): Mismatch | undefined {
  if (got.length !== want.length) {
    throw new RangeError(`Cannot compare values: lengths must be equal, got ${got.length} and want ${want.length}`);
  }
  let worst: Mismatch | undefined;
  let worstExcess = -1;
  let wrong = 0;
  for (let i = 0; i < want.length; i++) {
    if (close(got[i], want[i], tolerance)) continue;
    wrong++;
    const allowed = Number.isFinite(want[i]) ? tolerance.atol + tolerance.rtol * Math.abs(want[i]) : 0;
    const distance = Math.abs(got[i] - want[i]);
    const excess = Number.isFinite(distance) ? distance / Math.max(allowed, Number.MIN_VALUE) : Infinity;
    if (excess > worstExcess) {
      worstExcess = excess;
      worst = { index: i, got: got[i], want: want[i], allowed, wrong: 0, total: want.length };
    }
  }
  if (worst !== undefined) worst.wrong = wrong;
  return worst;
}

/** Index of element `flat` of a row-major tensor, one number an axis. */
export function unravel(flat: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = flat % shape[axis];
    flat = Math.floor(flat / shape[axis]);
  }
  return index;
}

const short = (x: number) => Number(x.toPrecision(3));

/** One line about a mismatch: `[1, 2] got 0.5, want 0.25 ± 0.000001 (3 of 12 elements)`. */
export function describeMismatch(mismatch: Mismatch, shape: readonly number[], flat = mismatch.index): string {
  const { got, want, allowed, wrong, total } = mismatch;
  const error = Math.abs(got - want);
  const off = Number.isFinite(error) ? `, off by ${short(error)}` : "";
  return `[${unravel(flat, shape).join(", ")}] got ${got}, want ${want} ± ${short(allowed)}${off} ` +
    `(${wrong} of ${total} elements)`;
}
