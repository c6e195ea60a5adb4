import type { DType } from "./dtype.ts";
import { f16ArrayOf } from "./half.ts";
import type { HostTensor } from "./host.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Copies a tensor to the host in its own element type, bit for bit, as files take it.
 *
 * @param t Any tensor
 * @returns A promise of the array with its type and shape; what it needs of the device is recorded at once
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
  const shape = [...t.shape];
  const raw = await t.bytes();
  switch (t.dtype) {
    case "f32":
      return { dtype: "f32", shape, data: new Float32Array(raw) };
    case "f16":
      return { dtype: "f16", shape, data: f16ArrayOf(new Uint16Array(raw)) };
    case "bf16":
      return { dtype: "bf16", shape, data: new Uint16Array(raw) };
    case "i32":
      return { dtype: "i32", shape, data: new Int32Array(raw) };
    case "u32":
      return { dtype: "u32", shape, data: new Uint32Array(raw) };
    case "bool":
      return { dtype: "bool", shape, data: Uint8Array.from(new Uint32Array(raw)) };
  }
}
