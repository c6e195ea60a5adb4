import { gradNorm, limitNorm, limitValues } from "../kernels/grad_norm/grad_norm.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { tensorsOf } from "../tensor/operands.ts";
import { Tensor } from "../tensor/tensor.ts";
import { knownNorm, ownGradients, withGradients } from "./_owners.ts";

/** Options of {@link clipGradNorm}. */
export interface ClipGradNormOptions {
  /** The exponent of the norm; `Infinity` is the largest magnitude. Default 2. */
  normType?: number;
  /** Whether a norm that is not finite is an error; it has to be read for that. Default false. */
  errorIfNonfinite?: boolean;
}

/**
 * Scales the gradients of parameters so that their norm, taken over all of them together, is at most `maxNorm`.
 *
 * The factor is min(1, maxNorm / (norm + 1e-6)), as PyTorch's. Gradients change in place. Nothing is read from the
 * device, unless `errorIfNonfinite` asks for it: a norm of NaN makes all gradients NaN, an infinite one makes the
 * finite ones 0.
 *
 * @param params Parameters; those without a gradient do not matter
 * @param maxNorm The largest norm allowed
 * @param options The kind of norm
 * @returns The norm before scaling, a tensor without axes; with `errorIfNonfinite` a promise of it
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { clipGradNorm } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, 4], { dtype: "f32", requiresGrad: true });
 * backward(w.mul(w).sum().div(2));
 * const norm = clipGradNorm([w], 1);
 * console.log(await norm.item(), await w.grad!.array()); // 5, about [0.6, 0.8]
 * ```
 */
export function clipGradNorm(
  params: Iterable<Tensor> | Tensor,
  maxNorm: number,
  options?: ClipGradNormOptions & { errorIfNonfinite?: false },
): Tensor;
/**
 * The same, with an error where the norm is not finite; gradients are not changed then.
 *
 * @throws {RangeError} If the norm is infinite or NaN
 */
export function clipGradNorm(
  params: Iterable<Tensor> | Tensor,
  maxNorm: number,
  options: ClipGradNormOptions & { errorIfNonfinite: true },
): Promise<Tensor>;
export function clipGradNorm(
  params: Iterable<Tensor> | Tensor,
  maxNorm: number,
  { normType = 2, errorIfNonfinite = false }: ClipGradNormOptions = {},
): Tensor | Promise<Tensor> {
  if (typeof maxNorm !== "number" || Number.isNaN(maxNorm)) {
    throw new RangeError(`Cannot clip in clipGradNorm: maxNorm must be a number, got ${maxNorm}`);
  }
  const owners = ownersOf("clipGradNorm", params);
  const grads = owners.map((p) => p.grad!);
  const total = noGrad(() => (normType === 2 ? knownNorm(grads) : null) ?? gradNorm(grads, normType));
  const limit = () => noGrad(() => limitNorm(ownGradients(owners), total, maxNorm));
  if (!errorIfNonfinite) {
    limit();
    return total;
  }
  return total.item().then((value) => {
    if (!Number.isFinite(value)) {
      throw new RangeError(
        `Cannot clip in clipGradNorm: the gradients' norm of order ${normType} must be finite, got ${value}`,
      );
    }
    limit();
    return total;
  });
}

/**
 * Limits every element of the gradients to ±`clipValue`.
 *
 * @param params Parameters; those without a gradient do not matter
 * @param clipValue The largest magnitude allowed
 *
 * @example
 * ```ts
 * import { backward, init, tensor } from "@fulgurite/core";
 * import { clipGradValue } from "@fulgurite/core/optim";
 *
 * await init();
 * const w = tensor([3, -0.1], { dtype: "f32", requiresGrad: true });
 * backward(w.mul(w).sum());
 * clipGradValue([w], 0.5);
 * console.log(await w.grad!.array()); // [0.5, -0.2]
 * ```
 */
export function clipGradValue(params: Iterable<Tensor> | Tensor, clipValue: number): void {
  if (!(clipValue >= 0)) {
    throw new RangeError(`Cannot clip in clipGradValue: clipValue must be at least 0, got ${clipValue}`);
  }
  noGrad(() => limitValues(ownGradients(ownersOf("clipGradValue", params)), clipValue));
}

/** The parameters with gradients of what a function was given. */
function ownersOf(op: string, params: Iterable<Tensor> | Tensor): Tensor[] {
  return withGradients(
    params instanceof Tensor ? [params] : tensorsOf(op, "clip", params, { item: "parameter", least: 0 }),
  );
}
