import type { DType } from "./dtype.ts";
import type { Shape } from "./shape.ts";

/** The text of a tensor in the manner of PyTorch. */
export function format(
  data: ArrayLike<number>,
  shape: Shape,
  dtype: DType,
  node: string | null,
  requiresGrad: boolean,
): string {
  const suffix = (dtype === "f32" ? "" : `, dtype=${dtype}`) +
    (node !== null ? `, gradFn=${node}` : requiresGrad ? ", requiresGrad=true" : "");
  let at = 0;
  const nest = (axis: number): string =>
    axis === shape.length
      ? String(data[at++])
      : `[${Array.from({ length: shape[axis] }, () => nest(axis + 1)).join(", ")}]`;
  return `tensor(${nest(0)}${suffix})`;
}
