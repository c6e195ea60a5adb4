import { f16ArrayOf } from "./half.ts";
import type { DType } from "./dtype.ts";
import type { HostTensor } from "./host.ts";
import type { HostArray, Tensor } from "./tensor.ts";

/**
 * Reads a tensor with its type and shape, its elements bit for bit: what files hold.
 *
 * @param t Any tensor
 * @returns A promise of the host tensor: `Float32Array`, `Float16Array` (or bits, where the runtime has none), bits of bf16,
 *   `Int32Array`, `Uint32Array`, or `Uint8Array` of 0 and 1 for bool
 * @throws {KernelError | OutOfMemoryError | DeviceLostError} What went wrong on the device since the last wait
 *
 * @example
 * ```ts
 * import { init, tensor, toHost } from "@fulgurite/core";
 *
 * await init();
 * console.log(await toHost(tensor([1.5, 2]))); // { dtype: "f32", shape: [2], data: Float32Array [1.5, 2] }
 * ```
 */
export async function toHost(t: Tensor): Promise<HostTensor<DType>> {
  const { dtype } = t;
  const shape = [...t.shape];
  const half = dtype === "f16" || dtype === "bf16" ? new Uint16Array(await t.bytes()) : null;
  const data: HostArray | ReturnType<typeof f16ArrayOf<ArrayBuffer>> = half === null
    ? await t.data()
    : dtype === "f16"
    ? f16ArrayOf(half)
    : half;
  // TypeScript does not see that type and array belong together.
  return { dtype, shape, data } as HostTensor<DType>;
}
