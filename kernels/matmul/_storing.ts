import type { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { type Finish, Producer } from "../elementwise/finish.ts";
import type { Target } from "./_gemm.ts";

/** Words of parameters that a kernel may have. */
const MOST_WORDS = 64;

/**
 * A product or a convolution that waits for its consumer. Its own results are stored beside what a chain makes of them,
 * but for steps on the way of a gradient (`passing`): the rare second reader of such has them computed again.
 */
export abstract class StoringProducer extends Producer {
  protected readonly bias: Tensor | null;
  readonly #words: number;
  readonly #passing: boolean;
  /** Whether a reader has had it without storing it. */
  #passed = false;
  /** The chain that is being recorded with it. */
  #through: { finish: Finish; into: Storage } | null = null;

  /**
   * @param bias Added to the results, or `null`; held until release
   * @param words Words of parameters that its kernels have without a chain
   * @param passing Whether it is a step on the way of a gradient, which nobody but its first consumer is likely to read
   */
  constructor(bias: Tensor | null, words: number, passing: boolean) {
    super();
    // Needed as a value in any case; computing it now keeps what waits for each other short.
    if (bias !== null && bias.numel > 0) void bias.storage.buffer;
    this.bias = bias && handle(bias);
    this.#words = words;
    this.#passing = passing;
  }

  /** Records the kernels. */
  protected abstract recordInto(target: Target): void;

  /** Whether an adapter's kernels take in a chain. */
  protected accepts(_finish: Finish, _into: Storage): boolean {
    return true;
  }

  record(into: Storage): void {
    this.#run(into, this.#through);
  }

  recordThrough(finish: Finish, into: Storage, own: Storage): boolean {
    // Inputs first: they may be chains that read this, too.
    for (const input of Object.values(finish.inputs)) void input.buffer;
    if (own.pending !== this || !this.#takes(finish, into)) return false;
    if (this.#passing && !this.#passed) {
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
    this.bias?.dispose();
  }

  /** Whether there are bindings and parameters enough for a chain; random numbers come in fours. */
  #takes(finish: Finish, into: Storage): boolean {
    const { inputs, drawn, params } = finish, { device, numel } = into;
    const bindings = 4 + (this.bias === null ? 0 : 1) + Object.keys(inputs).length;
    return this.accepts(finish, into) && bindings <= device.limits.maxStorageBuffersPerShaderStage &&
      (!drawn || numel % 4 === 0) && this.#words + Object.keys(params.types).length <= MOST_WORDS;
  }

  #run(own: Storage | null, through: { finish: Finish; into: Storage } | null): void {
    const view = (storage: Storage) => new Tensor({ shape: [storage.numel], storage: storage.retain(), scoped: false });
    const y = own && view(own), into = through && view(through.into);
    this.recordInto({ y, bias: this.bias, through: through && into && { finish: through.finish, into } });
    y?.dispose();
    into?.dispose();
  }
}

/** A handle of its own on a tensor's elements. */
export function handle(t: Tensor): Tensor {
  return new Tensor({ shape: t.shape, storage: t.storage.retain(), scoped: false });
}
