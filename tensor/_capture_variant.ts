import type { Device, PooledBuffer } from "../device/mod.ts";
import type { Stay } from "../device/recording.ts";
import { Replay, type Scratch } from "../device/replay.ts";
import { rebuild } from "./_capture_tree.ts";
import { moveTo, type Watch } from "./_capture_watch.ts";
import type { Generator } from "./generator.ts";
import { Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";

/** Where a tensor's value comes from: made by the recording, there before, or an argument's. */
type Origin = { readonly stay: Stay } | { readonly storage: Storage } | { readonly argument: number };

/** What a replay does with the gradient of a leaf. */
interface GradientPlay {
  readonly leaf: Tensor;
  /** Whether the leaf must have a gradient before; `null` when that does not matter. */
  readonly present: boolean | null;
  /** The buffer that the gradient must have before, when commands touch it. */
  readonly buffer: PooledBuffer | null;
  /** Whether the gradient from before is changed in place. */
  readonly changed: boolean;
  /** Whether the function frees the gradient from before. */
  readonly frees: boolean;
  /** What it has afterwards: a tensor like this one, none, or (`undefined`) the one from before. */
  readonly after: Tensor | null | undefined;
}

/** One recording of a captured function, for arguments of one kind. */
export class Variant {
  /** The kind of arguments and the modes it was recorded in. */
  readonly mode: string;
  readonly #watch: Watch;
  readonly #replay: Replay;
  /** The result with tensors that stand for those of a replay. */
  readonly #template: unknown;
  readonly #origins = new Map<Tensor, Origin>();
  readonly #gradients: readonly GradientPlay[];
  readonly #streams: readonly { readonly generator: Generator; readonly place: Tensor; readonly count: number }[];
  /** What must hold for the whole numbers in arguments. */
  readonly #checks: readonly { readonly argument: number; readonly holds: (bounds: Storage["bounds"]) => boolean }[];
  /** Storages that are changed in place, those of arguments by number. */
  readonly #changed: readonly (Storage | number)[];
  /** Storages in buffers of the replay that somebody may still hold. */
  #lent: Storage[] = [];

  /**
   * @param device Where it was recorded
   * @param mode The kind of arguments and the modes
   * @param watch What was taken down
   * @param args The tensors among the arguments
   * @param result What the function returned
   * @param scratch Buffers that recordings of the function share
   * @throws {UnsteadyError} If tensors stay behind that are neither results nor gradients
   */
  constructor(
    device: Device,
    mode: string,
    watch: Watch,
    args: readonly Tensor[],
    result: unknown,
    scratch: Scratch,
  ) {
    this.mode = mode;
    this.#watch = watch;
    const storages = args.map((t) => t.storage);
    for (const [leaf, { start }] of watch.gradients) {
      if (leaf.disposed) watch.gradients.delete(leaf);
      else if (start !== null) watch.externals.delete(start.storage);
    }
    for (const leaf of watch.flags.keys()) if (leaf.disposed) watch.flags.delete(leaf);
    const kept = new Set<Stay>();
    const stand = ({ shape, numel, dtype, storage }: Tensor): Tensor => {
      const stay = watch.stayOf(storage), argument = storages.indexOf(storage);
      const standing = new Tensor({ shape, storage: new Storage(numel, dtype, "capture"), scoped: false });
      this.#origins.set(standing, stay ? { stay } : argument >= 0 ? { argument } : { storage });
      if (stay) kept.add(stay);
      return standing;
    };
    this.#template = rebuild(result, stand);
    this.#gradients = [...watch.gradients].map(([leaf, { start, access, used }]) => ({
      leaf,
      present: access === "get" ? start !== null : null,
      buffer: used,
      changed: start !== null && watch.changed.delete(start.storage),
      frees: access === "clear" || (start !== null && start.disposed),
      after: leaf.grad === start && access !== "clear" ? undefined : leaf.grad && stand(leaf.grad),
    }));
    // What the host wrote and somebody holds is his.
    const left = [...watch.recording.open].filter((stay) => stay.fromHost || !kept.has(stay));
    if (left.length > 0) throw new UnsteadyError([...new Set(left.map((stay) => stay.label))]);

    for (const storage of storages) watch.externals.delete(storage);
    const moved = [...watch.externals].filter(([storage, buffer]) => storage.buffer !== buffer);
    if (moved.length > 0) throw new UnsteadyError(moved.map(([{ label }]) => label));
    for (const storage of watch.externals.keys()) storage.retain();
    this.#changed = [...watch.changed].map((storage) => {
      const argument = storages.indexOf(storage);
      return argument < 0 ? storage : argument;
    });
    this.#checks = watch.checked.flatMap(({ storage, holds }) => {
      const argument = storages.indexOf(storage);
      return argument < 0 ? [] : [{ argument, holds }];
    });
    this.#streams = [...watch.drawings].map(([generator, { place, stream }]) => ({
      generator,
      place,
      count: generator.stream - stream,
    }));
    try {
      this.#replay = new Replay(device, watch.recording, storages.map((storage) => storage.buffer), kept, scratch);
    } catch (error) {
      for (const storage of watch.externals.keys()) storage.release();
      throw error;
    }
    // Gradients move at once to where replays will leave them, so that other recordings find them there.
    for (const { leaf, after } of this.#gradients) {
      const origin = after && this.#origins.get(after);
      if (!origin || !("stay" in origin)) continue;
      leaf.grad!.storage.lendTo(this.#replay.bufferOf(origin.stay));
      this.#lent.push(leaf.grad!.storage);
    }
  }

  /** Kernels that a replay dispatches. */
  get dispatches(): number {
    return this.#replay.dispatches;
  }

  /** Bytes that it holds for results, gradients and constants. */
  get bytes(): number {
    return this.#replay.bytes;
  }

  /** Whether it can never be replayed again: something that it reads was given up by its owner, or has moved. */
  get stale(): boolean {
    for (const [storage, buffer] of this.#watch.externals) {
      if (!storage.shared || storage.buffer !== buffer) return true;
    }
    return false;
  }

  /** Whether a replay does what the function would do now. */
  fits(args: readonly Tensor[]): boolean {
    const { flags, facts, externals } = this.#watch;
    // An argument that the function also reads by itself: not what was recorded.
    if (args.some((t) => externals.has(t.storage))) return false;
    for (const [leaf, wanted] of flags) if (leaf.requiresGrad !== wanted) return false;
    if (!facts.every((fact) => fact.holds)) return false;
    for (const { leaf, present, buffer } of this.#gradients) {
      const { grad } = leaf;
      if (present !== null && present !== (grad !== null)) return false;
      if (buffer !== null && grad!.storage.buffer !== buffer) return false;
    }
    return this.#checks.every(({ argument, holds }) => holds(args[argument].storage.bounds));
  }

  /** Does again what was recorded. */
  replay(args: readonly Tensor[]): unknown {
    for (const { leaf, frees, changed } of this.#gradients) {
      if (changed) leaf.grad?.storage.willChange();
      if (frees) leaf.grad?.dispose();
    }
    for (const prepare of this.#watch.preparations.values()) prepare();
    for (const changed of this.#changed) (typeof changed === "number" ? args[changed].storage : changed).willChange();
    for (const storage of this.#lent) storage.settle();
    for (const { generator, place } of this.#streams) moveTo(place, generator);
    this.#replay.run(args.map((t) => t.storage.buffer));
    for (const { generator, count } of this.#streams) generator.skip(count);

    this.#lent = [];
    const made = new Map<Stay, Storage>();
    const tensorOf = (standing: Tensor, scoped: boolean): Tensor => {
      const { shape } = standing, origin = this.#origins.get(standing)!;
      const storage = "argument" in origin
        ? args[origin.argument].storage.retain()
        : "storage" in origin
        ? origin.storage.retain()
        : this.#lend(origin.stay, standing, made);
      return new Tensor({ shape, storage, scoped });
    };
    for (const { leaf, after } of this.#gradients) if (after !== undefined) leaf.grad = after && tensorOf(after, false);
    return rebuild(this.#template, (standing) => tensorOf(standing, true));
  }

  /** Gives its buffers back; values in them that somebody holds move out. */
  dispose(): void {
    for (const storage of this.#lent) storage.settle();
    for (const storage of this.#watch.externals.keys()) storage.release();
    for (const standing of this.#origins.keys()) standing.dispose();
    this.#replay.dispose();
  }

  #lend(stay: Stay, { numel, dtype }: Tensor, made: Map<Stay, Storage>): Storage {
    const shared = made.get(stay);
    if (shared !== undefined) return shared.retain();
    const storage = Storage.lent(this.#replay.bufferOf(stay), numel, dtype, stay.label);
    made.set(stay, storage);
    this.#lent.push(storage);
    return storage;
  }
}

/** Tensors stay behind after a call: state that is made only once, or too much held. */
export class UnsteadyError extends Error {
  /** @param labels Operations that made what stays */
  constructor(readonly labels: readonly string[]) {
    super(
      `Cannot capture a function: each call leaves new tensors behind (of ${
        labels.join(", ")
      }), return what is wanted and let the rest go`,
    );
  }
}
