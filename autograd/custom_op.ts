import { gradEnabled, noGrad } from "../tensor/grad_mode.ts";
import { Node } from "../tensor/node.ts";
import type { Op } from "../tensor/op.ts";
import { tensorsOf } from "../tensor/operands.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** What the backward of a custom operation may look at. */
export interface CustomContext {
  /** The inputs, as they were given. */
  readonly inputs: readonly Tensor[];
  /** The result. */
  readonly output: Tensor;
  /** Which inputs want a gradient. */
  readonly needs: readonly boolean[];
}

/** An operation with a gradient of its own. */
export interface CustomOp {
  /** Its name, for labels and errors. */
  readonly name: string;
  /** Computes the result; what happens inside is not recorded for differentiation. */
  forward(...inputs: Tensor[]): Tensor;
  /**
   * Gradients of the inputs, `null` where there is none. Written in differentiable functions it can be differentiated
   * again.
   */
  backward(dy: Tensor, context: CustomContext): readonly (Tensor | null)[];
}

/**
 * Makes a function with a gradient that you write yourself: for a faster or more stable formula than the composed one,
 * or for a kernel of your own (`kernelOf` and `launch` of `@fulgurite/core/kernels`).
 *
 * @param op Name, forward and backward
 * @returns The function; its gradients arrive at its inputs as with any other
 * @throws {TypeError} When backward gives another number of gradients than there are inputs
 *
 * @example
 * ```ts
 * import { backward, customOp, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * // The gradient of a rounding is zero almost everywhere; a straight-through estimator passes it on.
 * const roundThrough = customOp({ name: "roundThrough", forward: (x) => x.round(), backward: (dy) => [dy] });
 * const x = tensor([0.2, 1.7], { requiresGrad: true });
 * backward(roundThrough(x).sum());
 * console.log(await x.grad!.array()); // [1, 1]
 * ```
 */
export function customOp(op: CustomOp): (...inputs: Tensor[]) => Tensor {
  const record: Op<null> = {
    name: op.name,
    half: "native",
    infer: () => {
      throw new Error(`Cannot infer the shape of ${op.name}: its forward decides it`);
    },
    saves: (_, needs) => ({ inputs: needs.map((_, index) => index), outputs: [0] }),
    grad: (dy, context) => {
      const inputs = context.inputs.map((_, index) => context.x(index));
      const gradients = op.backward(dy, { inputs, output: context.y, needs: context.needs });
      if (gradients.length !== inputs.length) {
        throw new TypeError(
          `Cannot differentiate ${op.name}: backward must give a gradient for each input, got ${gradients.length} for ${inputs.length}`,
        );
      }
      return gradients;
    },
  };
  return (...inputs) => {
    tensorsOf(op.name, "compute", inputs, { item: "operand", least: 0 });
    const value = noGrad(() => scope(() => op.forward(...inputs)));
    if (!gradEnabled() || !inputs.some((x) => x.requiresGrad)) return value;
    const node = new Node(record as unknown as Op<unknown, unknown>, null, inputs, [{
      shape: value.shape,
      dtype: value.dtype,
    }]);
    const y = new Tensor({ shape: value.shape, storage: value.storage.retain(), node });
    if (!inputs.includes(value)) value.dispose();
    node.saveOutputs([y]);
    return y;
  };
}
