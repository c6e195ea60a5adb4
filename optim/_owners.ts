import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { Storage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The parameters that have gradients, each once. */
export function withGradients(params: Iterable<Tensor>): Tensor[] {
  return [...new Set(params)].filter((p) => p.grad !== null);
}

/** Gradients that may be changed in place: one that is shared, with another parameter or a hook, is copied first. */
export function ownGradients(owners: readonly Tensor[]): Tensor[] {
  return owners.map((p) => {
    const grad = p.grad!;
    if (!grad.storage.shared) return grad;
    const copy = new Tensor({
      shape: grad.shape,
      storage: new Storage(grad.numel, grad.dtype, "gradient"),
      scoped: false,
    });
    copyInto(copy, grad);
    grad.dispose();
    return p.grad = copy;
  });
}

/** A norm, and the gradients that it is of, in the state that they had. */
interface Known {
  readonly norm: Tensor;
  readonly parts: readonly { readonly storage: Storage; readonly version: number }[];
}

const known = new WeakMap<Storage, Known>();

/**
 * Notes the 2-norm of gradients that another pass over them has taken along; it is theirs until one of them changes.
 */
export function noteNorm(grads: readonly Tensor[], norm: Tensor): void {
  if (grads.length === 0) return;
  known.set(grads[0].storage, { norm, parts: grads.map(({ storage }) => ({ storage, version: storage.version })) });
}

/** The 2-norm of gradients, if it was noted and they have not changed since. */
export function knownNorm(grads: readonly Tensor[]): Tensor | null {
  const found = grads.length === 0 ? undefined : known.get(grads[0].storage);
  if (found === undefined || found.norm.disposed || found.parts.length !== grads.length) return null;
  const same = found.parts.every(({ storage, version }, i) =>
    grads[i].storage === storage && storage.version === version
  );
  return same ? new Tensor({ shape: [], storage: found.norm.storage.retain() }) : null;
}
