import type { Tensor } from "../tensor/tensor.ts";

/** A function along a line: at a step, its value, its slope, and its gradient. */
export interface Probe {
  readonly step: number;
  readonly loss: number;
  /** The derivative along the line. */
  readonly slope: number;
  readonly grad: Tensor;
}

/** The minimum of the cubic through two points with their slopes, kept within bounds. */
export function cubicMinimum(a: Probe, b: Probe, bounds?: readonly [number, number]): number {
  const [low, high] = bounds ?? (a.step <= b.step ? [a.step, b.step] : [b.step, a.step]);
  const mean = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step);
  const square = mean * mean - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const root = Math.sqrt(square);
  const [left, right] = a.step <= b.step ? [a, b] : [b, a];
  const place = right.step -
    (right.step - left.step) * ((right.slope + root - mean) / (right.slope - left.slope + 2 * root));
  return Math.min(Math.max(place, low), high);
}

/** How far losses must fall, and slopes flatten (Nocedal and Wright, 2006, section 3.5). */
const [DECREASE, CURVATURE, MOST] = [1e-4, 0.9, 25];

/**
 * A step that fulfils the strong Wolfe conditions, by brackets and cubic interpolation as PyTorch's LBFGS does it.
 *
 * @param start The line at step 0
 * @param first The first step to try
 * @param extent The largest element of the direction
 * @param tolerance Brackets narrower than this are not divided
 * @param probe Measures the line at a step
 * @returns The best place found, and how often it was measured
 */
export async function strongWolfe(
  start: Probe,
  first: number,
  extent: number,
  tolerance: number,
  probe: (step: number) => Promise<Probe>,
): Promise<{ best: Probe; measured: number }> {
  const falls = ({ step, loss }: Probe) => loss <= start.loss + DECREASE * step * start.slope;
  const flat = ({ slope }: Probe) => Math.abs(slope) <= -CURVATURE * start.slope;
  let before = start, now = await probe(first), measured = 1;
  let bracket: [Probe, Probe] | null = null;
  for (; measured <= MOST; measured++) {
    if (!falls(now) || (measured > 2 && now.loss >= before.loss)) bracket = [before, now];
    else if (flat(now)) return { best: now, measured };
    else if (now.slope >= 0) bracket = [before, now];
    if (bracket !== null) break;
    const next = cubicMinimum(before, now, [now.step + 0.01 * (now.step - before.step), now.step * 10]);
    [before, now] = [now, await probe(next)];
  }
  let [low, high] = bracket ?? [start, now];
  if (low.loss > high.loss) [low, high] = [high, low];
  for (let stuck = false; measured <= MOST; measured++) {
    const least = Math.min(low.step, high.step), most = Math.max(low.step, high.step);
    if ((most - least) * extent < tolerance) break;
    let step = cubicMinimum(low, high);
    // Near an edge of the bracket for the second time, the step is moved inside by a tenth.
    const margin = 0.1 * (most - least), near = Math.min(most - step, step - least) < margin;
    if (near && (stuck || step >= most || step <= least)) {
      step = Math.abs(step - most) < Math.abs(step - least) ? most - margin : least + margin;
      stuck = false;
    } else stuck = near;
    now = await probe(step);
    if (!falls(now) || now.loss >= low.loss) {
      high = now;
      if (low.loss > high.loss) [low, high] = [high, low];
      continue;
    }
    if (flat(now)) return { best: now, measured: measured + 1 };
    if (now.slope * (high.step - low.step) >= 0) high = low;
    low = now;
  }
  return { best: low, measured };
}
