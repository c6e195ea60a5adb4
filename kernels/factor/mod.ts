/** Factors of square matrices, and what follows from them: solutions, inverses, determinants. */
export { cholesky, type CholeskyOptions } from "./cholesky.ts";
export { det, logdet, slogdet } from "./determinant.ts";
export { inverse, solve } from "./solve.ts";
export { solveTriangular, type SolveTriangularOptions } from "./triangular.ts";
