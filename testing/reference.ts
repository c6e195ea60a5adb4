/**
 * Arrays in f64 for references: the slow version that explains the fast one.
 *
 * Everything here is written for reading, on plain loops and index functions.
 */
import { PhiloxStream } from "../tensor/philox.ts";

/** A row-major array of f64. */
export interface NDArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1);
}

/** Distance in elements between neighbours along each axis. */
export function strides(shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length);
  for (let axis = shape.length - 1, step = 1; axis >= 0; axis--) {
    out[axis] = step;
    step *= shape[axis];
  }
  return out;
}

/** An array from its elements. */
export function array(shape: readonly number[], values: ArrayLike<number>): NDArray {
  const data = Float64Array.from(values);
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(
      `Cannot make an array of shape [${shape}]: it has ${sizeOf(shape)} elements, got ${data.length}`,
    );
  }
  return { shape: [...shape], data };
}

/** An array whose elements are a function of their index. The index array is reused between calls. */
export function build(shape: readonly number[], value: (index: readonly number[]) => number): NDArray {
  const data = new Float64Array(sizeOf(shape));
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < data.length; i++) {
    data[i] = value(index);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return { shape: [...shape], data };
}

/** The element at an index. */
export function at(x: NDArray, index: readonly number[]): number {
  let flat = 0;
  for (let axis = 0; axis < x.shape.length; axis++) flat = flat * x.shape[axis] + index[axis];
  return x.data[flat];
}

/** An axis counted from the front. */
export function axisOf(dim: number, rank: number): number {
  return dim < 0 ? dim + rank : dim;
}

/** The shape that several shapes broadcast to. */
function broadcastShape(...shapes: (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((s) => s[axis - rank + s.length] ?? 1);
    const size = sizes.find((s) => s !== 1) ?? 1;
    if (sizes.some((s) => s !== 1 && s !== size)) {
      throw new RangeError(`Cannot broadcast shapes ${shapes.map((s) => `[${s}]`).join(", ")}`);
    }
    return size;
  });
}

