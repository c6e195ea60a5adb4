import { checkNames } from "../../device/option_names.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { wholeWindow, window } from "../layout/window.ts";
import { spread } from "./spread.ts";
import { wrap, type WrapMode } from "./wrap.ts";

/** What the added places hold. */
export interface PadOptions {
  /** A constant, the tensor mirrored at its ends, its ends repeated, or its other side; default `"constant"`. */
  mode?: "constant" | WrapMode;
  /** The constant; default 0. */
  value?: number;
}

/**
 * Adds places at both ends of axes, or takes them away where the number is negative.
 *
 * @param x Any shape
 * @param pad Places before and after the last axis, then before and after the one in front of it, and so on
 * @param options What the added places hold
 * @returns A tensor in which these axes are longer
 * @throws {ShapeError} If numbers are missing, an axis does not exist or would get shorter than nothing, or there is
 *   less to mirror (`pad` < size) or to repeat around (`pad` ≤ size) than asked for
 *
 * @example
 * ```ts
 * import { init, pad, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await pad(tensor([1, 2, 3]), [1, 2], { value: 9 }).array()); // [9, 1, 2, 3, 9, 9]
 * console.log(await pad(tensor([1, 2, 3]), [2, 1], { mode: "reflect" }).array()); // [3, 2, 1, 2, 3, 2]
 * ```
 */
export function pad(x: Tensor, pad: readonly number[], options: PadOptions = {}): Tensor {
  checkNames("pad in pad", options, { mode: true, value: true });
  const { mode = "constant", value = 0 } = options;
  const fail = (rule: string): never => {
    throw new ShapeError(
      "pad",
      `Cannot pad in pad: ${rule}, current padding is ${showShape(pad)} and the shape ${showShape(x.shape)}`,
      [x.shape],
    );
  };
  if (pad.length % 2 !== 0 || pad.length > 2 * x.ndim || pad.some((n) => !Number.isInteger(n))) {
    fail("there must be two whole numbers for each of the last axes");
  }
  const before = x.shape.map(() => 0), after = x.shape.map(() => 0);
  for (let k = 0; k < pad.length / 2; k++) {
    before[x.ndim - 1 - k] = pad[2 * k];
    after[x.ndim - 1 - k] = pad[2 * k + 1];
  }
  const shape = x.shape.map((n, i) => n + before[i] + after[i]);
  const part = wholeWindow(x);
  x.shape.forEach((size, i) => {
    part.start[i] = Math.max(0, -before[i]);
    part.size[i] = size - part.start[i] - Math.max(0, -after[i]);
  });
  if (part.size.some((n) => n < 0)) fail("no axis can get shorter than nothing");
  const grows = before.map((n, i) => n > 0 || after[i] > 0);
  if (mode === "constant") {
    const cropped = window(x, "pad", part);
    if (!grows.includes(true)) return cropped;
    return spread(cropped, { shape, before: before.map((n) => Math.max(0, n)), step: shape.map(() => 1), value });
  }
  grows.forEach((grown, i) => {
    const most = Math.max(before[i], after[i]), size = part.size[i];
    if (!grown) return;
    if (mode === "reflect" && most >= size) fail("reflection needs less padding than there are places");
    if (mode === "circular" && most > size) fail("wrapping around needs at least as many places as padding");
    if (mode === "replicate" && size === 0) fail("there must be a place to repeat");
  });
  let y = window(x, "pad", part);
  grows.forEach((grown, i) => {
    if (grown) y = wrap(y, mode, i, Math.max(0, before[i]), shape[i]);
  });
  return y;
}
