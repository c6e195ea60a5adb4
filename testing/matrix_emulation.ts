/**
 * Small matrices in plain WGSL, so that kernels that multiply them can be checked on adapters without such hardware.
 */
import type { MatrixOps } from "../kernels/matmul/_matrix_ops.ts";

/**
 * Operands are places in memory, read when they are multiplied; an invocation of a subgroup computes some columns of
 * the result. No loop can be unrolled, which would take minutes to compile.
 */
export const EMULATED: MatrixOps = {
  name: "emulated",
  directives: ({ component }) => ["enable subgroups;", ...(component === "f16" ? ["enable f16;"] : [])],
  declarations: ({ m, n, k }) => [
    "struct Place {",
    "  offset: u32,",
    "  row: u32,",
    "  column: u32,",
    "}",
    `alias Result = array<f32, ${m * n}>;`,
    "fn multiply_add(left: Place, right: Place, sum: ptr<function, Result>, lane: u32, size: u32) {",
    `  for (var at = lane; at < ${m * n}u; at += size) {`,
    `    let i = at / ${n}u;`,
    `    let j = at % ${n}u;`,
    "    var total = (*sum)[at];",
    `    for (var l = 0u; l < ${k}u; l++) {`,
    "      let x = f32(a[left.offset + i * left.row + l * left.column]);",
    "      total += x * f32(b[right.offset + l * right.row + j * right.column]);",
    "    }",
    "    (*sum)[at] = total;",
    "  }",
    "}",
    "fn store_result(offset: u32, matrix: ptr<function, Result>, stride: u32, lane: u32, size: u32) {",
    `  for (var at = lane; at < ${m * n}u; at += size) {`,
    `    y[offset + at / ${n}u * stride + at % ${n}u] = (*matrix)[at];`,
    "  }",
    "}",
  ],
  type: (side) => side === "result" ? "Result" : "Place",
  load: (_side, _shape, _buffer, offset, columns, stride) =>
    `Place(${offset}, ${columns ? `1u, ${stride}` : `${stride}, 1u`})`,
  multiplyAdd: (left, right, sum) => `multiply_add(${left}, ${right}, &${sum}, lane % size, size);`,
  store: (_buffer, offset, value, stride) => `store_result(${offset}, &${value}, ${stride}, lane % size, size);`,
};
