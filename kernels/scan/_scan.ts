import type { DType } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { laneGroup, rowsOf, slicesOf } from "../_rows.ts";
import { launch } from "../_run.ts";
import type { Specialisation } from "../_source.ts";
import { scan } from "../_wgsl.ts";
import { temporary } from "../reduce/_reduce.ts";

/** The axis along which results grow. */
export interface ScanOptions {
  /** The axis. */
  dim: number;
}

/** Along which axis, and whether from its end. */
export interface ScanAttrs {
  readonly dim: number;
  readonly reversed: boolean;
}

/** How elements along an axis are combined: associatively, in functions of scan.wgsl. */
export interface Combination {
  /** Type of elements that are read. */
  readonly read: string;
  /** Type of what is carried along, when it is not the type that is stored. */
  readonly carry?: string;
  /** Whether four neighbouring rows can be vectors: arithmetic can, functions of numbers cannot. */
  readonly vectors: boolean;
  /** Those functions that differ from a sum's. */
  readonly functions: Readonly<Record<string, string>>;
}

/** Records the kernels of a scan: one for short rows, three for long ones, always in the same order. */
export function scanInto(
  label: string,
  how: Combination,
  x: Tensor,
  { dim, reversed }: ScanAttrs,
  y: Tensor,
): void {
  const whole = rowsOf(x.shape, dim);
  const wide = how.vectors && whole.inner % 4 === 0;
  const rows = whole.outer * whole.inner / (wide ? 4 : 1), inner = whole.inner / (wide ? 4 : 1);
  const slices = slicesOf(whole, false), slice = Math.ceil(whole.length / slices);
  const item = (word: string) => wide ? `vec4<${word}>` : word;
  const stored = wordOf(y.dtype);
  const aliases = { In: item(how.read), Acc: how.carry ?? item(stored), Out: item(stored) };
  const step = (before: Tensor, into: Tensor, count: number, overrides: Record<string, number>) => {
    const group = laneGroup(count);
    const special: Specialisation = {
      aliases,
      functions: how.functions,
      overrides: { group, reversed: reversed ? 1 : 0, ...overrides },
    };
    launch(
      scan,
      { x, before, y: into },
      { rows, length: whole.length, inner, slices, slice },
      Math.ceil(count / group),
      special,
    );
  };
  if (slices === 1) return step(x, y, rows, {});
  const totals = temporary([slices, whole.outer * whole.inner], y.dtype, label);
  const offsets = temporary([slices, whole.outer * whole.inner], y.dtype, label);
  step(x, totals, rows * slices, { totals: 1 });
  step(totals, offsets, rows, { offsets: 1 });
  step(offsets, y, rows * slices, { continued: 1 });
  totals.dispose();
  offsets.dispose();
}

function wordOf(dtype: DType): string {
  return dtype === "i32" || dtype === "u32" ? dtype : "f32";
}
