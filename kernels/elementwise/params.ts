/** Parameters of fused kernels: numbers, sizes, strides and offsets, which change from call to call. */
import { divisorOf, type Layout } from "./layout.ts";
import type { Plan } from "./plan.ts";

/** Words that a kernel's parameters may take. */
export const PARAMS_WORDS = 64;

/** Takes a field of a fused kernel's parameters. */
export type Field = (name: string, type: "u32" | "i32" | "f32", value: number) => void;

/** Names the parameters of a plan, in order. Their number and types depend on its key alone. */
export function eachField(plan: Plan, layout: Layout, field: Field): void {
  for (let k = 0; k < plan.values.length; k++) {
    const { value, as } = plan.values[k];
    field(`c${k}`, as === "bool" ? "u32" : as, value);
  }
  const { sizes, strides, readings } = layout;
  if (usesCoordinates(layout)) {
    for (let axis = 1; axis < sizes.length; axis++) {
      const [multiplier, shift] = divisorOf(sizes[axis]);
      field(`d${axis}`, "u32", sizes[axis]);
      field(`m${axis}`, "u32", multiplier);
      field(`h${axis}`, "u32", shift);
    }
  }
  for (let k = 0; k < readings.length; k++) {
    if (readings[k] === "linear") continue;
    const { offset } = plan.leaves[k];
    if (offset !== 0) field(`o${k}`, "u32", offset);
    if (readings[k] === "single") continue;
    for (let axis = 0; axis < sizes.length; axis++) {
      const stride = strides[k][axis];
      if (stride !== 0 && stride !== 1) field(`s${k}_${axis}`, "u32", stride);
    }
  }
}

/** Whether an input is found by the coordinates of an element. */
export function usesCoordinates({ readings }: Layout): boolean {
  for (const reading of readings) if (reading !== "linear" && reading !== "single") return true;
  return false;
}

const packed = new Uint32Array(1024), packedFloats = new Float32Array(packed.buffer);

/** The words of a fused kernel's parameters: a view that the next call overwrites. */
export function writeParams(plan: Plan, layout: Layout, quads: number, run: number): Uint32Array {
  let count = 0;
  packed[count++] = quads;
  packed[count++] = run;
  eachField(plan, layout, (_, type, value) => {
    if (type === "f32") packedFloats[count++] = value;
    else packed[count++] = value;
  });
  if (count > PARAMS_WORDS) {
    throw new RangeError(
      `Cannot compute element by element: the axes need at most ${PARAMS_WORDS} parameters, ` +
        `${layout.sizes.length} axes and ${plan.leaves.length} inputs need ${count}`,
    );
  }
  return packed.subarray(0, count);
}
