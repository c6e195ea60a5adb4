import { show } from "../device/option_names.ts";
import { Tensor } from "./tensor.ts";

/**
 * Refuses operands that are no tensors: a list that a batch has in a tensor's place would fail far from where it was made.
 *
 * @param op The op, for the message
 * @param operands What it was given; `null` stands for none
 * @throws {TypeError} If one is something else
 */
export function checkTensors(op: string, ...operands: readonly unknown[]): void {
  for (const [i, x] of operands.entries()) {
    if (x === null || x instanceof Tensor) continue;
    const got = Array.isArray(x) ? `an array of ${x.length} item${x.length === 1 ? "" : "s"}` : show(x);
    throw new TypeError(`Cannot compute ${op}: operand ${i} must be a tensor, got ${got}`);
  }
}
