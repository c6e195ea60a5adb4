import type { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { type Finish, Producer } from "../elementwise/finish.ts";
import type { Target } from "../matmul/_gemm.ts";
import { type Geometry, imageShape, resultShape } from "./_geometry.ts";
import { CONV_WORDS, recordForward, recordInput } from "./_record.ts";

/** Words of parameters that a kernel may have. */
const MOST_WORDS = 64;

/** A convolution, or the gradient of one's image. */
export interface SlideAttrs {
  readonly geometry: Geometry;
  /** Whether the gradient of the image is made, which is the transposed convolution. */
  readonly backwards: boolean;
  /** Whether it is a step on the way of a gradient, which nobody but its first consumer is likely to read. */
  readonly passing: boolean;
}

/**
 * A convolution that waits for its consumer: a chain of pointwise operations on it is computed by the same kernel, before the
 * results are stored. As with products, its own results are stored, too, unless they are only passed on.
 */
export class Slide extends Producer {
  readonly shape: readonly number[];
  readonly #operands: readonly [Tensor, Tensor];
  readonly #bias: Tensor | null;
  readonly #attrs: SlideAttrs;
  /** Whether a reader has had it without storing it. */
  #passed = false;
  /** The chain that is being recorded with it. */
  #through: { finish: Finish; into: Storage } | null = null;

  /**
   * @param operands The image, or the result's gradient, and the kernel
   * @param bias Added to every position, or `null`
   * @param attrs How they are convolved
   */
  constructor(operands: readonly [Tensor, Tensor], bias: Tensor | null, attrs: SlideAttrs) {
    super();
    const { geometry, backwards } = attrs;
    this.shape = backwards ? imageShape(geometry) : resultShape(geometry);
    this.#attrs = attrs;
    // Operands are needed as values in any case; computing them now keeps what waits for each other short.
    for (const t of [...operands, bias]) if (t !== null && t.numel > 0) void t.storage.buffer;
    this.#operands = [handle(operands[0]), handle(operands[1])];
    this.#bias = bias && handle(bias);
  }

  record(into: Storage): void {
    this.#run(into, this.#through);
  }

  recordThrough(finish: Finish, into: Storage, own: Storage): boolean {
    // Inputs first: they may be chains that read this, too.
    for (const input of Object.values(finish.inputs)) void input.buffer;
    if (own.pending !== this || !this.#takes(finish, into)) return false;
    if (this.#attrs.passing && !this.#passed) {
      this.#passed = true;
      this.#run(null, { finish, into });
      return true;
    }
    this.#through = { finish, into };
    try {
      void own.buffer;
    } finally {
      this.#through = null;
    }
    return true;
  }

  release(): void {
    for (const operand of this.#operands) operand.dispose();
    this.#bias?.dispose();
  }

  /** Whether there are bindings and parameters enough for a chain; random numbers come in fours. */
  #takes({ inputs, drawn, light, params }: Finish, { device, numel }: Storage): boolean {
    if (device.info.software && !light) return false;
    const bindings = 4 + (this.#bias === null ? 0 : 1) + Object.keys(inputs).length;
    return bindings <= device.limits.maxStorageBuffersPerShaderStage && (!drawn || numel % 4 === 0) &&
      CONV_WORDS + Object.keys(params.types).length <= MOST_WORDS;
  }

  #run(own: Storage | null, through: { finish: Finish; into: Storage } | null): void {
    const view = (storage: Storage) => new Tensor({ shape: [storage.numel], storage: storage.retain(), scoped: false });
    const y = own && view(own), into = through && view(through.into);
    const target: Target = { y, bias: this.#bias, through: through && into && { finish: through.finish, into } };
    const [x, w] = this.#operands, { geometry, backwards } = this.#attrs;
    (backwards ? recordInput : recordForward)(x, w, target, geometry);
    y?.dispose();
    into?.dispose();
  }
}

/** A handle of its own on a tensor's elements. */
function handle(t: Tensor): Tensor {
  return new Tensor({ shape: t.shape, storage: t.storage.retain(), scoped: false });
}
