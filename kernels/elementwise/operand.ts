import type { Shape } from "../../tensor/shape.ts";
import { sameShape } from "../../tensor/shape.ts";
import type { Storage } from "../../tensor/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Chain } from "./chain.ts";
import { type Register, registerOf } from "./register.ts";

/** How an operand is read: element (i, j, …) of the result lies at `offset + i·strides[0] + j·strides[1] + …`. */
export interface View {
  readonly strides: readonly number[];
  readonly offset: number;
}

/** The elements of a tensor, seen through strides. */
export interface TensorOperand {
  readonly storage: Storage;
  readonly shape: Shape;
  readonly view: View | null;
  readonly as: Register;
}

/** A number that may change from call to call. */
export interface NumberOperand {
  readonly value: number;
  readonly as: Register;
}

/** Random numbers that are a function of a key and of the number of the element. */
export interface RandomDraw {
  /**
   * The function of kernels/_shared/random.wgsl that makes four numbers of four words; `null` for the words themselves.
   */
  readonly quad: "uniform_quad" | "normal_quad" | null;
  readonly seed: readonly [number, number];
  readonly stream: number;
  /** The step's two words, or a u32 tensor of them on the device, which a replayed recording can change. */
  readonly step: readonly [number, number] | Tensor;
}

/** A random number of each element. */
export interface DrawOperand {
  readonly draw: RandomDraw;
  readonly as: Register;
}

/** An operand of a pointwise operation. */
export type Operand = TensorOperand | NumberOperand | DrawOperand;

/** The storage that an operand reads, if it reads one. */
export function storageOf(operand: Operand): Storage | null {
  if ("storage" in operand) return operand.storage;
  return "draw" in operand && !(operand.draw.step instanceof Array) ? operand.draw.step.storage : null;
}

/** The chain behind an operand, when it can be computed element by element in place of a read. */
export function inlined(operand: TensorOperand, shape: Shape): Chain | null {
  if (operand.view !== null) return null;
  const { pending } = operand.storage;
  return pending instanceof Chain && sameShape(operand.shape, shape) && sameShape(pending.shape, shape)
    ? pending
    : null;
}

/** An operand that reads a tensor where it broadcasts to the result's shape. */
export function read(t: Tensor, as: Register = registerOf(t.dtype)): Operand {
  return { storage: t.storage, shape: t.shape, view: null, as };
}

/** An operand that reads a tensor through strides. */
export function readView(t: Tensor, strides: readonly number[], offset: number): Operand {
  return { storage: t.storage, shape: t.shape, view: { strides, offset }, as: registerOf(t.dtype) };
}
