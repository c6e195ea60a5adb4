/**
 * Makes the columns of a matrix orthonormal by Householder reflections: the Q of its QR decomposition with a positive
 * diagonal of R, so that Q of a matrix of normal numbers is uniform among orthogonal matrices (Mezzadri, "How to
 * generate random matrices from the classical compact groups", 2007).
 *
 * @param a Row-major, `rows` × `columns` with rows ≥ columns; overwritten
 * @returns Q, row-major, `rows` × `columns`
 */
export function orthonormalColumns(a: Float64Array, rows: number, columns: number): Float64Array {
  const factors = new Float64Array(columns);
  const signs = new Float64Array(columns);
  for (let k = 0; k < columns; k++) {
    let square = 0;
    for (let i = k; i < rows; i++) square += a[i * columns + k] ** 2;
    const pivot = a[k * columns + k];
    const length = Math.sqrt(square);
    const head = pivot >= 0 ? pivot + length : pivot - length;
    // R's diagonal is −sign(pivot)·length.
    signs[k] = pivot >= 0 ? -1 : 1;
    factors[k] = length === 0 ? 0 : (pivot >= 0 ? head : -head) / length;
    if (length === 0) continue;
    // The reflection I − f·v·vᵀ with v = (1, …) is kept below the diagonal.
    for (let i = k + 1; i < rows; i++) a[i * columns + k] /= head;
    for (let j = k + 1; j < columns; j++) {
      let dot = a[k * columns + j];
      for (let i = k + 1; i < rows; i++) dot += a[i * columns + k] * a[i * columns + j];
      dot *= factors[k];
      a[k * columns + j] -= dot;
      for (let i = k + 1; i < rows; i++) a[i * columns + j] -= dot * a[i * columns + k];
    }
  }
  const q = new Float64Array(rows * columns);
  for (let k = 0; k < columns; k++) q[k * columns + k] = 1;
  for (let k = columns - 1; k >= 0; k--) {
    for (let j = k; j < columns; j++) {
      let dot = q[k * columns + j];
      for (let i = k + 1; i < rows; i++) dot += a[i * columns + k] * q[i * columns + j];
      dot *= factors[k];
      q[k * columns + j] -= dot;
      for (let i = k + 1; i < rows; i++) q[i * columns + j] -= dot * a[i * columns + k];
    }
  }
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) q[i * columns + j] *= signs[j];
  return q;
}
