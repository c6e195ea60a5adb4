import type { Device } from "./device.ts";
import type { Pipeline } from "./pipeline.ts";
import { type Bound, PARAMS_WINDOW } from "./pipelines.ts";
import type { PooledBuffer } from "./pool.ts";
import { type Command, type DispatchCommand, isStay, type Place, type Recording, type Stay } from "./recording.ts";

/** Memory of a plan: which buffer each stay gets. Stays share a buffer when no command lies between first and last of both. */
export interface MemoryPlan {
  /** Bytes of the buffers, largest first. */
  readonly sizes: readonly number[];
  /** Number of the buffer of each stay. */
  readonly slots: ReadonlyMap<Stay, number>;
}

/**
 * Gives stays buffers, as few bytes as a greedy choice finds: largest stays first, each into the smallest buffer that is
 * big enough and free for its time (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020).
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

/** Buffers for values that do not outlive a replay: replays that never overlap share them. */
export class Scratch {
  readonly #device: Device;
  readonly #buffers: PooledBuffer[] = [];

  /** @param device Where the replays run */
  constructor(device: Device) {
    this.#device = device;
  }

  /** Bytes of all of them. */
  get bytes(): number {
    return this.#buffers.reduce((sum, { size }) => sum + size, 0);
  }

  /** A buffer for each size, the largest first: the smallest that is there and big enough, or a new one. */
  take(sizes: readonly number[]): PooledBuffer[] {
    const free = [...this.#buffers].sort((a, b) => a.size - b.size);
    return sizes.map((bytes) => {
      const at = free.findIndex(({ size }) => size >= bytes);
      if (at >= 0) return free.splice(at, 1)[0];
      const buffer = this.#device.pool.acquireExactly(bytes, "capture");
      this.#buffers.push(buffer);
      return buffer;
    });
  }

  /** Gives them back. */
  dispose(): void {
    for (const buffer of this.#buffers.splice(0)) this.#device.pool.release(buffer);
  }
}

/** What a replay does for one command. */
interface Play {
  readonly pipeline: Pipeline | null;
  /** The bind group, or `null` when an argument is among the buffers. */
  readonly group: GPUBindGroup | null;
  readonly places: readonly (PooledBuffer | number)[];
  /** Offset of the parameters, as WebGPU takes it; `null` for a kernel without. */
  readonly offset: number[] | null;
  readonly groups: readonly [number, number, number];
  /** Shapes of what it works on, for profiles. */
  readonly shapes: readonly (readonly number[])[] | null;
  readonly copy: { readonly fromOffset: number; readonly toOffset: number; readonly bytes: number } | null;
}

/** A recording that can be done again: buffers planned, parameters on the device, bind groups made. */
export class Replay {
  /** Kernels that a replay dispatches. */
  readonly dispatches: number;
  /** Bytes of the buffers that it has for values that outlive it, and for constants. */
  readonly bytes: number;
  readonly #device: Device;
  readonly #plays: readonly Play[];
  readonly #owned: PooledBuffer[] = [];
  readonly #places = new Map<Stay, PooledBuffer>();
  readonly #touched: ReadonlySet<PooledBuffer>;
  readonly #params: Bound;

  /**
   * @param device Where it was recorded
   * @param recording What was recorded
   * @param args Buffers that stand for arguments: replays take others in their place
   * @param kept Stays whose value is wanted after the last command
   * @param scratch Buffers for all others
   */
  constructor(
    device: Device,
    recording: Recording,
    args: readonly PooledBuffer[],
    kept: ReadonlySet<Stay>,
    scratch: Scratch,
  ) {
    this.#device = device;
    const { commands, constants } = recording;
    const stays = new Set<Stay>();
    for (const command of commands) for (const place of placesOf(command)) if (isStay(place)) stays.add(place);
    for (const stay of [...kept, ...constants]) stays.delete(stay);
    const { sizes, slots } = planMemory(stays);
    const shared = scratch.take(sizes);
    for (const [stay, slot] of slots) this.#places.set(stay, shared[slot]);
    try {
      for (const stay of kept) {
        const buffer = device.pool.acquireExactly(stay.bytes, stay.label);
        this.#owned.push(buffer);
        this.#places.set(stay, buffer);
      }
    } catch (error) {
      for (const buffer of this.#owned) device.pool.release(buffer);
      throw error;
    }
    for (const { buffer } of constants) this.#owned.push(buffer);
    for (const stay of constants) this.#places.set(stay, stay.buffer);
    this.bytes = this.#owned.reduce((sum, { size }) => sum + size, 0);

    const resolve = (place: Place): PooledBuffer | number => {
      if (isStay(place)) return this.#places.get(place)!;
      const argument = args.indexOf(place);
      return argument >= 0 ? argument : place;
    };
    const align = device.limits.minUniformBufferOffsetAlignment;
    let end = 0;
    const offsets = commands.map((command) => {
      if (command.kind === "copy" || command.params === null) return null;
      const at = end;
      end = Math.ceil((at + 4 * command.params.length) / align) * align;
      return [at];
    });
    this.#params = this.#uploadParams(commands, offsets, end + PARAMS_WINDOW);
    this.#plays = commands.map((command, i) => {
      const places = placesOf(command).map(resolve);
      const fixed = places.every((place) => typeof place !== "number");
      if (command.kind === "copy") {
        return { pipeline: null, group: null, places, offset: null, groups: [0, 0, 0], shapes: null, copy: command };
      }
      const { pipeline, groups, shapes } = command;
      const group = fixed ? device.pipelines.group(pipeline.layout, places as PooledBuffer[], this.#params) : null;
      return { pipeline, group, places, offset: offsets[i], groups, shapes, copy: null };
    });
    this.#touched = new Set(this.#plays.flatMap(({ places }) => places.filter((place) => typeof place !== "number")));
    this.dispatches = this.#plays.reduce((count, { copy }) => count + (copy === null ? 1 : 0), 0);
  }

  /** The buffer in which a kept stay's value lies after a replay. */
  bufferOf(stay: Stay): PooledBuffer {
    return this.#places.get(stay)!;
  }

  /** Records everything again. */
  run(args: readonly PooledBuffer[]): void {
    const { recorder, pipelines } = this.#device;
    for (const { pipeline, group, places, offset, groups, shapes, copy } of this.#plays) {
      if (pipeline === null) {
        const [from, to] = places.map((place) => typeof place === "number" ? args[place] : place);
        recorder.copy(from, copy!.fromOffset, to, copy!.toOffset, copy!.bytes);
        continue;
      }
      recorder.shapes = shapes;
      recorder.play(
        pipeline,
        group ?? pipelines.group(
          pipeline.layout,
          places.map((place) => typeof place === "number" ? args[place] : place),
          this.#params,
        ),
        offset,
        groups,
      );
    }
    for (const buffer of this.#touched) buffer.batch = recorder.batch;
    for (const buffer of args) buffer.batch = recorder.batch;
    recorder.played();
  }

  /** Gives its buffers back. */
  dispose(): void {
    for (const buffer of this.#owned.splice(0)) this.#device.pool.release(buffer);
    this.#device.pipelines.dropGroupsOf(this.#params);
    // Work that was recorded with them may not have been submitted yet.
    this.#device.recorder.afterwards(() => this.#params.gpu.destroy());
  }

  #uploadParams(commands: readonly Command[], offsets: readonly (number[] | null)[], size: number): Bound {
    const words = new Uint32Array(size >> 2);
    commands.forEach((command, i) => {
      const at = offsets[i];
      if (at !== null) words.set((command as DispatchCommand).params!, at[0] >> 2);
    });
    const buffer = this.#device.pipelines.paramsBuffer("params of a capture", size);
    this.#device.gpu.queue.writeBuffer(buffer.gpu, 0, words);
    return buffer;
  }
}

function placesOf(command: Command): readonly Place[] {
  return command.kind === "dispatch" ? command.places : [command.from, command.to];
}
