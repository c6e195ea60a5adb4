import { type DType, dtypes, isFloat, numberDType, type Operand as Promoted, promote } from "../../tensor/dtype.ts";
import { apply, type Op, type Precision, type Saves, type Spec } from "../../tensor/op.ts";
import { broadcastShapes, sameShape, type Shape } from "../../tensor/shape.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { sumTo } from "../reduce/sum_to.ts";
import { to } from "./cast.ts";
import { Chain } from "./chain.ts";
import { type Expression, expressionOf, NAMES } from "./expression.ts";
import type { NumberOperand, Operand } from "./operand.ts";
import { type Register, registerOf } from "./register.ts";

/** A tensor, or a number that stands for a tensor without axes. */
export type TensorLike = Tensor | number;

/** Numbers that an expression reads by name; they are passed anew with every call, never written into the kernel. */
export type Numbers = Readonly<Record<string, number>>;

/**
 * What type comes out: `"same"` as the promoted inputs, `"float"` the same but integers become f32, `"bool"` a truth
 * value of inputs compared in their promoted type.
 */
export type ResultType = "same" | "float" | "bool";

/**
 * WGSL for each type of register. A string is for all numbers; otherwise the most particular key counts: the type
 * itself, `int` (i32 and u32), `number`. A type without text is refused.
 */
export type Expressions =
  | string
  | {
    readonly number?: string;
    readonly int?: string;
    readonly f32?: string;
    readonly i32?: string;
    readonly u32?: string;
    readonly bool?: string;
  }
  | ((register: Register) => string);

/** An entry of the table of pointwise operations. */
export interface Entry {
  /** PyTorch's name in camelCase; it labels kernels and appears in errors. */
  readonly name: string;
  /** WGSL in `x`, `y`, `z` (the operands, in registers of the compute type) and the names in `numbers`. */
  readonly f: Expressions;
  /** Other names for the operands in `f`. */
  readonly operands?: readonly string[];
  /** Default `"same"`. */
  readonly result?: ResultType;
  /** Names of the numbers in `f`, each an f32. */
  readonly numbers?: readonly string[];
  /** Behaviour under autocast; default `"follow"`. */
  readonly precision?: Precision;
  /**
   * What each operand's gradient reads: positions of operands, and `"y"` for the result. Only what a wanted gradient
   * reads is kept for backward.
   */
  readonly reads?: readonly (readonly (number | "y")[])[];
  /**
   * The gradient of each operand as a function in differentiable operations; broadcast axes are summed afterwards.
   * `null` for operations without gradients, and in a place for an operand without one.
   */
  readonly grads: readonly (PointwiseGrad | null)[] | null;
  /** Operands (by position) that keep their own type: conditions and masks, read as bool. */
  readonly conditions?: readonly number[];
}

/** The gradient of one operand. */
export type PointwiseGrad = (dy: Tensor, context: PointwiseContext, numbers: Numbers) => Tensor;

/** The gradient of a term: it is passed on as it comes. A declaration, since this module imports what reads it. */
export function passes(dy: Tensor): Tensor {
  return dy;
}

/** What the gradient of an operand may look at: operands by position (tensors or the numbers given), and the result. */
export interface PointwiseContext {
  x(position: number): TensorLike;
  readonly y: Tensor;
}

interface Attrs {
  /** Operands in order: a number in its place, `null` where the next input tensor goes. */
  readonly operands: readonly (number | null)[];
  readonly numbers: Numbers;
}

/** A pointwise operation: operands (tensors or numbers) and named numbers. */
export type Pointwise = (operands: readonly TensorLike[], numbers?: Numbers) => Tensor;

/** What an operation is for operands of certain types. */
interface Variant {
  readonly dtype: DType;
  /** Register of the operands that are no conditions. */
  readonly register: Register;
  readonly expression: Expression;
}

