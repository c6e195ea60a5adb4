import { to } from "../kernels/mod.ts";
import { isHalf } from "../tensor/dtype.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { toHostAll } from "../tensor/to_host.ts";
import type { Logged } from "./_logged.ts";

/** A value under the name it is known by. */
export interface NamedValue {
  readonly name: string;
  readonly value: Logged;
  readonly progBar: boolean;
  readonly logger: boolean;
  /** Whether it is only a second name, for callbacks. */
  readonly alias?: boolean;
  /** Which of several loaders it belongs to; without it, to all. */
  readonly loader?: number;
}

/** A value as it was read. */
export interface ReadValue extends Omit<NamedValue, "value"> {
  readonly value: number;
}

/**
 * Reads values to the host with one copy. What is needed of the device is recorded before this returns its promise, so
 * the values may change or be freed while it is awaited.
 *
 * @param values Makes the values; what it computes on the way is freed
 */
export async function readValues(values: () => readonly NamedValue[]): Promise<ReadValue[]> {
  const found: { of: Omit<NamedValue, "value">; at: number | null; number: number }[] = [];
  // A promise by itself would keep scope and mode open until it settles.
  const { reading } = scope(() =>
    noGrad(() => {
      const onDevice: Tensor[] = [];
      for (const { value, ...of } of values()) {
        if (typeof value === "number") found.push({ of, at: null, number: value });
        else found.push({ of, at: onDevice.push(isHalf(value.dtype) ? to(value, "f32") : value) - 1, number: NaN });
      }
      return { reading: toHostAll(onDevice) };
    })
  );
  const read = await reading;
  return found.map(({ of, at, number }) => ({ ...of, value: at === null ? number : Number(read[at].data[0]) }));
}
