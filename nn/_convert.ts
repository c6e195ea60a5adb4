import { to } from "../kernels/elementwise/cast.ts";
import { type DType, isFloat } from "../tensor/dtype.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { clearGradients } from "./_gradients.ts";
import type { Slot } from "./module.ts";
import { Buffer, Parameter } from "./parameter.ts";

/** Puts parameters and floating-point buffers of another type in their places; one that stands in several stays one. */
export function convert(slots: readonly Slot[], dtype: DType): void {
  const converted = new Map<Parameter | Buffer, Parameter | Buffer>();
  for (const slot of slots) {
    const { value } = slot;
    if (!(value instanceof Parameter || value instanceof Buffer) || !isFloat(value.dtype)) continue;
    if (value.dtype === dtype) continue;
    let next = converted.get(value);
    if (next === undefined) {
      const cast = noGrad(() => to(value, dtype));
      next = value instanceof Parameter
        ? new Parameter(cast, { requiresGrad: value.requiresGrad })
        : new Buffer(cast, { persistent: value.persistent });
      cast.dispose();
      converted.set(value, next);
    }
    slot.replace(next);
  }
  for (const old of converted.keys()) {
    if (old instanceof Parameter) clearGradients([old], true);
    (old as Tensor).dispose();
  }
}
