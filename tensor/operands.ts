import { show } from "../device/option_names.ts";
import { ShapeError, showShape } from "./errors.ts";
import { Tensor } from "./tensor.ts";

/**
 * Refuses operands that are no tensors: a list that a batch has in a tensor's place would fail far from where it was
 * made.
 *
 * @param op The op, for the message
 * @param operands What it was given; `null` stands for none
 * @throws {TypeError} If one is something else
 */
export function checkTensors(op: string, ...operands: readonly unknown[]): void {
  for (const [i, x] of operands.entries()) {
    if (x === null || x instanceof Tensor) continue;
    throw new TypeError(`Cannot compute ${op}: operand ${i} must be a tensor, got ${showOperand(x)}`);
  }
}

/** What an operand that is a list of tensors may be. */
interface ListRule {
  /** How many tensors there must be; default 1. */
  readonly least?: number;
  /** What the message calls one of them; default `"element"`. */
  readonly item?: string;
  /** Whether only their place in the graph matters, so that disposed ones will do; default false. */
  readonly mayBeDisposed?: boolean;
}

/**
 * The tensors of an operand that is a list. A wrong one is named by its place before anything is done: what the op is
 * made of would name itself, and its own operand.
 *
 * @param op The op, for the message
 * @param verb What it does with them, for the message
 * @param given What it was given
 * @param rule What the list may be
 * @returns The list, or the items of what can be iterated
 * @throws {TypeError} If it is no list, or one of the items is no tensor
 * @throws {ShapeError} If there are too few
 * @throws {Error} If one is disposed
 */
export function tensorsOf(op: string, verb: string, given: Iterable<Tensor>, rule: ListRule = {}): readonly Tensor[] {
  const { least = 1, item = "element", mayBeDisposed = false } = rule;
  if (typeof (given as Partial<typeof given> | null | undefined)?.[Symbol.iterator] !== "function") {
    throw new TypeError(`Cannot ${verb} in ${op}: it takes a list of tensors, got ${showOperand(given)}`);
  }
  const list: readonly unknown[] = Array.isArray(given) ? given : [...given];
  // By index, since callbacks of arrays pass over holes.
  for (let i = 0; i < list.length; i++) {
    const x = list[i];
    if (!(x instanceof Tensor)) {
      throw new TypeError(`Cannot ${verb} in ${op}: each ${item} must be a tensor, ${item} ${i} is ${showOperand(x)}`);
    }
    if (x.disposed && !mayBeDisposed) {
      throw new Error(
        `Cannot ${verb} in ${op}: no ${item} may be disposed, ${item} ${i} of shape ${showShape(x.shape)} is`,
      );
    }
  }
  if (list.length < least) {
    throw new ShapeError(op, `Cannot ${verb} in ${op}: it takes ${least} or more tensors, got ${list.length}`, []);
  }
  return list as readonly Tensor[];
}

/** An operand that is wrong, as a message shows it: of a list its length, for its tensors would fill the screen. */
export function showOperand(x: unknown): string {
  if (x instanceof Tensor) return `a tensor of shape ${showShape(x.shape)}`;
  return Array.isArray(x) ? `an array of ${x.length} item${x.length === 1 ? "" : "s"}` : show(x);
}
