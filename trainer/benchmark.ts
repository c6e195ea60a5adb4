import { tune } from "../kernels/matmul/tune.ts";
import { readTuning, useTuning } from "../kernels/matmul/tuning.ts";
import type { PrecisionName } from "./precision.ts";

/**
 * Has matrix products computed with the tiles that are fastest on this adapter: those that were stored, else they are
 * measured now, and stored.
 *
 * @param precision What the run computes in
 */
export async function useMeasuredTiles(precision: PrecisionName): Promise<void> {
  const stored = await readTuning();
  if (stored !== null) return useTuning(stored);
  const half = precision.startsWith("bf16") ? ["bf16" as const] : precision.startsWith("16") ? ["f16" as const] : [];
  await tune({ dtypes: ["f32", ...half] });
}
