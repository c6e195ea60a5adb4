import { type DType, isFloat } from "./dtype.ts";
import { numel, type Shape, stridesOf } from "./shape.ts";

/** Digits after the point. */
const PRECISION = 4;
/** Tensors with more elements are summarised. */
const THRESHOLD = 1000;
/** Elements at each end of an axis that a summary shows. */
const EDGE = 3;
/** Characters of a line. */
const LINE = 80;

/** What stands before the elements. */
const PREFIX = "tensor(";

/**
 * The text of a tensor in the manner of PyTorch: columns of equal width, four digits, scientific where numbers differ
 * by more than a factor of 1000, and `...` in the middle of more than 1000 elements.
 *
 * @param data The elements, row-major
 * @param shape Sizes of the axes
 * @param dtype Element type; f32, i32 and bool are not named, since data like this make them
 * @param node Name of the operation that made it, if it can be differentiated
 * @param requiresGrad Whether gradients are wanted
 */
export function format(
  data: ArrayLike<number>,
  shape: Shape,
  dtype: DType,
  node: string | null,
  requiresGrad: boolean,
): string {
  const suffixes: string[] = [];
  const empty = numel(shape) === 0;
  if (empty && shape.length !== 1) suffixes.push(`size=(${shape.join(", ")})`);
  if (empty ? dtype !== "f32" : dtype !== "f32" && dtype !== "i32" && dtype !== "bool") suffixes.push(`dtype=${dtype}`);
  if (node !== null) suffixes.push(`gradFn=<${node}>`);
  else if (requiresGrad) suffixes.push("requiresGrad=true");
  return withSuffixes(PREFIX + (empty ? "[]" : elements(data, shape, dtype)), suffixes);
}

function withSuffixes(text: string, suffixes: readonly string[]): string {
  let lineLength = text.length - text.lastIndexOf("\n") + 1;
  for (const suffix of suffixes) {
    const wraps = lineLength + suffix.length + 2 > LINE;
    text += wraps ? `,\n${" ".repeat(PREFIX.length)}${suffix}` : `, ${suffix}`;
    lineLength = wraps ? PREFIX.length + suffix.length : lineLength + suffix.length + 2;
  }
  return text + ")";
}

/** Places along an axis that are shown; `null` stands for the rest. */
function shown(size: number, summarise: boolean): (number | null)[] {
  const all = Array.from({ length: size }, (_, i) => i);
  return summarise && size > 2 * EDGE ? [...all.slice(0, EDGE), null, ...all.slice(-EDGE)] : all;
}

function elements(data: ArrayLike<number>, shape: Shape, dtype: DType): string {
  const summarise = numel(shape) > THRESHOLD;
  const places = shape.map((size) => shown(size, summarise));
  const strides = stridesOf(shape);
  const visible: number[] = [];
  const collect = (axis: number, at: number): void => {
    if (axis === shape.length) visible.push(data[at]);
    else for (const i of places[axis]) if (i !== null) collect(axis + 1, at + i * strides[axis]);
  };
  collect(0, 0);
  const { width, text } = formatter(visible, dtype);

  const row = (axis: number, at: number, indent: number): string => {
    const perLine = Math.max(1, Math.floor((LINE - indent) / (width + 2)));
    const cells = places[axis].map((i) => i === null ? " ..." : text(data[at + i]).padStart(width));
    const lines: string[] = [];
    for (let i = 0; i < cells.length; i += perLine) lines.push(cells.slice(i, i + perLine).join(", "));
    return `[${lines.join(`,\n${" ".repeat(indent + 1)}`)}]`;
  };
  const block = (axis: number, at: number, indent: number): string => {
    if (axis === shape.length - 1) return row(axis, at, indent);
    const parts = places[axis].map((i) => i === null ? "..." : block(axis + 1, at + i * strides[axis], indent + 1));
    return `[${parts.join(`,${"\n".repeat(shape.length - axis - 1)}${" ".repeat(indent + 1)}`)}]`;
  };
  return shape.length === 0 ? text(data[0]).padStart(width) : block(0, 0, PREFIX.length);
}

/** How single elements are written, and how wide the columns are. */
interface Formatter {
  readonly width: number;
  readonly text: (value: number) => string;
}

/** Chooses one notation for all elements, as PyTorch's `_Formatter` does. */
function formatter(values: readonly number[], dtype: DType): Formatter {
  if (!isFloat(dtype)) {
    const text = dtype === "bool" ? (value: number) => value !== 0 ? "True" : "False" : String;
    return { width: Math.max(...values.map((value) => text(value).length)), text };
  }
  const ordinary = values.filter((value) => Number.isFinite(value) && value !== 0);
  let largest = 0, smallest = Infinity, whole = true;
  for (const value of ordinary) {
    largest = Math.max(largest, Math.abs(value));
    smallest = Math.min(smallest, Math.abs(value));
    whole &&= Number.isInteger(value);
  }
  const scientific = ordinary.length > 0 &&
    (largest / smallest > 1000 || largest > 1e8 || (!whole && smallest < 1e-4));
  const digits = (value: number) => scientific ? exponential(value) : fixed(value, whole ? 0 : PRECISION);
  const text = (value: number) => {
    if (Number.isNaN(value)) return "nan";
    if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
    return digits(value) + (whole && !scientific ? "." : "");
  };
  return { width: Math.max(1, ...ordinary.map((value) => text(value).length)), text };
}

/** Like Python's `{:.4e}`: two digits of the exponent at least. */
function exponential(value: number): string {
  const [mantissa, exponent] = halfEven(value, (digits) => Math.abs(value).toExponential(digits), PRECISION).split("e");
  const sign = exponent[0], size = exponent.slice(1);
  return `${mantissa}e${sign}${size.padStart(2, "0")}`;
}

/** Like Python's `{:.4f}`. */
function fixed(value: number, digits: number): string {
  return halfEven(value, (n) => Math.abs(value).toFixed(n), digits);
}

/** A number in decimals. JavaScript rounds a tie up, Python and PyTorch to the even digit. */
function halfEven(value: number, write: (digits: number) => string, digits: number): string {
  const minus = value < 0 || Object.is(value, -0) ? "-" : "";
  const rounded = write(digits);
  // In full a number with 24 significant bits has at most 100 digits where it can be a tie at all.
  const [mantissa, exponent] = write(100).split("e");
  const point = mantissa.indexOf(".");
  const rest = mantissa.slice(point + 1 + digits);
  if (!/^50*$/.test(rest)) return minus + rounded;
  const kept = digits === 0 ? mantissa.slice(0, point) : mantissa.slice(0, point + 1 + digits);
  if (Number(kept.at(-1)) % 2 === 1) return minus + rounded;
  return minus + kept + (exponent === undefined ? "" : `e${exponent}`);
}
