import type { DType } from "../tensor/dtype.ts";
import type { HostTensor } from "../tensor/host.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { toHostAll } from "../tensor/to_host.ts";

/** Writes tensors to a safetensors file; a tensor under two names is written under both. */
export async function saveFile(
  path: string,
  state: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const tensors = [...new Set(state.values())];
  const read = await toHostAll(tensors);
  const named = new Map([...state].map(([name, tensor]) => [name, read[tensors.indexOf(tensor)]]));
  await writeSafetensors(path, named, metadata);
}

/** The tensors of a safetensors file, by name. */
export async function loadFile(path: string | Blob): Promise<ReadonlyMap<string, HostTensor<DType>>> {
  return (await readSafetensors(path)).tensors;
}
