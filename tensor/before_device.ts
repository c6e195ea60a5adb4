import { isOpen, whenOpen } from "../device/mod.ts";
import { scope } from "./scope.ts";
import { Tensor } from "./tensor.ts";

/**
 * Has work wait that was asked for before a device is open, so that layers and parameters can be made first: it is
 * described now (shapes, types, keys of random numbers) and done in its turn when a device opens.
 *
 * @param tensors What the work reads and writes; their storages are held until then
 * @param work Gets tensors of the same storages, in the same order
 * @returns Whether it waits; `false` where a device is open, and the caller goes on himself
 */
export function waitsForDevice<T extends readonly (Tensor | null)[]>(tensors: T, work: (held: T) => void): boolean {
  if (isOpen()) return false;
  const held = tensors.map((t) => t && new Tensor({ shape: t.shape, storage: t.storage.retain(), scoped: false }));
  whenOpen(() => {
    // Changes in place were counted when they were asked for.
    const known = held.map((t) => t && { version: t.storage.version, bounds: t.storage.bounds });
    try {
      scope(() => work(held as unknown as T));
    } finally {
      held.forEach((t, i) => {
        if (t === null) return;
        Object.assign(t.storage, known[i]);
        t.dispose();
      });
    }
  });
  return true;
}
