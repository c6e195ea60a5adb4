import { PART_ALIGNMENT } from "./pool.ts";
import { type Command, type CopyCommand, isStay, type Place, type Stay } from "./recording.ts";

/**
 * Memory of a plan: which buffer each stay gets. Stays share a buffer when no command lies between first and last of
 * both.
 */
export interface MemoryPlan {
  /** Bytes of the buffers, largest first. */
  readonly sizes: readonly number[];
  /** Number of the buffer of each stay. */
  readonly slots: ReadonlyMap<Stay, number>;
}

/**
 * Gives stays buffers, as few bytes as a greedy choice finds: largest stays first, each into the smallest buffer that
 * is big enough and free for its time (Pisarchyk and Lee, "Efficient memory management for deep neural net inference",
 * 2020).
 *
 * @param stays What needs memory, with the numbers of the first and the last command that touch it
 */
export function planMemory(stays: Iterable<Stay>): MemoryPlan {
  const ordered = [...stays].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  const sizes: number[] = [];
  const taken: Stay[][] = [];
  const slots = new Map<Stay, number>();
  for (const stay of ordered) {
    let slot = sizes.length - 1;
    // Buffers come largest first, so the last that is free is the smallest that fits.
    while (slot >= 0 && taken[slot].some((other) => other.first <= stay.last && stay.first <= other.last)) slot--;
    if (slot < 0) {
      slot = sizes.push(stay.bytes) - 1;
      taken.push([]);
    }
    taken[slot].push(stay);
    slots.set(stay, slot);
  }
  return { sizes, slots };
}

/** How a command uses a stay: a kernel reads or writes it, or it is one end of a copy. */
type Use = "read" | "write" | "from" | "to";

/** Where a stay lies from the beginning, so that it need not be copied there. */
export interface Home {
  readonly into: Stay;
  /** Its first byte there. */
  readonly offset: number;
}

/**
 * Finds stays that are copied as a whole into a part of another one and do not change afterwards: they can lie in that
 * part from the beginning, and the copy is not needed. So values that are gathered in one buffer are made there.
 *
 * WebGPU forbids a dispatch to read one part of a buffer and to write another: a stay with which that would happen is
 * left where it is, and copied.
 *
 * @param commands What was recorded
 * @returns The stays with their homes, whose lives are prolonged, and the copies that are not needed
 */
export function homesOf(commands: readonly Command[]): { homes: Map<Stay, Home>; needless: Set<Command> } {
  const homes = new Map<Stay, Home>(), needless = new Set<Command>();
  const copies = new Map<Stay, { copy: CopyCommand; at: number }[]>();
  commands.forEach((copy, at) => {
    if (copy.kind !== "copy" || !isStay(copy.from) || !isStay(copy.to) || copy.from.fromHost || copy.to.fromHost) {
      return;
    }
    if (copy.fromOffset !== 0 || copy.toOffset % PART_ALIGNMENT !== 0 || copy.bytes < copy.from.bytes) return;
    const into = copies.get(copy.to);
    if (into === undefined) copies.set(copy.to, [{ copy, at }]);
    else into.push({ copy, at });
  });
  if (copies.size === 0) return { homes, needless };
  const uses = usesOf(commands);
  for (const [into, parts] of copies) {
    const last = parts.at(-1)!.at, own = uses.get(into)!, reads = own.filter(({ use }) => use !== "to");
    // It must be nothing but gathered, and then read.
    const gathered = own.length - reads.length === parts.length &&
      reads.every(({ use, at }) => at > last && use !== "write");
    if (!gathered || homes.has(into)) continue;
    const kinds = new Map(reads.map(({ use, at }) => [at, use]));
    for (const { copy, at } of parts) {
      const from = copy.from as Stay, others = uses.get(from)!.filter((other) => other.at !== at);
      if (homes.has(from) || copies.has(from)) continue;
      if (others.some((other) => other.at > at && (other.use === "write" || other.use === "to"))) continue;
      const fits = others.every(({ at, use }) => {
        const kind = kinds.get(at);
        return kind === undefined || (kind === use && (use === "read" || use === "write"));
      });
      if (!fits) continue;
      for (const { at, use } of others) kinds.set(at, use);
      homes.set(from, { into, offset: copy.toOffset });
      needless.add(copy);
      into.first = Math.min(into.first, from.first);
      into.last = Math.max(into.last, from.last);
    }
  }
  return { homes, needless };
}

function usesOf(commands: readonly Command[]): Map<Stay, { at: number; use: Use }[]> {
  const uses = new Map<Stay, { at: number; use: Use }[]>();
  const add = (place: Place, at: number, use: Use) => {
    if (!isStay(place)) return;
    const known = uses.get(place);
    if (known === undefined) uses.set(place, [{ at, use }]);
    else known.push({ at, use });
  };
  commands.forEach((command, at) => {
    if (command.kind === "copy") {
      add(command.from, at, "from");
      add(command.to, at, "to");
    } else {
      const { key } = command.pipeline.layout;
      command.places.forEach((place, i) => add(place, at, key[i] === "r" ? "read" : "write"));
    }
  });
  return uses;
}