/** Makes the operation of a table entry. */
export function pointwise(entry: Entry): Pointwise {
  const { name, conditions = [], grads } = entry;
  const numberNames = entry.numbers ?? [];
  const variants = new Map<number, Variant>();

  const variantOf = (tensors: readonly Tensor[], operands: readonly (number | null)[]): Variant => {
    // Types, and whether there are axes, as the digits of a number.
    let signature = 1, next = 0;
    for (const value of operands) {
      if (value !== null) signature = signature * 16 + dtypes.indexOf(numberDType(value));
      else {
        const t = tensors[next++];
        signature = signature * 16 + dtypes.indexOf(t.dtype) + (t.shape.length === 0 ? 6 : 0);
      }
      signature = signature * 2 + (value === null ? 1 : 0);
    }
    let variant = variants.get(signature);
    if (variant === undefined) variants.set(signature, variant = makeVariant(entry, tensors, operands));
    return variant;
  };

  const op: Op<Attrs> = {
    name,
    precision: entry.precision,
    half: "native",
    saves: (attrs, needs) => savesOf(entry, attrs, needs),
    infer: (x, attrs) => {
      const tensors = x as readonly Tensor[];
      return { shape: shapeOf(name, tensors), dtype: variantOf(tensors, attrs.operands).dtype };
    },
    lazy: (x, attrs, { shape, dtype }) => {
      const tensors = x as readonly Tensor[];
      const { register, expression } = variantOf(tensors, attrs.operands);
      const { operands, numbers } = attrs;
      const work = new Array<Operand>(operands.length + numberNames.length);
      let next = 0;
      for (let k = 0; k < operands.length; k++) {
        const value = operands[k];
        const as = conditions.includes(k) ? "bool" : register;
        if (value === null) {
          const t = tensors[next++];
          work[k] = { storage: t.storage, shape: t.shape, view: null, as };
        } else {
          if (as === "i32" || as === "u32") checkInteger(name, value, as);
          work[k] = { value, as };
        }
      }
      for (let k = 0; k < numberNames.length; k++) {
        work[operands.length + k] = { value: numbers[numberNames[k]], as: "f32" };
      }
      return new Chain({ f: expression, operands: work, dtype }, shape);
    },
    grad: grads && ((dy, context, attrs) => {
      const positions = inputPositions(attrs.operands);
      const view: PointwiseContext = {
        x: (position) => attrs.operands[position] ?? context.x(positions.indexOf(position)),
        get y(): Tensor {
          return context.y;
        },
      };
      return positions.map((position, index) => {
        const grad = grads[position];
        const input = context.inputs[index]!;
        return grad && context.needs[index] ? to(sumTo(grad(dy, view, attrs.numbers), input.shape), input.dtype) : null;
      });
    }),
  };

  return (operands, numbers = {}) => {
    const tensors: Tensor[] = [];
    const places = new Array<number | null>(operands.length);
    for (let k = 0; k < operands.length; k++) {
      const operand: unknown = operands[k];
      if (operand instanceof Tensor) {
        tensors.push(operand);
        places[k] = null;
      } else if (typeof operand === "number") places[k] = operand;
      else {
        throw new TypeError(`Cannot compute ${name}: operands must be tensors or numbers, got ${kindOf(operand)}`);
      }
    }
    return apply(op, tensors, { operands: places, numbers });
  };
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  return value === null ? "null" : typeof value;
}

/** Positions of the operands that are tensors. */
function inputPositions(operands: readonly (number | null)[]): number[] {
  return operands.flatMap((value, position) => value === null ? [position] : []);
}

function shapeOf(name: string, tensors: readonly Tensor[]): Shape {
  if (tensors.length === 0) return [];
  const { shape } = tensors[0];
  for (let k = 1; k < tensors.length; k++) {
    if (!sameShape(tensors[k].shape, shape)) return broadcastShapes(name, tensors.map((t) => t.shape));
  }
  return shape;
}

function savesOf(entry: Entry, attrs: Attrs, needs: readonly boolean[]): Saves {
  const positions = inputPositions(attrs.operands);
  const read = new Set(positions.flatMap((position, index) => needs[index] ? entry.reads?.[position] ?? [] : []));
  return {
    inputs: positions.flatMap((position, index) => read.has(position) ? [index] : []),
    outputs: read.has("y") ? [0] : [],
  };
}

function makeVariant(entry: Entry, tensors: readonly Tensor[], operands: readonly (number | null)[]): Variant {
  const { name, f, result = "same", numbers = [] } = entry;
  const compute = computeDType(entry, tensors, operands);
  const register = registerOf(compute);
  const text = textFor(f, register);
  if (text === undefined) {
    throw new TypeError(`Cannot compute ${name}: it is not defined for ${register} tensors`);
  }
  const names = [...(entry.operands ?? NAMES).slice(0, operands.length), ...numbers];
  return { dtype: result === "bool" ? "bool" : compute, register, expression: expressionOf(text, names) };
}

function textFor(f: Expressions, register: Register): string | undefined {
  if (typeof f === "function") return f(register);
  if (typeof f === "string") return register === "bool" ? undefined : f;
  const own = f[register];
  if (own !== undefined || register === "bool") return own;
  return (register === "f32" ? undefined : f.int) ?? f.number;
}

function checkInteger(name: string, value: number, register: "i32" | "u32"): void {
  const low = register === "i32" ? -(2 ** 31) : 0, high = register === "i32" ? 2 ** 31 - 1 : 2 ** 32 - 1;
  if (value >= low && value <= high) return;
  throw new RangeError(`Cannot compute ${name}: a number must fit ${register}, got ${value}`);
}

function computeDType(entry: Entry, tensors: readonly Tensor[], operands: readonly (number | null)[]): DType {
  let next = 0;
  const promoted: Promoted[] = [];
  operands.forEach((value, position) => {
    const tensor = value === null ? tensors[next++] : null;
    if (entry.conditions?.includes(position)) return;
    promoted.push(
      tensor === null
        ? { dtype: numberDType(value!), rank: "number" }
        : { dtype: tensor.dtype, rank: tensor.shape.length === 0 ? 0 : 1 },
    );
  });
  const dtype = promoted.length === 0 ? "bool" : promote(promoted);
  return entry.result === "float" && !isFloat(dtype) ? "f32" : dtype;
}

/** A lazy tensor from an expression without inputs: constants, ranges. */
export function generate(name: string, f: string, spec: Spec, operands: readonly NumberOperand[]): Tensor {
  const op: Op<null> = {
    name,
    half: "native",
    infer: () => spec,
    lazy: (_, __, { shape, dtype }) => new Chain({ f, operands, dtype }, shape),
    grad: null,
  };
  return apply(op, [], null);
}
