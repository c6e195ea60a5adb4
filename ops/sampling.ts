import { checkNames } from "../device/option_names.ts";
import { div, minimum, mul, neg } from "../kernels/elementwise/arithmetic.ts";
import { le, lt } from "../kernels/elementwise/compare.ts";
import { log } from "../kernels/elementwise/math.ts";
import { narrow } from "../kernels/layout/slice.ts";
import { uniform } from "../kernels/random/random.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { cumsum } from "../kernels/scan/cumsum.ts";
import { topk } from "../kernels/sort/sort.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import type { Generator } from "../tensor/generator.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { unsqueeze } from "./shape.ts";

/** How {@link multinomial} draws. */
export interface MultinomialOptions {
  /** Whether a class may be drawn more than once; default false. */
  replacement?: boolean;
  /** Where the numbers come from; default: the generator that `manualSeed` seeds. */
  generator?: Generator;
}

/**
 * Draws classes by their weights: to sample the next token of a text, for example. It follows `manualSeed`.
 *
 * @param weights Weights from 0 on that need not add up to 1, [classes] or [rows, classes], floating-point. Without
 *   replacement as many must be above 0 as are drawn
 * @param count How many to draw from each row
 * @param options Whether classes are put back, and source
 * @returns i32, [count] or [rows, count], in the order in which they were drawn
 * @throws {ShapeError} If there are not one or two axes, or no class
 * @throws {TypeError} If the weights are no floating-point numbers
 * @throws {RangeError} If more are to be drawn without replacement than there are
 *
 * @example
 * ```ts
 * import { init, manualSeed, multinomial, tensor } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await multinomial(tensor([0.5, 0, 0.5]), 2).array()); // 0 and 2, in either order
 * ```
 */
export function multinomial(weights: Tensor, count: number, options: MultinomialOptions = {}): Tensor {
  checkNames("draw in multinomial", options, { replacement: true, generator: true });
  const { replacement = false, generator } = options;
  const { shape, ndim } = weights, classes = shape[ndim - 1];
  if ((ndim !== 1 && ndim !== 2) || classes === 0) {
    throw new ShapeError(
      "multinomial",
      `Cannot draw in multinomial: weights must have one or two axes and some classes, the shape is ${
        showShape(shape)
      }`,
      [shape],
    );
  }
  if (!isFloat(weights.dtype)) {
    throw new TypeError(`Cannot draw in multinomial: weights must be floating-point, they are ${weights.dtype}`);
  }
  if (!Number.isInteger(count) || count < 1 || (!replacement && count > classes)) {
    const most = replacement ? "from 1 on" : `from 1 to ${classes}, the number of classes`;
    throw new RangeError(`Cannot draw in multinomial: the count must be ${most}, got ${count}`);
  }
  return noGrad(() => {
    if (!replacement) {
      // The largest of weights over exponential numbers comes first with its share of the weights, and so on.
      const waits = neg(log(uniform(shape, { low: 2 ** -25, high: 1 - 2 ** -24, generator })));
      return topk(div(weights, waits), count)[1];
    }
    const bounds = cumsum(weights, { dim: -1 }), last = narrow(bounds, { dim: -1, start: classes - 1, length: 1 });
    const draws = mul(uniform([...shape.slice(0, -1), count], { generator }), last);
    const found = sum(le(unsqueeze(bounds, -2), unsqueeze(draws, -1)), { dim: -1 });
    // A draw that rounding has brought to the end belongs to the last class with a weight.
    return minimum(found, sum(lt(bounds, last), { dim: -1, keepdim: true }));
  });
}
