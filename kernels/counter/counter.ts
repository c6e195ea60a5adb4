import { showShape } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { counter } from "../_wgsl.ts";

/**
 * Counts in place, on the device: for buffers that say how often something was done.
 *
 * @param count A tensor of one i32
 * @param by How much is added; default 1
 * @throws {TypeError} If it is no single i32
 */
export function increment(count: Tensor, by: number = 1): void {
  if (count.dtype !== "i32" || count.numel !== 1) {
    throw new TypeError(
      `Cannot count in increment: the counter must be one i32, it is ${count.dtype} ${showShape(count.shape)}`,
    );
  }
  count.storage.willChange();
  launch(counter, { count }, { by }, [1, 1, 1]);
}
