import { flatten, rebuild } from "./_capture_tree.ts";
import { copyBytes } from "./in_place.ts";
import { Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";

/** Numbers of leaves that were arguments. */
const leaves = new WeakMap<Tensor, number>();
let nextLeaf = 0;

function leafNumber(t: Tensor): number {
  let number = leaves.get(t);
  if (number === undefined) leaves.set(t, number = nextLeaf++);
  return number;
}

/** The tensors among the arguments of a captured function. */
export interface Arguments {
  /** Tells calls apart whose recordings differ: shapes, plain values, which leaves, what shares memory with what. */
  readonly key: string;
  /** Those whose values change from call to call. Leaves that require gradients are not of them: they are told by identity. */
  readonly tensors: readonly Tensor[];
}

/**
 * Looks at arguments.
 *
 * @throws {Error} If a tensor is disposed, or a result through which gradients would flow out of the function
 */
export function argumentsOf(args: readonly unknown[]): Arguments {
  const { tensors: all, key } = flatten(args);
  const tensors = all.filter((t) => !t.requiresGrad);
  const storages = tensors.map((t) => t.storage);
  const kinds = all.map((t) => {
    if (t.disposed) throw new Error("Cannot call a captured function: a tensor among the arguments is disposed");
    if (t.requiresGrad && t.node !== null) {
      throw new Error(
        `Cannot call a captured function: an argument is a result of ${t.node.name} that requires gradients, and a ` +
          "replay has no graph to send them back through; compute it inside, or give it detached",
      );
    }
    void t.storage.buffer;
    return t.requiresGrad ? `leaf ${leafNumber(t)}` : storages.indexOf(t.storage);
  });
  return { key: `${key}|${kinds}`, tensors };
}

/**
 * What a function is called with while it is recorded: copies of the tensors that change from call to call, so that what it
 * does with them is told from what it does with the same memory by itself.
 */
export class StandIns {
  /** In the order of {@link Arguments.tensors}. */
  readonly tensors: readonly Tensor[];
  readonly #copies = new Map<Storage, Storage>();
  readonly #places = new Map<Tensor, Tensor>();

  /** @param tensors The tensors that change from call to call */
  constructor(tensors: readonly Tensor[]) {
    this.tensors = tensors.map((t) => {
      const storage = this.#copyOf(t.storage);
      const copy = new Tensor({ shape: t.shape, storage, scoped: false });
      this.#places.set(t, copy);
      return copy;
    });
  }

  /** The arguments with copies in their places. */
  standFor<A extends readonly unknown[]>(args: A): A {
    return rebuild(args, (t) => this.#places.get(t) ?? t) as A;
  }

  /** A result without copies: where it is an argument, it is that argument. */
  givenFor(result: unknown): unknown {
    const originals = new Map([...this.#copies].map(([original, copy]) => [copy, original]));
    return rebuild(result, (t) => {
      const original = originals.get(t.storage);
      return original === undefined ? t : new Tensor({ shape: t.shape, storage: original.retain() });
    });
  }

  /** Lets go of the copies. Those that were changed in place are written back. */
  dispose(changed: ReadonlySet<Storage>): void {
    for (const [original, copy] of this.#copies) {
      if (changed.has(copy)) copyValue(copy, original);
    }
    for (const t of this.tensors) t.dispose();
  }

  #copyOf(original: Storage): Storage {
    const known = this.#copies.get(original);
    if (known !== undefined) return known.retain();
    const { numel, dtype, label, bounds } = original;
    const copy = new Storage(numel, dtype, label);
    void copy.buffer;
    copyValue(original, copy);
    copy.bounds = bounds;
    this.#copies.set(original, copy);
    return copy;
  }
}

/** Copies all bytes, and of 16-bit types with an odd number of elements what fills the last word. */
function copyValue(from: Storage, into: Storage): void {
  if (from.bytes > 0) copyBytes(from, 0, into, 0, Math.ceil(from.bytes / 4) * 4);
}
