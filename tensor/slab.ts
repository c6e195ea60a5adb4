import { OutOfMemoryError, PART_ALIGNMENT } from "../device/mod.ts";
import { byteLength, type DType } from "./dtype.ts";
import { numel, type Shape } from "./shape.ts";
import { Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";

/** Tensors begin at multiples of so many elements, so that each can be bound by itself whatever its type. */
const ALIGNMENT = PART_ALIGNMENT / 2;

/** Elements that a tensor takes in a slab, with what is left free behind it. */
export function slabSize(numel: number): number {
  return Math.ceil(numel / ALIGNMENT) * ALIGNMENT;
}

/**
 * Memory of several tensors in one buffer, so that a kernel can work on all of them at once, however many they are.
 * Each is a tensor as any other, in its part of the buffer; the slab lives as long as one of them.
 */
export class Slab {
  /** All elements, with what is free between them: what a kernel for all is launched with. */
  readonly all: Tensor;
  #members = 0;

  /**
   * @param all A tensor of one axis, which the slab takes over
   * @param label What it is called in reports of memory
   */
  constructor(all: Tensor, label: string) {
    this.all = all;
    all.storage.lasting = true;
    all.storage.buffer.label = label;
  }

  /** One tensor more. */
  enter(): void {
    this.#members++;
  }

  /** One tensor less; the last one gives the buffer back. */
  leave(): void {
    if (--this.#members === 0) this.all.dispose();
  }
}

/**
 * New tensors in common memory, which outlive every scope.
 *
 * @param shapes Their shapes; with equal shapes and `most` they lie in equal places
 * @param make Makes so many elements: a tensor of one axis that is given up to the slab
 * @param label What they are called
 * @param most Elements that a slab may have
 * @returns A tensor for each shape
 */
export function slabOf(
  shapes: readonly Shape[],
  make: (numel: number) => Tensor,
  label: string,
  most: number,
): Tensor[] {
  const sizes = shapes.map(numel);
  return portions(sizes, most).flatMap(({ total, members }) => {
    if (members.length === 1) {
      const [{ index }] = members, alone = make(sizes[index]);
      const shaped = new Tensor({ shape: shapes[index], storage: alone.storage.retain(), scoped: false });
      alone.dispose();
      return shaped;
    }
    const slab = new Slab(make(total), label);
    return members.map(({ index, at }) => {
      const storage = Storage.within(slab, at, sizes[index], label);
      return new Tensor({ shape: shapes[index], storage, scoped: false });
    });
  });
}

/**
 * Moves the values of tensors into common memory. Whoever holds a tensor sees nothing of it. Left alone are those that
 * lie with others already, and all where there is no room.
 *
 * @param tensors Tensors of one type
 * @param label What the memory is called in reports
 */
export function gather(tensors: readonly Tensor[], label: string): void {
  const storages = [...new Set(tensors.map((t) => t.storage))].filter((storage) => storage.movable);
  if (storages.length < 2) return;
  const [{ dtype, device }] = storages;
  for (const { total, members } of portions(storages.map((s) => s.numel), mostElements(device.pool.maxBytes, dtype))) {
    if (members.length < 2) continue;
    try {
      const storage = new Storage(total, dtype, label);
      const slab = new Slab(new Tensor({ shape: [total], storage, scoped: false }), label);
      for (const { index, at } of members) storages[index].moveInto(slab, at);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
  }
}

/** Elements that one buffer can hold. */
export function mostElements(bytes: number, dtype: DType): number {
  return Math.floor(bytes / byteLength(dtype, 1));
}

/** Which of so many sizes lie together, and where. */
function portions(
  sizes: readonly number[],
  most: number,
): { total: number; members: { index: number; at: number }[] }[] {
  const found: ReturnType<typeof portions> = [];
  sizes.forEach((size, index) => {
    let last = found.at(-1);
    if (last === undefined || last.total + slabSize(size) > most) found.push(last = { total: 0, members: [] });
    last.members.push({ index, at: last.total });
    last.total += slabSize(size);
  });
  return found;
}
