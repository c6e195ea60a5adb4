import type { Storage } from "../../tensor/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Finish } from "../elementwise/finish.ts";
import type { Target } from "../matmul/_gemm.ts";
import { handle, StoringProducer } from "../matmul/_storing.ts";
import { type Geometry, imageShape, resultShape } from "./_geometry.ts";
import { CONV_WORDS, recordForward, recordInput } from "./_record.ts";

/** A convolution, or the gradient of one's image. */
export interface SlideAttrs {
  readonly geometry: Geometry;
  /** Whether the gradient of the image is made, which is the transposed convolution. */
  readonly backwards: boolean;
  /** Whether it is a step on the way of a gradient, which nobody but its first consumer is likely to read. */
  readonly passing: boolean;
}

/**
 * A convolution that waits for its consumer: a chain of pointwise operations on it is computed by the same kernel,
 * before the results are stored. As with products, its own results are stored, too, unless they are only passed on.
 */
export class Slide extends StoringProducer {
  readonly shape: readonly number[];
  readonly #operands: readonly [Tensor, Tensor];
  readonly #attrs: SlideAttrs;

  /**
   * @param operands The image, or the result's gradient, and the kernel
   * @param bias Added to every position, or `null`
   * @param attrs How they are convolved
   */
  constructor(operands: readonly [Tensor, Tensor], bias: Tensor | null, attrs: SlideAttrs) {
    super(bias, CONV_WORDS, attrs.passing);
    const { geometry, backwards } = attrs;
    this.shape = backwards ? imageShape(geometry) : resultShape(geometry);
    this.#attrs = attrs;
    // Operands are needed as values in any case; computing them now keeps what waits for each other short.
    for (const t of operands) if (t.numel > 0) void t.storage.buffer;
    this.#operands = [handle(operands[0]), handle(operands[1])];
  }

  override release(): void {
    for (const operand of this.#operands) operand.dispose();
    super.release();
  }

  /** On software adapters what follows is written out for each of many registers. */
  protected override accepts({ light }: Finish, { device }: Storage): boolean {
    return light || !device.info.software;
  }

  protected override recordInto(target: Target): void {
    const [x, w] = this.#operands, { geometry, backwards } = this.#attrs;
    (backwards ? recordInput : recordForward)(x, w, target, geometry);
  }
}
