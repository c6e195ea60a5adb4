import { show } from "../device/option_names.ts";
import { type DType, isFloat, isHalf } from "./dtype.ts";
import type { Inputs, Precision } from "./op.ts";
import type { Tensor } from "./tensor.ts";

let active: "f16" | "bf16" | null = null;

/** The 16-bit type that autocast uses now, or `null`. */
export function autocastDType(): "f16" | "bf16" | null {
  return active;
}

/**
 * Runs `fn` in mixed precision: ops that gain from it (matmul, conv, attention) run in 16 bits, ops that need it
 * (softmax, losses, sums, norms) in f32, the others in what their inputs have. The rule is each op's own.
 *
 * @param dtype The 16-bit type, or `null` to switch autocast off inside
 * @param fn What to run; it may be asynchronous
 * @returns Its result
 * @throws {TypeError} If the type is another one; f32 is what `null` gives
 *
 * @example
 * ```ts
 * import { autocast, init, randn } from "@fulgurite/core";
 *
 * await init();
 * const x = randn([4, 8]), w = randn([8, 2]);
 * console.log(autocast("bf16", () => x.matmul(w)).dtype); // "bf16"
 * ```
 */
export function autocast<T>(dtype: "f16" | "bf16" | null, fn: () => T): T {
  if (dtype !== "f16" && dtype !== "bf16" && dtype !== null) {
    throw new TypeError(`Cannot run in autocast: the type must be "f16", "bf16" or null (off), got ${show(dtype)}`);
  }
  const before = active;
  active = dtype;
  let async = false;
  try {
    const result = fn();
    if (result instanceof Promise) {
      async = true;
      return result.finally(() => void (active = before)) as T;
    }
    return result;
  } finally {
    if (!async) active = before;
  }
}

/** The inputs an op computes with, by its own rule. */
export function autocastInputs(
  precision: Precision,
  x: Inputs,
  cast: (t: Tensor, dtype: DType) => Tensor,
): Inputs {
  if (active === null || precision === "follow") return x;
  const half = active;
  return x.map((t) => {
    if (t === null || !isFloat(t.dtype)) return t;
    if (precision === "half") return t.dtype === half ? t : cast(t, half);
    return isHalf(t.dtype) ? cast(t, "f32") : t;
  });
}
