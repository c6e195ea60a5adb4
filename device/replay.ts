import type { Device } from "./device.ts";
import { homesOf, planMemory } from "./memory_plan.ts";
import type { Pipeline } from "./pipeline.ts";
import { type Bound, PARAMS_WINDOW } from "./pipelines.ts";
import type { PooledBuffer } from "./pool.ts";
import { type Command, type DispatchCommand, isStay, type Place, type Recording, type Stay } from "./recording.ts";

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
  readonly #parts: PooledBuffer[] = [];
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
    const { constants } = recording, { homes, needless } = homesOf(recording.commands);
    const commands = recording.commands.filter((command) => !needless.has(command));
    const lasting = new Set([...kept].map((stay) => homes.get(stay)?.into ?? stay));
    const stays = new Set<Stay>([...homes.values()].map(({ into }) => into));
    for (const command of commands) for (const place of placesOf(command)) if (isStay(place)) stays.add(place);
    for (const stay of [...lasting, ...constants, ...homes.keys()]) stays.delete(stay);
    const { sizes, slots } = planMemory(stays);
    const shared = scratch.take(sizes);
    for (const [stay, slot] of slots) this.#places.set(stay, shared[slot]);
    try {
      for (const stay of lasting) {
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
    for (const [stay, { into, offset }] of homes) {
      const part = device.pool.part(this.#places.get(into)!, offset, stay.bytes, stay.label);
      this.#parts.push(part);
      this.#places.set(stay, part);
    }
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
      if (group !== null) {
        recorder.play(pipeline, group, offset, groups);
        continue;
      }
      const bound = places.map((place) => typeof place === "number" ? args[place] : place);
      recorder.apart(pipeline, bound, (buffers) => {
        recorder.play(pipeline, pipelines.group(pipeline.layout, buffers, this.#params), offset, groups);
        for (const buffer of buffers) buffer.batch = recorder.batch;
      });
    }
    for (const buffer of this.#touched) buffer.batch = recorder.batch;
    for (const buffer of args) buffer.batch = recorder.batch;
    recorder.played();
  }

  /** Gives its buffers back. */
  dispose(): void {
    for (const part of this.#parts.splice(0)) this.#device.pool.dropPart(part);
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
