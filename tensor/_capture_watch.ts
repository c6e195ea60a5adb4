import type { Device, PooledBuffer } from "../device/mod.ts";
import { Recording, type Stay } from "../device/recording.ts";
import { tensor } from "./create.ts";
import type { Generator } from "./generator.ts";
import { keep } from "./scope.ts";
import type { Storage } from "./storage.ts";
import type { Tensor } from "./tensor.ts";
import { type GradientAccess, moduleHooks, type Watcher, watching } from "./watcher.ts";

/** The gradient of a leaf when the function began, and what it did with it. */
export interface GradientWatch {
  readonly start: Tensor | null;
  /** What the function did first: with "get" it depends on whether there is one. */
  readonly access: GradientAccess;
  /** The buffer that it had, if recorded work touched it. */
  used: PooledBuffer | null;
}

/** The place of a generator on the device, and where it stood when the function first drew. */
export interface Drawing {
  readonly place: Tensor;
  readonly stream: number;
}

/** Something of the host that the function depends on, as it was. */
export class Fact {
  readonly #read: () => unknown;
  readonly #value: unknown;

  /** @param read Reads it: a value, or a list of values */
  constructor(read: () => unknown) {
    this.#read = read;
    const value = read();
    this.#value = Array.isArray(value) ? [...value] : value;
  }

  /** Whether it still is what it was. */
  get holds(): boolean {
    const before = this.#value, now = this.#read();
    if (!Array.isArray(before) || !Array.isArray(now)) return Object.is(before, now);
    return before.length === now.length && before.every((item, i) => Object.is(item, now[i]));
  }
}

/** Takes down what a function depends on and what it changes, while it is recorded. */
export class Watch implements Watcher {
  readonly recording: Recording = new Recording();
  /** Storages that were there before, and the buffers that recorded work found them in. */
  readonly externals: Map<Storage, PooledBuffer> = new Map();
  readonly changed: Set<Storage> = new Set();
  readonly gradients: Map<Tensor, GradientWatch> = new Map();
  readonly flags: Map<Tensor, boolean> = new Map();
  readonly facts: Fact[] = [];
  readonly checked: { readonly storage: Storage; readonly holds: (bounds: Storage["bounds"]) => boolean }[] = [];
  readonly drawings: Map<Generator, Drawing> = new Map();
  readonly preparations: Map<object, () => void> = new Map();
  readonly #device: Device;
  readonly #places: Map<Generator, Tensor>;
  readonly #owners = new Map<object, Set<string>>();
  /** Gradients by the storage that they had in the beginning. */
  readonly #starts = new Map<Storage, GradientWatch>();
  /** While it looks at things itself. */
  #blind = false;

  /**
   * @param device Where the function runs
   * @param places Places of generators that other recordings of the function have made
   */
  constructor(device: Device, places: Map<Generator, Tensor>) {
    this.#device = device;
    this.#places = places;
    this.depends(moduleHooks, "version", () => moduleHooks.version);
  }

  /** Runs `fn` and takes everything down. */
  watch<T>(fn: () => T): T {
    const { pipelines, pool, recorder } = this.#device;
    pool.recording = recorder.recording = this.recording;
    watching.by = this;
    pipelines.sideBySide++;
    try {
      return fn();
    } finally {
      pipelines.sideBySide--;
      pool.recording = recorder.recording = null;
      watching.by = null;
    }
  }

  /** The stay in which a storage has its value, if the value was made in the recording. */
  stayOf(storage: Storage): Stay | undefined {
    return this.#unseen(() => this.recording.stayOf(storage.buffer));
  }

  uses(storage: Storage): void {
    if (this.#blind || this.stayOf(storage) !== undefined) return;
    const buffer = this.#unseen(() => storage.buffer);
    if (!this.externals.has(storage)) this.externals.set(storage, buffer);
    const gradient = this.#starts.get(storage);
    if (gradient !== undefined) gradient.used = buffer;
  }

  changes(storage: Storage): void {
    if (!this.#blind && this.stayOf(storage) === undefined) this.changed.add(storage);
  }

  gradient(of: Tensor, access: GradientAccess): void {
    if (this.#blind || this.gradients.has(of)) return;
    const start = this.#unseen(() => of.grad);
    const gradient: GradientWatch = { start, access, used: null };
    this.gradients.set(of, gradient);
    if (start !== null) this.#starts.set(start.storage, gradient);
  }

  flag(of: Tensor): void {
    if (this.#blind || this.flags.has(of)) return;
    this.flags.set(of, this.#unseen(() => of.requiresGrad));
  }

  depends(owner: object, name: string, read: () => unknown): void {
    const known = this.#owners.get(owner);
    if (known?.has(name)) return;
    if (known === undefined) this.#owners.set(owner, new Set([name]));
    else known.add(name);
    this.facts.push(new Fact(read));
  }

  checks(storage: Storage, holds: (bounds: Storage["bounds"]) => boolean): void {
    this.checked.push({ storage, holds });
  }

  draws(generator: Generator): Drawing {
    let drawing = this.drawings.get(generator);
    if (drawing === undefined) {
      let place = this.#places.get(generator);
      if (place === undefined) {
        this.#places.set(
          generator,
          place = this.outside(() => keep(tensor(placeOf(generator)))),
        );
      } else this.outside(() => moveTo(place!, generator));
      this.drawings.set(generator, drawing = { place, stream: generator.stream });
      this.facts.push(new Fact(() => generator.seed));
    }
    return drawing;
  }

  beforeReplay(owner: object, action: () => void): void {
    this.preparations.set(owner, action);
  }

  #unseen<T>(fn: () => T): T {
    const before = this.#blind;
    this.#blind = true;
    try {
      return fn();
    } finally {
      this.#blind = before;
    }
  }

  outside<T>(fn: () => T): T {
    const { pool, recorder } = this.#device;
    pool.recording = recorder.recording = watching.by = null;
    try {
      return fn();
    } finally {
      pool.recording = recorder.recording = this.recording;
      watching.by = this;
    }
  }
}

/** Where a generator stands, as operations read it on the device: two words of the step, and the next stream. */
function placeOf({ step, stream }: Generator): Uint32Array<ArrayBuffer> {
  return Uint32Array.of(step % 2 ** 32, Math.floor(step / 2 ** 32), stream);
}

/** Brings the place of a generator on the device up to date. */
export function moveTo(place: Tensor, generator: Generator): void {
  place.storage.willChange();
  place.storage.upload(placeOf(generator));
}
