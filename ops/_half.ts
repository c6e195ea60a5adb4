import { to } from "../kernels/elementwise/cast.ts";
import { autocastDType } from "../tensor/autocast.ts";
import { isHalf } from "../tensor/dtype.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What was computed in f32, rounded to the type of a 16-bit input; under autocast it stays f32. */
export function roundedAs(y: Tensor, x: Tensor): Tensor {
  return isHalf(x.dtype) && autocastDType() === null ? to(y, x.dtype) : y;
}
