import { type DType, isFloat, isHalf } from "../../tensor/dtype.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { sameShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import type { Specialisation } from "../_source.ts";
import { accumulate as kernel } from "../_wgsl.ts";

/**
 * Adds to a tensor in place: how gradients of several passes come together. Nothing is recorded for differentiation.
 *
 * @param target Floating-point; it changes
 * @param x What is added, of the same shape and type, in other memory
 * @throws {ShapeError} If shapes differ
 * @throws {TypeError} If types differ or are not floating-point
 */
export function accumulate(target: Tensor, x: Tensor): void {
  if (!sameShape(target.shape, x.shape)) {
    throw new ShapeError(
      "accumulate",
      `Cannot add in accumulate: shapes must be equal, current shapes are ${showShape(target.shape)} and ${
        showShape(x.shape)
      }`,
      [target.shape, x.shape],
    );
  }
  const { dtype } = target;
  if (dtype !== x.dtype || !isFloat(dtype) || target.storage === x.storage) {
    throw new TypeError(
      `Cannot add in accumulate: both must be floating-point, of one type and in memory of their own, got ${dtype} and ` +
        x.dtype,
    );
  }
  if (target.numel === 0) return;
  void x.storage.buffer;
  target.storage.willChange();
  const quads = Math.ceil(target.numel / 4);
  launch(kernel, { x, y: target }, { quads }, Math.ceil(quads / 64), isHalf(dtype) ? halves(dtype) : undefined);
}

function halves(dtype: DType): Specialisation {
  return {
    aliases: { Quad: "vec2u" },
    functions: {
      load: `fn load(q: Quad) -> vec4f {\n  return vec4f(unpack_${dtype}(q.x), unpack_${dtype}(q.y));\n}`,
      store: `fn store(v: vec4f) -> Quad {\n  return vec2u(pack_${dtype}(v.xy), pack_${dtype}(v.zw));\n}`,
    },
  };
}