/** Applies a function element by element, with broadcasting. */
export function map(f: (...values: number[]) => number, ...inputs: NDArray[]): NDArray {
  const shape = broadcastShape(...inputs.map((x) => x.shape));
  const steps = inputs.map((x) => {
    const own = strides(x.shape);
    const lead = shape.length - x.shape.length;
    return shape.map((_, axis) => axis < lead || x.shape[axis - lead] === 1 ? 0 : own[axis - lead]);
  });
  const data = new Float64Array(sizeOf(shape));
  const index = shape.map(() => 0);
  const places = inputs.map(() => 0);
  const values = inputs.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    for (let k = 0; k < inputs.length; k++) values[k] = inputs[k].data[places[k]];
    data[i] = f(...values);
    // The next index, with each input's place in step: an axis that is full starts again and carries over.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      for (let k = 0; k < inputs.length; k++) places[k] += steps[k][axis];
      if (++index[axis] < shape[axis]) break;
      for (let k = 0; k < inputs.length; k++) places[k] -= steps[k][axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return { shape, data };
}

/**
 * Reduces axes: `f` gets the elements that share the other axes, in row-major order.
 *
 * @param dims Axes to reduce; all by default
 * @param keepdim Whether reduced axes stay with size 1
 */
export function reduce(
  x: NDArray,
  f: (values: number[]) => number,
  dims?: number | readonly number[],
  keepdim = false,
): NDArray {
  const rank = x.shape.length;
  const axes = new Set(dims === undefined ? x.shape.keys() : [dims].flat().map((d) => axisOf(d, rank)));
  const kept = x.shape.map((size, axis) => axes.has(axis) ? 1 : size);
  const groups: number[][] = Array.from({ length: sizeOf(kept) }, () => []);
  const step = strides(kept);
  let i = 0;
  build(x.shape, (index) => {
    let group = 0;
    for (let axis = 0; axis < rank; axis++) if (!axes.has(axis)) group += index[axis] * step[axis];
    groups[group].push(x.data[i++]);
    return 0;
  });
  return array(keepdim ? kept : x.shape.filter((_, axis) => !axes.has(axis)), groups.map(f));
}

/** Applies a function to every row along an axis; a row keeps its length. Its array is reused between calls. */
export function mapRows(x: NDArray, f: (row: Float64Array) => ArrayLike<number>, dim = -1): NDArray {
  const axis = axisOf(dim, x.shape.length);
  const step = strides(x.shape)[axis] ?? 1;
  const length = x.shape[axis] ?? 1;
  const data = new Float64Array(x.data.length);
  const input = new Float64Array(length);
  for (let start = 0; start < data.length; start++) {
    if (Math.floor(start / step) % length !== 0) continue;
    for (let k = 0; k < length; k++) input[k] = x.data[start + k * step];
    const row = f(input);
    for (let k = 0; k < length; k++) data[start + k * step] = row[k];
  }
  return { shape: x.shape, data };
}

/** Sum of a list. */
export function total(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** What a loss gives for its elements: their mean or sum, or all of them. */
export function reduceLoss(losses: NDArray, reduction: string = "mean"): NDArray {
  if (reduction === "none") return losses;
  const all = total(losses.data);
  return { shape: [], data: Float64Array.of(reduction === "sum" ? all : all / losses.data.length) };
}

/** The axes in another order. */
export function permute(x: NDArray, dims: readonly number[]): NDArray {
  const rank = x.shape.length;
  const axes = dims.map((d) => axisOf(d, rank));
  const source = new Array<number>(rank);
  return build(axes.map((axis) => x.shape[axis]), (index) => {
    for (let i = 0; i < rank; i++) source[axes[i]] = index[i];
    return at(x, source);
  });
}

/** The same elements in another shape. */
export function reshape(x: NDArray, shape: readonly number[]): NDArray {
  return array(shape, x.data);
}

/** Matrix product over the last two axes, with broadcast batch axes and PyTorch's rules for vectors. */
export function matmul(a: NDArray, b: NDArray): NDArray {
  const left = a.shape.length === 1 ? reshape(a, [1, a.shape[0]]) : a;
  const right = b.shape.length === 1 ? reshape(b, [b.shape[0], 1]) : b;
  const [n, k] = left.shape.slice(-2);
  const m = right.shape.at(-1) as number;
  const batch = broadcastShape(left.shape.slice(0, -2), right.shape.slice(0, -2));
  /** Where the matrix of a batch index begins. */
  const start = ({ shape }: NDArray, index: readonly number[]) => {
    const axes = shape.length - 2, lead = batch.length - axes;
    let matrix = 0;
    for (let axis = 0; axis < axes; axis++) {
      matrix = matrix * shape[axis] + (shape[axis] === 1 ? 0 : index[axis + lead]);
    }
    return matrix * shape[axes] * shape[axes + 1];
  };
  const full = build([...batch, n, m], (index) => {
    const row = start(left, index) + index[batch.length] * k, column = start(right, index) + index[batch.length + 1];
    let sum = 0;
    for (let i = 0; i < k; i++) sum += left.data[row + i] * right.data[column + i * m];
    return sum;
  });
  return reshape(full, [...batch, ...(a.shape.length === 1 ? [] : [n]), ...(b.shape.length === 1 ? [] : [m])]);
}

/** Σ aᵢ·bᵢ. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** A generator of numbers that is the same on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Normal with mean 0 and deviation 1. */
  normal(): number;
  /** A whole number in [0, below). */
  below(below: number): number;
}

/** A seeded generator; normal numbers by Box and Muller. */
export function random(seed: number): Random {
  const stream = new PhiloxStream(seed);
  const uniform = () => stream.uniform();
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    below: (below) => stream.below(below),
  };
}

/** A seed from a text, so that each test draws its own numbers (FNV-1a). */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/** A block of an array, by default the one at its beginning. */
export function narrowTo(x: NDArray, shape: readonly number[], start: readonly number[] = []): NDArray {
  return build(shape, (index) => at(x, index.map((i, axis) => i + (start[axis] ?? 0))));
}
