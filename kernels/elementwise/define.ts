import { type DType, isFloat, numberDType, type Operand as Promoted, promote } from "../../tensor/dtype.ts";
import { apply, type Op, type Precision, type Saves, type Spec } from "../../tensor/op.ts";
import { broadcastShapes } from "../../tensor/shape.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { sumTo } from "../reduce/sum_to.ts";
import { Chain, type Operand, read } from "./chain.ts";
import { type Register, registerOf } from "./codegen.ts";

/** A tensor, or a number that stands for a tensor without axes. */
export type TensorLike = Tensor | number;

/** Numbers that an expression reads by name; they are passed anew with every call, never written into the kernel. */
export type Numbers = Readonly<Record<string, number>>;

/**
 * What type comes out: `"same"` as the promoted inputs, `"float"` the same but integers become f32, `"bool"` a truth value
 * of inputs compared in their promoted type.
 */
export type ResultType = "same" | "float" | "bool";

/** An entry of the table of pointwise operations. */
export interface Entry {
  /** PyTorch's name in camelCase; it labels kernels and appears in errors. */
  readonly name: string;
  /**
   * A WGSL expression in `x`, `y`, `z` (the operands, in registers of the compute type) and the names in `numbers`. A
   * function of the register type where types need different text.
   */
  readonly f: string | ((register: Register) => string);
  /** Default `"same"`. */
  readonly result?: ResultType;
  /** Names of the numbers in `f`, each an f32. */
  readonly numbers?: readonly string[];
  /** Files of kernels/_shared whose functions `f` calls. */
  readonly uses?: readonly string[];
  /** Behaviour under autocast; default `"follow"`. */
  readonly precision?: Precision;
  /**
   * What each operand's gradient reads: positions of operands, and `"y"` for the result. Only what a wanted gradient reads
   * is kept for backward.
   */
  readonly reads?: readonly (readonly (number | "y")[])[];
  /**
   * The gradient of each operand as a function in differentiable operations; broadcast axes are summed afterwards. `null`
   * for operations without gradients, and in a place for an operand without one.
   */
  readonly grads: readonly (PointwiseGrad | null)[] | null;
  /** Operands (by position) that keep their own type: conditions and masks, read as bool. */
  readonly conditions?: readonly number[];
}

/** The gradient of one operand. */
export type PointwiseGrad = (dy: Tensor, context: PointwiseContext, numbers: Numbers) => Tensor;

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

/** Makes the operation of a table entry. */
export function pointwise(entry: Entry): Pointwise {
  const op: Op<Attrs> = {
    name: entry.name,
    precision: entry.precision,
    half: "native",
    saves: (attrs, needs) => savesOf(entry, attrs, needs),
    infer: (x, attrs) => {
      const tensors = x as readonly Tensor[];
      const shape = broadcastShapes(entry.name, tensors.map((t) => t.shape));
      return { shape, dtype: resultDType(entry, computeDType(entry, tensors, attrs.operands)) };
    },
    lazy: (x, attrs, { shape, dtype }) => {
      const tensors = x as readonly Tensor[];
      const register = registerOf(
        entry.result === "bool" ? computeDType(entry, tensors, attrs.operands) : dtype,
      );
      let next = 0;
      const operands: Operand[] = attrs.operands.map((value, position) => {
        const as = entry.conditions?.includes(position) ? "bool" : register;
        return value === null ? read(tensors[next++], as) : { value, as };
      });
      let f = typeof entry.f === "string" ? entry.f : entry.f(register);
      for (const name of entry.numbers ?? []) {
        if (operands.length >= 6) throw new Error(`Cannot build ${entry.name}: six operands and numbers are the most`);
        f = f.replace(new RegExp(`\\b${name}\\b`, "g"), "xyzuvw"[operands.length]);
        operands.push({ value: attrs.numbers[name], as: "f32" });
      }
      return new Chain({ f, operands, uses: entry.uses ?? [], dtype }, shape);
    },
    grad: entry.grads && ((dy, context, attrs) => {
      const positions = inputPositions(attrs.operands);
      const view: PointwiseContext = {
        x: (position) => attrs.operands[position] ?? context.x(positions.indexOf(position)),
        get y(): Tensor {
          return context.y;
        },
      };
      return positions.map((position, index) => {
        const grad = entry.grads![position];
        return grad && context.needs[index] ? sumTo(grad(dy, view, attrs.numbers), context.inputs[index]!.shape) : null;
      });
    }),
  };
  return (operands, numbers = {}) => {
    const tensors = operands.filter((o): o is Tensor => typeof o !== "number");
    for (const t of tensors) {
      if (!(t instanceof Tensor)) {
        throw new TypeError(`Cannot compute ${entry.name}: operands must be tensors or numbers, got ${typeof t}`);
      }
    }
    return apply(op, tensors, { operands: operands.map((o) => typeof o === "number" ? o : null), numbers });
  };
}

/** Positions of the operands that are tensors. */
function inputPositions(operands: readonly (number | null)[]): number[] {
  return operands.flatMap((value, position) => value === null ? [position] : []);
}

function savesOf(entry: Entry, attrs: Attrs, needs: readonly boolean[]): Saves {
  const positions = inputPositions(attrs.operands);
  const read = new Set(positions.flatMap((position, index) => needs[index] ? entry.reads?.[position] ?? [] : []));
  return {
    inputs: positions.flatMap((position, index) => read.has(position) ? [index] : []),
    outputs: read.has("y") ? [0] : [],
  };
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
  const dtype = promote(promoted);
  return entry.result === "float" && !isFloat(dtype) ? "f32" : dtype;
}

function resultDType(entry: Entry, compute: DType): DType {
  return entry.result === "bool" ? "bool" : compute;
}

/** A lazy tensor from an expression without inputs: constants, ranges, random numbers. */
export function generate(
  name: string,
  f: string,
  spec: Spec,
  operands: readonly { value: number; as: Register }[],
  uses: readonly string[] = [],
): Tensor {
  const op: Op<null> = {
    name,
    half: "native",
    infer: () => spec,
    lazy: (_, __, { shape, dtype }) => new Chain({ f, operands, uses, dtype }, shape),
    grad: null,
  };
  return apply(op, [], null);
}
