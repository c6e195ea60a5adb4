import { checkNames, type OptionNames, show } from "../../device/option_names.ts";
import { to } from "../elementwise/cast.ts";
import { adaptiveAvgPool1d, adaptiveAvgPool2d } from "../pool/pool.ts";
import { resample, type ResampleMode } from "./resample.ts";
import { autocastDType } from "../../tensor/autocast.ts";
import { isFloat, isHalf } from "../../tensor/dtype.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** What is made between elements. */
export type InterpolateMode =
  | "nearest"
  | "nearest-exact"
  | "linear"
  | "bilinear"
  | "trilinear"
  | "bicubic"
  | "area";

/** The wanted size, and how it is reached. */
export interface InterpolateOptions {
  /** Sizes of the axes after batch and channels: one number for all, or one each. */
  size?: number | readonly number[];
  /** Instead of `size`: factors of these axes. */
  scaleFactor?: number | readonly number[];
  /** Default `"nearest"`. */
  mode?: InterpolateMode;
  /** Whether the corners of input and output lie on each other (linear and cubic modes); default false. */
  alignCorners?: boolean;
  /** Whether positions follow from the resulting sizes instead of `scaleFactor`; default false. */
  recomputeScaleFactor?: boolean;
}

const OPTION_NAMES: OptionNames<InterpolateOptions> = {
  size: true,
  scaleFactor: true,
  mode: true,
  alignCorners: true,
  recomputeScaleFactor: true,
};

/** Axes that a mode takes; `null` where it takes any. */
const AXES: Readonly<Record<InterpolateMode, number | null>> = {
  ...{ nearest: null, "nearest-exact": null, linear: 1, bilinear: 2, trilinear: 3, bicubic: 2, area: null },
};

/**
 * Changes the size of all axes after batch and channels, as images are enlarged or reduced.
 *
 * @param x [batch, channels, …one to three axes]
 * @param options The wanted size or factor, and the mode
 * @returns [batch, channels, …the wanted sizes]
 * @throws {ShapeError} If the axes do not fit the mode
 * @throws {TypeError} If not exactly one of `size` and `scaleFactor` is given, or `alignCorners` in a mode without
 *
 * @example
 * ```ts
 * import { init, interpolate, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[[1, 3.5]]]);
 * console.log(await interpolate(x, { scaleFactor: 2 }).array()); // [[[1, 1, 3.5, 3.5]]]
 * ```
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  checkNames("resize in interpolate", options, OPTION_NAMES);
  const { size, scaleFactor, mode = "nearest", alignCorners, recomputeScaleFactor = false } = options;
  const axes = x.ndim - 2;
  if (!Object.hasOwn(AXES, mode)) {
    const modes = Object.keys(AXES).join(", ");
    throw new TypeError(`Cannot resize in interpolate: mode must be one of ${modes}, got ${show(mode)}`);
  }
  if (axes < 1 || axes > 3 || (AXES[mode] ?? axes) !== axes) {
    throw new ShapeError(
      "interpolate",
      `Cannot resize in interpolate: mode ${mode} takes ${AXES[mode] ?? "one to three"} axes ` +
        `after batch and channels, the shape is ${showShape(x.shape)}`,
      [x.shape],
    );
  }
  if (!isFloat(x.dtype)) {
    throw new TypeError(`Cannot resize in interpolate: the tensor must be floating, it is ${x.dtype}`);
  }
  if ((size === undefined) === (scaleFactor === undefined)) {
    throw new TypeError("Cannot resize in interpolate: exactly one of size and scaleFactor must be given");
  }
  if (alignCorners !== undefined && AXES[mode] === null) {
    throw new TypeError(`Cannot resize in interpolate: alignCorners has no meaning in mode ${mode}`);
  }
  const given = (size ?? scaleFactor)!;
  if (typeof given !== "number" && !Array.isArray(given)) {
    const name = size === undefined ? "scaleFactor" : "size";
    throw new TypeError(`Cannot resize in interpolate: ${name} must be a number or a list, got ${show(given)}`);
  }
  const each = typeof given === "number" ? x.shape.slice(2).map(() => given) : given;
  const from = x.shape.slice(2);
  const into = size !== undefined ? each : from.map((n, i) => Math.floor(n * each[i]));
  if (each.length !== axes || into.some((n) => !Number.isInteger(n) || n < 1) || from.includes(0)) {
    throw new ShapeError(
      "interpolate",
      `Cannot resize in interpolate: there must be a size or factor for each axis that leaves at least one place, got ${
        showShape(each)
      } for shape ${showShape(x.shape)}`,
      [x.shape],
    );
  }
  if (mode === "area") return area(x, into);
  const steps = from.map((n, i) =>
    alignCorners
      ? (into[i] > 1 ? (n - 1) / (into[i] - 1) : 0)
      : scaleFactor !== undefined && !recomputeScaleFactor
      ? 1 / each[i]
      : n / into[i]
  );
  // Axis after axis, but one rounding at the end.
  let y = isHalf(x.dtype) ? to(x, "f32") : x;
  from.forEach((n, i) => {
    if (n === into[i] && steps[i] === 1) return;
    y = resample(y, { mode: modeOf(mode, alignCorners), dim: i + 2, size: n, outSize: into[i], scale: steps[i] });
  });
  return autocastDType() === null ? to(y, x.dtype) : y;
}

function modeOf(mode: InterpolateMode, alignCorners = false): ResampleMode {
  if (mode === "nearest" || mode === "nearest-exact") return mode;
  const kind = mode === "bicubic" ? "cubic" : "linear";
  return alignCorners ? `${kind}-aligned` : kind;
}

/** Each place of the result is the mean of the places it covers. */
function area(x: Tensor, into: readonly number[]): Tensor {
  if (into.length === 1) return adaptiveAvgPool1d(x, { outputSize: into[0] });
  if (into.length === 2) return adaptiveAvgPool2d(x, { outputSize: into });
  throw new ShapeError(
    "interpolate",
    `Cannot resize in interpolate: mode area takes one or two axes after batch and channels, the shape is ${
      showShape(x.shape)
    }`,
    [x.shape],
  );
}
