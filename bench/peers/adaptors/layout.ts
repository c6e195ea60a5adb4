// Changes of layout on the host, before timing starts and after it ends.

/** Moves axes: the result's axis i is the input's axis `order[i]`. */
function permute(data: ArrayLike<number>, shape: number[], order: number[]): Float32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const outShape = order.map((axis) => shape[axis]), outStrides = order.map((axis) => strides[axis]);
  const out = new Float32Array(data.length);
  const index = new Array(shape.length).fill(0);
  for (let at = 0, from = 0; at < out.length; at++) {
    out[at] = data[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += outStrides[axis];
      if (++index[axis] < outShape[axis]) break;
      from -= outStrides[axis] * outShape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

/** [N, C, H, W] to [N, H, W, C]. */
export const toNHWC = (data: ArrayLike<number>, [n, c, h, w]: number[]): Float32Array =>
  permute(data, [n, c, h, w], [0, 2, 3, 1]);

/** [N, H, W, C] to [N, C, H, W]. */
export const fromNHWC = (data: ArrayLike<number>, [n, h, w, c]: number[]): Float32Array =>
  permute(data, [n, h, w, c], [0, 3, 1, 2]);

/** [out, in, kh, kw] to [kh, kw, in, out]. */
export const toHWIO = (data: ArrayLike<number>, [o, i, h, w]: number[]): Float32Array =>
  permute(data, [o, i, h, w], [2, 3, 1, 0]);

/** [kh, kw, in, out] to [out, in, kh, kw]. */
export const fromHWIO = (data: ArrayLike<number>, [h, w, i, o]: number[]): Float32Array =>
  permute(data, [h, w, i, o], [3, 2, 0, 1]);

/** [out, in] to [in, out]. */
export const transpose = (data: ArrayLike<number>, [rows, cols]: number[]): Float32Array =>
  permute(data, [rows, cols], [1, 0]);
