import type { DType } from "./dtype.ts";
import { f16ArrayOf } from "./half.ts";
import type { HostTensor } from "./host.ts";
import { tensorsOf } from "./operands.ts";
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
  const { dtype, shape } = t;
  return hostTensorOf(dtype, [...shape], await t.bytes());
}

/**
 * Copies tensors to the host as {@link toHost} does, all with one copy on the device: a picture of one moment.
 *
 * @param tensors Any tensors
 * @returns A promise of the arrays, in the same order; what they need of the device is recorded at once
 * @throws {KernelError | OutOfMemoryError | DeviceLostError} What went wrong on the device since the last wait
 *
 * @example
 * ```ts
 * import { init, tensor, toHostAll } from "@fulgurite/core";
 *
 * await init();
 * const [a, b] = await toHostAll([tensor([1.5, 2]), tensor([[3]])]);
 * console.log(a.data, b.shape); // Float32Array [1.5, 2] [1, 1]
 * ```
 */
export async function toHostAll(tensors: readonly Tensor[]): Promise<HostTensor<DType>[]> {
  tensorsOf("toHostAll", "copy", tensors, { least: 0 });
  const kinds = tensors.map(({ dtype, shape }) => ({ dtype, shape: [...shape] }));
  const filled = tensors.filter((t) => t.numel > 0);
  const parts = filled.map((t) => ({ buffer: t.storage.buffer, bytes: t.byteLength }));
  const raw = filled.length === 0 ? [] : await filled[0].storage.device.readAll(parts);
  let next = 0;
  return kinds.map(({ dtype, shape }) =>
    hostTensorOf(dtype, shape, shape.includes(0) ? new ArrayBuffer(0) : raw[next++])
  );
}

function hostTensorOf(dtype: DType, shape: number[], raw: ArrayBuffer): HostTensor<DType> {
  switch (dtype) {
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
