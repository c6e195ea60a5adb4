/** A training step as one writes it by hand: what the trainer is compared with. */
import { backward, capture, type Tensor } from "../mod.ts";
import type { Optimizer } from "../optim/mod.ts";

/**
 * Makes a step: the loss, its gradients, and an update by them.
 *
 * @param loss The loss of a batch
 * @param optimizer What updates
 * @param compiled Whether the step is captured and replayed
 * @returns The step; disposing of it lets go of the recording
 */
export function bareStep<B extends Record<string, Tensor>>(
  loss: (batch: B) => Tensor,
  optimizer: Optimizer,
  compiled: boolean,
): ((batch: B) => Tensor) & Disposable {
  const step = (batch: B): Tensor => {
    const y = loss(batch);
    optimizer.zeroGrad();
    backward(y);
    optimizer.step();
    return y;
  };
  return compiled ? capture(step) : Object.assign(step, { [Symbol.dispose]: () => {} });
}
