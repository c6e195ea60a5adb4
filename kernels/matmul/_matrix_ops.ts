import type { MatrixShape } from "../../device/mod.ts";

/** A small matrix's place in `left · right + result`. */
export type Side = "left" | "right" | "result";

/** How WGSL of small matrices is written: the one place that knows what the experiment looks like today. */
export interface MatrixOps {
  /** Tells kernels apart. */
  readonly name: string;
  /** What stands at the head of the text. */
  directives(shape: MatrixShape): string[];
  /** What the other pieces refer to. */
  declarations(shape: MatrixShape): string[];
  /** The type of a matrix; a variable of it begins with zeros. */
  type(side: Side, shape: MatrixShape): string;
  /**
   * A matrix from a buffer.
   *
   * @param side Which operand it will be
   * @param shape The shape of the product
   * @param buffer The binding
   * @param offset Where its first element lies
   * @param columns Whether its columns are contiguous, not its rows
   * @param stride Elements from a line to the next
   */
  load(
    side: "left" | "right",
    shape: MatrixShape,
    buffer: string,
    offset: string,
    columns: boolean,
    stride: string,
  ): string;
  /** A statement that adds `left · right` to a variable; like the one below it may ask for `lane` and `size`. */
  multiplyAdd(left: string, right: string, sum: string): string;
  /** A statement that stores a result in rows. */
  store(buffer: string, offset: string, value: string, stride: string): string;
}

/**
 * The operations of WGSL, where the order of rows and columns is the name of a type, or a truth value as it was before.
 */
function builtins(namesOrder: boolean): MatrixOps {
  const type = (side: Side, { component, result, m, n, k }: MatrixShape) =>
    side === "left"
      ? `subgroup_matrix_left<${component}, ${k}, ${m}>`
      : side === "right"
      ? `subgroup_matrix_right<${component}, ${n}, ${k}>`
      : `subgroup_matrix_result<${result}, ${n}, ${m}>`;
  return {
    name: namesOrder ? "named" : "flagged",
    directives: ({ component }) => [
      "enable subgroups;",
      "enable chromium_experimental_subgroup_matrix;",
      ...(component === "f16" ? ["enable f16;"] : []),
      // The compiler cannot see that all invocations of a subgroup have the same number of it.
      "diagnostic(off, chromium.subgroup_matrix_uniformity);",
    ],
    declarations: () => [],
    type,
    load: (side, shape, buffer, offset, columns, stride) =>
      namesOrder
        ? `subgroupMatrixLoad<${type(side, shape)}, ${columns ? "col" : "row"}_major>(&${buffer}, ${offset}, ${stride})`
        : `subgroupMatrixLoad<${type(side, shape)}>(&${buffer}, ${offset}, ${columns}, ${stride})`,
    multiplyAdd: (left, right, sum) => `${sum} = subgroupMatrixMultiplyAccumulate(${left}, ${right}, ${sum});`,
    store: (buffer, offset, value, stride) =>
      namesOrder
        ? `subgroupMatrixStore<row_major>(&${buffer}, ${offset}, ${value}, ${stride});`
        : `subgroupMatrixStore(&${buffer}, ${offset}, ${value}, false, ${stride});`,
  };
}

/** The operations with the order as the name of a type. */
export const NAMED: MatrixOps = builtins(true);

/** The operations with the order as an argument. */
export const FLAGGED: MatrixOps = builtins(false);
