import { waitsForDevice } from "../../tensor/before_device.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { checkDevice } from "../../tensor/op.ts";
import { broadcastShapes, sameShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Chain, read } from "./chain.ts";
import { registerOf } from "./register.ts";

/**
 * Gives a tensor a new value in place: for parameters, buffers and the state of optimizers. What still wants the old
 * value gets it, and a backward pass that needs it afterwards stops with an error. Nothing is recorded for
 * differentiation.
 *
 * A pending chain behind `source` is computed straight into the target, unless it reads the target itself.
 *
 * @param target The tensor to change
 * @param source A tensor that broadcasts to its shape, or a number; converted to its element type
 * @throws {ShapeError} If the source does not broadcast to the target's shape
 *
 * @example
 * ```ts
 * import { copyInto, init, ones, zeros } from "@fulgurite/core";
 *
 * await init();
 * const average = zeros([2]);
 * copyInto(average, average.mul(0.9).add(ones([2]).mul(0.1)));
 * console.log(await average.array()); // about [0.1, 0.1]
 * ```
 */
export function copyInto(target: Tensor, source: Tensor | number): void {
  const number = typeof source === "number";
  if (target.disposed) throw new Error("Cannot copy in copyInto: the target is disposed");
  if (!number && !sameShape(broadcastShapes("copyInto", [target.shape, source.shape]), target.shape)) {
    throw new ShapeError(
      "copyInto",
      `Cannot copy in copyInto: the source must broadcast to the target, current shapes are ${
        showShape(target.shape)
      } and ${showShape(source.shape)}`,
      [target.shape, source.shape],
    );
  }
  if (!number && source.disposed) throw new Error("Cannot copy in copyInto: the source is disposed");
  checkDevice("copy in", "copyInto", [target, number ? null : source]);
  if (target.numel === 0 || (!number && source.storage === target.storage)) return;
  const { storage, shape } = target;
  // From here on no pending chain reads the target: those that did are recorded.
  storage.willChange();
  const waits = waitsForDevice([target, number ? null : source], ([into, from]) => copyInto(into!, from ?? source));
  if (waits) return;
  const as = registerOf(target.dtype);
  const operand = number ? { value: source, as } : read(source, as);
  const chain = new Chain({ f: "x", operands: [operand], dtype: target.dtype }, shape);
  chain.record(storage);
  chain.release();
}
