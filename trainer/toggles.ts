import type { Optimizer } from "../optim/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Parameters of other optimizers that want no gradients while one is trained, and what they wanted before. */
export class Toggles {
  readonly #before = new Map<Tensor, boolean>();

  /**
   * Switches off the gradients of what other optimizers own and this one does not.
   *
   * @param optimizer The one that is trained
   * @param all Every optimizer of the run
   */
  toggle(optimizer: Optimizer, all: readonly Optimizer[]): void {
    this.untoggle();
    const own = new Set(parametersOf(optimizer));
    for (const parameter of all.flatMap(parametersOf)) {
      if (own.has(parameter) || this.#before.has(parameter)) continue;
      this.#before.set(parameter, parameter.requiresGrad);
      parameter.requiresGrad = false;
    }
  }

  /** Puts everything back as it was. */
  untoggle(): void {
    for (const [parameter, wanted] of this.#before) parameter.requiresGrad = wanted;
    this.#before.clear();
  }
}

function parametersOf(optimizer: Optimizer): Tensor[] {
  return optimizer.paramGroups.flatMap(({ params }) => params);
}
