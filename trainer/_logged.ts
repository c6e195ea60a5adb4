import { add, div, maximum, minimum, mul, to } from "../kernels/mod.ts";
import { tensor } from "../tensor/create.ts";
import { isHostTensor } from "../tensor/host.ts";
import { keep } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Reduction } from "./log.ts";

/** A logged value: a number is reckoned with on the host, a tensor where it is, without a wait. */
export type Logged = Tensor | number;

/** Frees what is held of a value. */
export function free(value: Logged): void {
  if (value instanceof Tensor) value.dispose();
}

/** A handle of our own on a value, which outlives the step that logged it. */
export function own(value: Logged): Logged {
  return value instanceof Tensor ? keep(value.detach()) : value;
}

/** A restored value on the device. */
export function ours(value: unknown): Logged {
  if (isHostTensor(value)) return keep(tensor(value));
  return value instanceof Tensor ? own(value) : value as number;
}

type Combine = { onDevice(a: Logged, b: Logged): Tensor; onHost(a: number, b: number): number };
const sum: Combine = { onDevice: add, onHost: (a, b) => a + b };
const COMBINE: Readonly<Record<Reduction, Combine>> = {
  mean: sum,
  sum,
  min: { onDevice: minimum, onHost: Math.min },
  max: { onDevice: maximum, onHost: Math.max },
};

/** Whether it is the name of a way to reduce. */
export function isReduction(how: string): how is Reduction {
  return Object.hasOwn(COMBINE, how);
}

/** What came so far, with one value more. */
export function combined(before: Logged, how: Reduction, value: Logged): Logged {
  const { onDevice, onHost } = COMBINE[how];
  if (typeof before === "number" && typeof value === "number") return onHost(before, value);
  return keep(onDevice(before, value));
}

/** A value as sums are kept: 16 bits would stop counting at 256 (bf16), truths would not count at all. */
export function wide(value: Logged): Logged {
  return value instanceof Tensor && value.dtype !== "f32" ? to(value, "f32") : value;
}

/** A value times a weight. */
export function times(a: Logged, b: number): Logged {
  return b === 1 ? a : typeof a === "number" ? a * b : mul(a, b);
}

/** A sum divided by its weight. */
export function over(a: Logged, b: number): Logged {
  return b === 1 ? a : typeof a === "number" ? a / b : div(a, b);
}
