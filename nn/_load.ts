import { copyInto } from "../kernels/elementwise/copy_into.ts";
import type { DType } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import type { HostTensor } from "../tensor/host.ts";
import { uploadInto } from "../tensor/in_place.ts";
import { sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Values by name, on the device or on the host, as `stateDict()` or a file gives them. */
export type NamedValues =
  | ReadonlyMap<string, Tensor | HostTensor<DType>>
  | Readonly<Record<string, Tensor | HostTensor<DType>>>;

/** What did not match when values were loaded. */
export interface LoadResult {
  /** Names of the module that got no value. */
  readonly missingKeys: string[];
  /** Names that the module does not have. */
  readonly unexpectedKeys: string[];
}

/** Copies values into tensors of the same names. Nothing is changed if anything does not fit. */
export function loadState(
  module: string,
  targets: ReadonlyMap<string, Tensor>,
  state: NamedValues,
  strict: boolean,
): LoadResult {
  const values: ReadonlyMap<string, Tensor | HostTensor<DType>> = state instanceof Map
    ? state
    : new Map(Object.entries(state));
  const missingKeys = [...targets.keys()].filter((name) => !values.has(name));
  const unexpectedKeys = [...values.keys()].filter((name) => !targets.has(name));
  const pairs = [...targets].flatMap(([name, target]) => {
    const value = values.get(name);
    return value === undefined ? [] : [{ name, target, value }];
  });
  const misshapen = pairs.filter(({ target, value }) => !fits(target, value));
  const problems: string[] = [];
  if (strict && missingKeys.length > 0) problems.push(`missing are ${missingKeys.join(", ")}`);
  if (strict && unexpectedKeys.length > 0) problems.push(`unexpected are ${unexpectedKeys.join(", ")}`);
  for (const { name, target, value } of misshapen) {
    problems.push(`${name} has shape ${showShape(target.shape)}, the value ${showShape(value.shape)}`);
  }
  if (problems.length > 0) {
    const message = `Cannot load the state of ${module}: names and shapes must match, ${problems.join("; ")}`;
    throw misshapen.length > 0
      ? new ShapeError("loadStateDict", message, misshapen.flatMap(({ target, value }) => [target.shape, value.shape]))
      : new Error(message);
  }
  for (const { target, value } of pairs) {
    if (value instanceof Tensor) copyInto(target, value.shape.length > target.ndim ? flat(value, target) : value);
    else uploadInto(target, { ...value, shape: target.shape } as HostTensor);
  }
  return { missingKeys, unexpectedKeys };
}

/** Equal shapes; and one element for a scalar, as PyTorch allows. */
function fits(target: Tensor, value: Tensor | HostTensor): boolean {
  return sameShape(target.shape, value.shape) || (target.ndim === 0 && sameShape(value.shape, [1]));
}

/** The one element of a tensor without axes. */
function flat(value: Tensor, target: Tensor): Tensor {
  return new Tensor({ shape: target.shape, storage: value.storage.retain() });
}
