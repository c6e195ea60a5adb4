import { add, div, eq, reshape, to, where, zeros } from "../kernels/mod.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { tensor } from "../tensor/create.ts";
import type { DType } from "../tensor/dtype.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import type { HostTensor } from "../tensor/host.ts";
import { showOperand } from "../tensor/operands.ts";
import { keep } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { toHostAll } from "../tensor/to_host.ts";
import { watching } from "../tensor/watcher.ts";
import type { StepOutput } from "./module_hooks.ts";

/**
 * How many items the losses of a window are sums over, by the optimizer's number: on the device, or resting on the
 * host.
 */
export type Counts = Record<string, Tensor | HostTensor<DType>>;

/**
 * The items (tokens, pixels) that the losses of the open accumulation window are sums over, where training steps say
 * it. The sums stay on the device, since what is counted there (all but padding, say) is known there alone.
 */
export class ItemCounts {
  /** By the optimizer's number. They last, so that a recorded step finds them again. */
  readonly #sums = new Map<string, Tensor>();
  /** What the batches of the open window gave so far, by the optimizer's number: whether with a count. */
  given: Record<string, boolean> = {};
  /** The counts of a window that is open between two runs. */
  #resting: Record<string, HostTensor<DType>> = {};

  /** Begins the window of an optimizer. */
  begin(optimizer: number): void {
    const sumNow = () => this.#sums.get(`${optimizer}`), sum = sumNow();
    watching.by?.depends(this, `sum ${optimizer}`, sumNow);
    if (sum !== undefined) copyInto(sum, 0);
    delete this.given[optimizer];
  }

  /**
   * Takes what a batch of the window gave.
   *
   * @param optimizer The optimizer's number
   * @param count The items that the loss is a sum over, or `null` for a loss that is a mean
   * @throws {TypeError} If batches of one window gave both
   */
  take(optimizer: number, count: Tensor | number | null): void {
    const name = `${optimizer}`, counted = count !== null;
    if ((this.given[name] ?? counted) !== counted) {
      throw new TypeError(
        "Cannot add up the losses of an accumulation window: all of its batches must give a count, or none, got both",
      );
    }
    this.given[name] = counted;
    if (count === null) return;
    noGrad(() => {
      let sum = this.#sums.get(name);
      if (sum === undefined) this.#sums.set(name, sum = keep(zeros([])));
      copyInto(sum, add(sum, typeof count === "number" ? count : reshape(to(count, "f32"), [])));
    });
  }

  /** What the gradients of the closing window are to be multiplied by, or `null` where its batches gave no count. */
  factor(optimizer: number): Tensor | null {
    const sum = this.#sums.get(`${optimizer}`);
    if (sum === undefined || !this.given[optimizer]) return null;
    // A window of nothing but padding has losses, and gradients, that are 0.
    return noGrad(() => div(1, where(eq(sum, 0), 1, sum)));
  }

  /** The counts of the open window, for a checkpoint. */
  stateDict(): Counts {
    return { ...this.#resting, ...Object.fromEntries([...this.#sums].filter(([name]) => this.given[name])) };
  }

  /** Takes the counts off the device, until the run that goes on in their window {@link wake}s them. */
  async rest(): Promise<void> {
    const counts = Object.entries(this.stateDict()).filter((entry): entry is [string, Tensor] =>
      entry[1] instanceof Tensor
    );
    const read = await toHostAll(counts.map(([, count]) => count));
    this.dispose();
    this.#resting = Object.fromEntries(counts.map(([name], i) => [name, read[i]]));
  }

  /** Has the counts that rest back on the device. */
  wake(): void {
    this.loadStateDict(this.#resting);
  }

  /** Goes on from what {@link stateDict} gave. */
  loadStateDict(counts: Readonly<Record<string, HostTensor<DType>>>): void {
    this.dispose();
    for (const [name, count] of Object.entries(counts)) {
      this.#sums.set(name, keep(tensor(count)));
      this.given[name] = true;
    }
  }

  /** Frees them. */
  dispose(): void {
    for (const sum of this.#sums.values()) sum.dispose();
    this.#sums.clear();
    this.given = {};
    this.#resting = {};
  }
}

/**
 * The items that a loss is a sum over, or `null` where the training step says nothing of them.
 *
 * @throws {TypeError} If it is no count
 */
export function countOf(outputs: StepOutput): Tensor | number | null {
  const count: unknown = outputs instanceof Tensor ? undefined : outputs?.count;
  if (count === undefined || count === null) return null;
  if (count instanceof Tensor ? count.numel === 1 : Number.isFinite(count) && count as number >= 0) {
    return count as Tensor | number;
  }
  throw new TypeError(
    "Cannot train on what trainingStep returned: count must be how many items the loss is a sum over, a number from 0 on or " +
      `a tensor with one element, got ${showOperand(count)}`,
  );
}
