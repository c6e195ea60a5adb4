import { show } from "../device/option_names.ts";

/** Element types. `bf16` and `f16` are stored two to a word, `bool` as one word an element. */
export type DType = "f32" | "f16" | "bf16" | "i32" | "u32" | "bool";

/** All element types. */
export const dtypes: readonly DType[] = ["f32", "f16", "bf16", "i32", "u32", "bool"];

/** Throws a `TypeError` unless a value is an element type. */
export function checkDType(op: string, dtype: unknown): void {
  if (dtypes.includes(dtype as DType)) return;
  const allowed = dtypes.map((name) => `"${name}"`).join(", ");
  throw new TypeError(`Cannot make a tensor in ${op}: dtype must be one of ${allowed}, got ${show(dtype)}`);
}

/** Whether elements are floating-point numbers. */
export function isFloat(dtype: DType): boolean {
  return dtype === "f32" || dtype === "f16" || dtype === "bf16";
}

/** Whether elements are stored in 16 bits. */
export function isHalf(dtype: DType): boolean {
  return dtype === "f16" || dtype === "bf16";
}

/** Bytes of `numel` elements on the device, without padding. */
export function byteLength(dtype: DType, numel: number): number {
  return isHalf(dtype) ? 2 * numel : 4 * numel;
}

const RANK: Record<DType, number> = { bool: 0, u32: 1, i32: 2, f16: 3, bf16: 3, f32: 4 };

/** The type that holds both: bool < u32 < i32 < f16, bf16 < f32; f16 with bf16 gives f32. */
function wider(a: DType, b: DType): DType {
  if (a === b) return a;
  if (RANK[a] === RANK[b]) return "f32";
  return RANK[a] > RANK[b] ? a : b;
}

/** An operand as far as promotion sees it. */
export interface Operand {
  readonly dtype: DType;
  /** `0`: a tensor without axes; `"number"`: a JavaScript number; otherwise a tensor with axes. */
  readonly rank: number | "number";
}

const category = (dtype: DType) => isFloat(dtype) ? 2 : dtype === "bool" ? 0 : 1;

/**
 * The common type of operands by PyTorch's rule: tensors with axes decide, unless an operand without axes, or a number,
 * is of a higher category (bool < integer < float).
 */
export function promote(operands: readonly Operand[]): DType {
  const groups: (DType | undefined)[] = [undefined, undefined, undefined];
  for (const { dtype, rank } of operands) {
    const group = rank === "number" ? 2 : rank === 0 ? 1 : 0;
    const held = groups[group];
    groups[group] = held === undefined ? dtype : wider(held, dtype);
  }
  let result: DType | undefined;
  for (const candidate of groups) {
    if (candidate === undefined) continue;
    if (result === undefined) result = candidate;
    else if (category(candidate) > category(result)) result = candidate;
  }
  return result ?? "f32";
}

/**
 * The type of a JavaScript number as an operand: whole numbers are integers (u32 those that do not fit i32), others and
 * non-finite ones floats.
 */
export function numberDType(value: number): DType {
  if (!Number.isInteger(value)) return "f32";
  if (value >= -(2 ** 31) && value < 2 ** 31) return "i32";
  return value >= 0 && value < 2 ** 32 ? "u32" : "f32";
}
