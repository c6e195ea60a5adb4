import { tensor } from "../tensor/create.ts";
import { keep } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Numbers of the host that a recorded step reads from the device: written there when they change. */
export class DeviceNumbers {
  #tensor: Tensor | null = null;
  #values: Float32Array<ArrayBuffer> = new Float32Array(0);

  /** The tensor with these values. */
  hold(values: Float32Array<ArrayBuffer>): Tensor {
    if (this.#tensor === null || this.#tensor.numel !== values.length) {
      this.#tensor?.dispose();
      this.#tensor = keep(tensor(values));
    } else if (values.some((value, i) => !Object.is(value, this.#values[i]))) {
      this.#tensor.storage.willChange();
      this.#tensor.storage.upload(values);
    }
    this.#values = values;
    return this.#tensor;
  }

  /** Frees the tensor. */
  dispose(): void {
    this.#tensor?.dispose();
    this.#tensor = null;
  }
}
