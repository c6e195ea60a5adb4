import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { isHalf } from "../../tensor/dtype.ts";
import { launch } from "../_run.ts";
import type { Specialisation } from "../_source.ts";
import { packMatrix } from "../_wgsl.ts";
import type { Axes, Gemm } from "./_gemm.ts";
import type { Matrices } from "./_operand.ts";

/** How 16-bit operands are read: their copies are f32. */
const HALVES: Record<"f16" | "bf16", Specialisation> = { f16: reading("f16"), bf16: reading("bf16") };

function reading(dtype: "f16" | "bf16"): Specialisation {
  const value = `fn value(i: u32) -> f32 {\n  return unpack_${dtype}(x[i >> 1u])[i & 1u];\n}`;
  return { aliases: { Word: "u32" }, functions: { value } };
}

/** Operations from which a copy of an operand is worth while. */
const LEAST_FLOPS = 4e6;
/** How often an element must be loaded for that: rows (columns) of the other operand. */
const LEAST_USES = 64;

/**
 * A product with operands whose lines start at multiples of four, with zeros behind their end: an operand that is used
 * often is copied so, and the kernels load four elements at once.
 *
 * @param problem The product
 * @returns The product to compute, and the copies to free afterwards
 */
export function packed(problem: Gemm): { problem: Gemm; copies: Tensor[] } {
  const { m, n, k } = problem;
  const steps = problem.batch.sizes.concat(problem.reduce.sizes).reduce((x, y) => x * y, 1);
  const copies: Tensor[] = [];
  if (2 * m * n * k * steps < LEAST_FLOPS) return { problem, copies };
  let { a, b, batch, reduce } = problem;
  const copy = (side: "a" | "b", x: Matrices, lines: number, length: number, lineStride: number, stride: number) => {
    const done = copied(x, [batch, reduce], side, lines, length, lineStride, stride);
    if (done === null) return null;
    copies.push(done.tensor);
    batch = { ...batch, [side]: done.strides.slice(0, batch.sizes.length) };
    reduce = { ...reduce, [side]: done.strides.slice(batch.sizes.length) };
    return { ...x, tensor: done.tensor, offset: 0, padded: true };
  };
  if (n >= LEAST_USES && !startsAtFours(problem, "a", a.column === 1 ? a.row : a.column, a.column === 1 ? k : m)) {
    const whole = Math.ceil(k / 4) * 4;
    const done = copy("a", a, m, k, a.row, a.column);
    if (done !== null) a = { ...done, row: whole, column: 1 };
  }
  if (m >= LEAST_USES && !startsAtFours(problem, "b", b.row === 1 ? b.column : b.row, b.row === 1 ? k : n)) {
    const along = b.row === 1;
    const whole = Math.ceil((along ? k : n) / 4) * 4;
    const done = along ? copy("b", b, n, k, b.column, 1) : copy("b", b, k, n, b.row, b.column);
    if (done !== null) b = along ? { ...done, row: 1, column: whole } : { ...done, row: whole, column: 1 };
  }
  return { problem: { ...problem, a, b, batch, reduce }, copies };
}

/** Whether all lines of an operand start at multiples of four and are as long. */
function startsAtFours({ batch, reduce, ...operands }: Gemm, side: "a" | "b", line: number, length: number): boolean {
  return [operands[side].offset, line, length, ...batch[side], ...reduce[side]].every((n) => n % 4 === 0);
}

/** Copies an operand; `null` when it has more axes than the kernel knows. */
function copied(
  x: Matrices,
  axes: readonly Axes[],
  side: "a" | "b",
  lines: number,
  length: number,
  lineStride: number,
  stride: number,
): { tensor: Tensor; strides: number[] } | null {
  const sizes = axes.flatMap((axis) => axis.sizes), strides = axes.flatMap((axis) => axis[side]);
  // What is repeated along an axis is copied once.
  const own = sizes.flatMap((_, i) => strides[i] === 0 ? [] : [i]);
  if (own.length > 4) return null;
  const quads = Math.ceil(length / 4);
  const count = own.reduce((product, i) => product * sizes[i], lines * quads);
  const tensor = new Tensor({
    shape: [4 * count],
    storage: new Storage(4 * count, "f32", "matmul"),
    scoped: false,
  });
  const filled = (numbers: number[], filler: number) => [...new Array(4 - own.length).fill(filler), ...numbers];
  launch(
    packMatrix,
    { x: x.tensor, y: tensor },
    {
      batchSizes: filled(own.map((i) => sizes[i]), 1),
      batchStrides: filled(own.map((i) => strides[i]), 0),
      count,
      lines,
      length,
      offset: x.offset,
      lineStride,
      stride,
    },
    Math.ceil(count / 64),
    isHalf(x.tensor.dtype) ? HALVES[x.tensor.dtype as "f16" | "bf16"] : undefined,
  );
  const packedStrides = strides.map(() => 0);
  let next = lines * quads * 4;
  for (const i of own.toReversed()) {
    packedStrides[i] = next;
    next *= sizes[i];
  }
  return { tensor, strides: packedStrides };
}
