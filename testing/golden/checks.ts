/** Tensors made from fixtures, and tensors compared with fixtures. */
import { type Tensor, tensor, toHostAll } from "../../mod.ts";
import { describeMismatch, EXACT, type Tolerance, worstMismatch } from "./compare.ts";
import { patternValues, sizeOf, type StoredDType, type StoredTensor, toNumbers } from "./format.ts";

/** What a tensor should be: all its elements, or those at some flat indices. */
export interface Expected extends StoredTensor {
  at?: ArrayLike<number>;
}

/** One tensor to compare; `null` stands for a gradient that does not exist, which is all zeros. */
export interface Check {
  label: string;
  tensor: Tensor | null;
  want: Expected;
  tolerance: Tolerance;
}

/** A stored tensor on the device. */
export function toDevice(stored: StoredTensor, requiresGrad = false): Tensor {
  const { dtype, values } = stored;
  const data = values instanceof Float32Array || values instanceof Int32Array
    ? values
    : dtype === "i32"
    ? Int32Array.from(values)
    : Float32Array.from(values);
  return tensor(data, { dtype, shape: [...stored.shape], requiresGrad });
}

/** The stored tensor that a pattern stands for. */
export function fromPattern(
  pattern: Parameters<typeof patternValues>[0],
  shape: readonly number[],
  dtype: StoredDType,
): StoredTensor {
  return { dtype, shape, values: patternValues(pattern, sizeOf(shape), dtype) };
}

/** A tensor of one value. */
export function filled(shape: readonly number[], dtype: StoredDType, fill = 0): StoredTensor {
  const size = sizeOf(shape);
  return { dtype, shape, values: fill === 0 ? new Float32Array(size) : new Float32Array(size).fill(fill) };
}

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((d, i) => d === b[i]);

/** Says what is wrong with tensors; empty when all pass. */
export async function verify(checks: readonly Check[]): Promise<string[]> {
  return (await verifyAll([checks]))[0];
}

/** Reads the tensors of groups of checks with one copy for all, and says for each group what is wrong with it. */
export async function verifyAll(groups: readonly (readonly Check[])[]): Promise<string[][]> {
  const read = await elementsOf(groups.flat().flatMap(({ tensor }) => tensor ?? []));
  let next = 0;
  return groups.map((checks) =>
    checks.flatMap((check) => mismatch(check, check.tensor === null ? null : read[next++]) ?? [])
  );
}

/** Elements of tensors as numbers, read with one copy for all. */
export async function elementsOf(tensors: readonly Tensor[]): Promise<ArrayLike<number>[]> {
  return (await toHostAll(tensors)).map(toNumbers);
}

/** What is wrong with one tensor whose elements have been read, or undefined. */
function mismatch({ label, tensor, want, tolerance }: Check, data: ArrayLike<number> | null): string | undefined {
  if (tensor !== null && !sameShape(tensor.shape, want.shape)) {
    return `${label} has shape [${tensor.shape.join(", ")}], want [${want.shape.join(", ")}]`;
  }
  if (tensor !== null && tensor.dtype !== want.dtype) return `${label} is ${tensor.dtype}, want ${want.dtype}`;
  const { at } = want;
  const all = data ?? new Float32Array(sizeOf(want.shape));
  const got = at === undefined ? all : Float64Array.from(at, (index) => all[index]);
  // A tolerance is stated for floating-point results; integers and booleans must be equal.
  const exact = want.dtype === "i32" || want.dtype === "bool";
  const worst = worstMismatch(got, want.values, exact ? EXACT : tolerance);
  if (worst === undefined) return undefined;
  return `${label} ${describeMismatch(worst, want.shape, at === undefined ? worst.index : at[worst.index])}`;
}
