import { add, div, full, maximum, mean, mul, reshape, select, square, stack, sub, sum, zeros } from "../kernels/mod.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSameShape, floats } from "./_inputs.ts";
import { Metric } from "./metric.ts";
import { checkOutputs } from "./regression.ts";

/** Means of two variables, sums of squares about them, and of products: of one batch or of all. */
export interface Moments {
  /** Number of rows, without axes. */
  readonly count: Tensor;
  /** [2, K]. */
  readonly mean: Tensor;
  /** [2, K]. */
  readonly squares: Tensor;
  /** [K]. */
  readonly products: Tensor;
}

/**
 * What metrics of two variables have in common: their moments, joined so that nothing cancels out however far the
 * values are from 0 (Chan, Golub, LeVeque, 1983).
 */
export abstract class MomentsMetric extends Metric<[preds: Tensor, target: Tensor]> {
  #outputs: number;

  /**
   * Makes the metric.
   *
   * @param options Its options
   * @param outputs Number of outputs
   */
  constructor(options: object, outputs: number) {
    super(options);
    this.#outputs = outputs;
    this.addState("count", () => zeros([]), "sum");
    this.addState("mean", () => zeros([2, this.#outputs]), "sum");
    this.addState("squares", () => zeros([2, this.#outputs]), "sum");
    this.addState("products", () => zeros([this.#outputs]), "sum");
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** Number of outputs. */
  protected get outputs(): number {
    return this.updateCount > 0 ? this.state("products").shape[0] : this.#outputs;
  }

  /** Takes [N] as one output, and the number of outputs from the first [N, K] where it may. */
  protected columns(preds: Tensor, target: Tensor, free: boolean): [Tensor, Tensor] {
    const name = this.constructor.name;
    checkSameShape(name, preds, target);
    if (preds.ndim < 1 || preds.ndim > 2) {
      throw new ShapeError(
        name,
        `Cannot update ${name}: inputs must have shape [N] or [N, outputs], the shape is ${showShape(preds.shape)}`,
        [preds.shape],
      );
    }
    const found = preds.ndim === 1 ? 1 : preds.shape[1];
    if (free && this.updateCount === 0 && found !== this.#outputs) {
      this.#outputs = found;
      this.renew();
    }
    if (found !== this.outputs) checkOutputs(name, preds, this.outputs);
    const shaped = (x: Tensor) => reshape(floats(x), [preds.shape[0], found]);
    return [shaped(preds), shaped(target)];
  }

  /** Joins the moments of a batch of two variables [N, K]. */
  protected gather(x: Tensor, y: Tensor): void {
    const both = stack([x, y], { dim: 0 }), average = mean(both, { dim: 1 });
    const off = sub(both, mean(both, { dim: 1, keepdim: true }));
    const products = sum(mul(select(off, { dim: 0, index: 0 }), select(off, { dim: 0, index: 1 })), { dim: 0 });
    const count = full([], x.shape[0]);
    if (x.shape[0] > 0) this.#join({ count, mean: average, squares: sum(square(off), { dim: 1 }), products });
  }

  #join(batch: Moments): void {
    const { count, mean, squares, products } = this.moments, total = add(count, batch.count);
    const apart = sub(batch.mean, mean), share = div(batch.count, maximum(total, 1)), weight = mul(count, share);
    const cross = mul(select(apart, { dim: 0, index: 0 }), select(apart, { dim: 0, index: 1 }));
    const next = [
      total,
      add(mean, mul(apart, share)),
      add(add(squares, batch.squares), mul(square(apart), weight)),
      add(add(products, batch.products), mul(cross, weight)),
    ];
    for (const [i, name] of ["count", "mean", "squares", "products"].entries()) this.setState(name, next[i]);
  }

  /** All moments so far. */
  protected get moments(): Moments {
    const of = (name: string) => this.state(name);
    return { count: of("count"), mean: of("mean"), squares: of("squares"), products: of("products") };
  }

  /** Joins moments, and whatever else there is by its own rule. */
  protected override merge(batch: ReadonlyMap<string, Tensor>): void {
    const rest = new Map(batch);
    for (const name of ["count", "mean", "squares", "products"]) rest.delete(name);
    super.merge(rest);
    const [count, mean, squares, products] = ["count", "mean", "squares", "products"].map((name) => batch.get(name));
    if (count && mean && squares && products) this.#join({ count, mean, squares, products });
  }
}
