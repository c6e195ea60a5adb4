import type { Pipeline } from "./pipeline.ts";
import type { PooledBuffer } from "./pool.ts";

/** The time that one value spends in a pooled buffer while a recording is made: from acquire to release. */
export interface Stay {
  /** The buffer that it has in the recorded run. */
  readonly buffer: PooledBuffer;
  /** Bytes that were asked for. */
  readonly bytes: number;
  readonly label: string;
  /** Numbers of the first and the last command that touch it; −1 before there is one. */
  first: number;
  last: number;
  /** Whether the host wrote it: its contents have to be kept for replays. */
  fromHost: boolean;
  /** Whether it was given back before the recording ended. */
  ended: boolean;
}

/** What a command touches: a value that comes and goes in the recording, or a buffer that was there before. */
export type Place = Stay | PooledBuffer;

/** A recorded dispatch. */
export interface DispatchCommand {
  readonly kind: "dispatch";
  readonly pipeline: Pipeline;
  readonly places: readonly Place[];
  readonly params: Uint32Array<ArrayBuffer> | null;
  readonly groups: readonly [number, number, number];
  /** Shapes of what it works on, for profiles of replays. */
  readonly shapes: readonly (readonly number[])[] | null;
}

/** A recorded copy between buffers. */
export interface CopyCommand {
  readonly kind: "copy";
  readonly from: Place;
  readonly fromOffset: number;
  readonly to: Place;
  readonly toOffset: number;
  readonly bytes: number;
}

/** Something that was recorded. */
export type Command = DispatchCommand | CopyCommand;

/** Whether a place is a stay. */
export function isStay(place: Place): place is Stay {
  return "first" in place;
}

/**
 * A list of all work between two moments, while it is done: commands, and the lives of the values between them. The
 * pool and the recorder report to it.
 */
export class Recording {
  readonly commands: Command[] = [];
  /** Why it cannot be replayed, if something was asked for that cannot be recorded. */
  failure: Error | null = null;
  readonly #stays = new Map<PooledBuffer, Stay>();
  /** Stays that the host wrote: their buffers belong to the recording when their owner gives them back. */
  readonly constants: Stay[] = [];

  /** The stay in a buffer now, if it began in this recording. */
  stayOf(buffer: PooledBuffer): Stay | undefined {
    return this.#stays.get(buffer);
  }

  /** Stays that have not ended. */
  get open(): Iterable<Stay> {
    return this.#stays.values();
  }

  /** Notes that a buffer was taken. */
  acquired(buffer: PooledBuffer, bytes: number): void {
    const { label } = buffer;
    this.#stays.set(buffer, { buffer, bytes, label, first: -1, last: -1, fromHost: false, ended: false });
  }

  /** Notes that a buffer was given back; `false` when the recording keeps it. */
  released(buffer: PooledBuffer): boolean {
    const stay = this.#stays.get(buffer);
    if (stay === undefined) return true;
    stay.ended = true;
    this.#stays.delete(buffer);
    return !stay.fromHost;
  }

  /** Notes a dispatch. */
  dispatch(
    pipeline: Pipeline,
    buffers: readonly PooledBuffer[],
    params: Uint32Array | null,
    groups: readonly [number, number, number],
    shapes: readonly (readonly number[])[] | null,
  ): void {
    const places = buffers.map((buffer) => this.#touch(buffer));
    this.commands.push({ kind: "dispatch", pipeline, places, params: params && params.slice(), groups, shapes });
  }

  /** Notes a copy between pooled buffers. */
  copy(from: PooledBuffer, fromOffset: number, to: PooledBuffer, toOffset: number, bytes: number): void {
    const places = { from: this.#touch(from), to: this.#touch(to) };
    this.commands.push({ kind: "copy", ...places, fromOffset, toOffset, bytes });
  }

  /** Notes that the host filled a buffer: a constant of the recording. Buffers from before are the caller's affair. */
  write(buffer: PooledBuffer): void {
    const stay = this.#stays.get(buffer);
    if (stay === undefined || stay.fromHost) return;
    stay.fromHost = true;
    this.constants.push(stay);
  }

  #touch(buffer: PooledBuffer): Place {
    const stay = this.#stays.get(buffer);
    if (stay === undefined) return buffer;
    const now = this.commands.length;
    if (stay.first < 0) stay.first = now;
    stay.last = now;
    return stay;
  }
}
