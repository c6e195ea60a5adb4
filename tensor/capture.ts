import { type Device, device } from "../device/mod.ts";
import { autocastDType } from "./autocast.ts";
import { Scratch } from "../device/replay.ts";
import { argumentsOf, StandIns } from "./_capture_arguments.ts";
import { rebuild, resultTensors } from "./_capture_tree.ts";
import { UnsteadyError, Variant } from "./_capture_variant.ts";
import { Watch } from "./_capture_watch.ts";
import type { Generator } from "./generator.ts";
import { gradEnabled } from "./grad_mode.ts";
import { scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";
import { watching } from "./watcher.ts";

/** Recordings that are kept at the same time: of other shapes, other numbers among the arguments, other modes. */
const MOST_VARIANTS = 16;

/** Calls in a row that may leave new tensors behind, before that is an error. */
const MOST_UNSTEADY = 4;

/** What a captured function has done so far. */
export interface CaptureStatistics {
  /** Calls that ran the function. */
  runs: number;
  /** Calls that replayed a recording. */
  replays: number;
  /** Kernels that the latest replay dispatched; 0 before the first. */
  dispatches: number;
  /** Bytes on the device that recordings hold for their values, but for those that others own (parameters, arguments). */
  bytes: number;
  /** Kernels that were compiled for calls that ran the function. */
  compiled: number;
  /** Milliseconds of the first call, from its start until the device had done its work; `null` before that. */
  firstMs: number | null;
}

/** A function whose work on the device is recorded once and replayed. */
export interface Captured<A extends readonly unknown[], R> {
  /** Runs the function, or replays what it recorded in an earlier call. */
  (...args: A): R;
  /** What it has done so far. */
  readonly statistics: Readonly<CaptureStatistics>;
  /** Frees all recordings; the next call records anew. */
  dispose(): void;
  /** Frees the recordings at the end of a `using` block. */
  [Symbol.dispose](): void;
}

/**
 * Records what a function does on the device, once, and replays it in later calls: no graph is built, nothing is allocated,
 * memory is planned from the exact lifetimes of values, and the host spends a few microseconds a kernel. Results are, bit
 * for bit, those of the function itself.
 *
 * The function must be synchronous, and do in each call the same with tensors: parameters, optimizers, gradients and
 * random numbers of the library go on as they would without capture (learning rates, step counts, dropout). Tensors that
 * change from call to call are arguments (also inside arrays and plain objects), and are seen as they were when called;
 * other shapes, other numbers among the arguments, other leaves that require gradients, arguments that share memory,
 * `train()` or `eval()`, frozen parameters, hooks, groups of an optimizer and another autocast make another recording. At
 * most 16 are kept.
 *
 * What the function does on the host alone (counting, printing) happens only in calls that record, and what it reads of the
 * host (variables, options of layers, a parameter put in another's place) is what it was then: after such a change call
 * `dispose()`. Results do not require gradients: `backward` belongs inside.
 *
 * The first call of a kind runs and records; so does the second where the first made lasting state, as optimizers do.
 *
 * @param fn The function; its result is a tensor, or arrays and plain objects of tensors. Errors that calls of the captured
 *   function throw beside its own: a `TypeError` for a promise, or for arguments and results in which tensors cannot be
 *   followed (a `Map`, a typed array), an `Error` for reading inside, and for an argument that is a result of operations
 *   and requires gradients
 * @returns A function of the same arguments and results
 *
 * @example
 * ```ts
 * import { backward, capture, crossEntropy, init, randint, randn, type Tensor } from "@fulgurite/core";
 * import { Linear } from "@fulgurite/core/nn";
 * import { Adam } from "@fulgurite/core/optim";
 *
 * await init();
 * const model = new Linear(8, 3);
 * const optimizer = new Adam(model.parameters(), { lr: 0.01 });
 * const step = capture((x: Tensor, y: Tensor) => {
 *   optimizer.zeroGrad();
 *   const loss = crossEntropy(model.forward(x), y);
 *   backward(loss);
 *   optimizer.step();
 *   return loss;
 * });
 * const x = randn([16, 8]), y = randint(0, 3, [16]);
 * for (let i = 0; i < 9; i++) step(x, y).dispose();
 * console.log(await step(x, y).item(), step.statistics.replays); // the loss, 8
 * ```
 */
export function capture<A extends readonly unknown[], R>(fn: (...args: A) => R): Captured<A, R> {
  const capture = new Capture(fn);
  const call = (...args: A): R => capture.call(args);
  return Object.assign(call, {
    statistics: capture.statistics,
    dispose: () => capture.dispose(),
    [Symbol.dispose]: () => capture.dispose(),
  });
}

class Capture<A extends readonly unknown[], R> {
  readonly statistics: CaptureStatistics = {
    runs: 0,
    replays: 0,
    dispatches: 0,
    bytes: 0,
    compiled: 0,
    firstMs: null,
  };
  readonly #fn: (...args: A) => R;
  /** The latest used last. */
  readonly #variants: Variant[] = [];
  readonly #places = new Map<Generator, Tensor>();
  #device: Device | null = null;
  /** Buffers that the driver had refused when the recordings were begun: one of theirs may be among later ones. */
  #refusals = 0;
  #scratch: Scratch | null = null;
  #unsteady = 0;

  constructor(fn: (...args: A) => R) {
    this.#fn = fn;
  }

  call(args: A): R {
    // Inside another captured function this one is a part of that.
    if (watching.by !== null) return this.#fn(...args);
    const now = device(), { refusals } = now.pool;
    if (now !== this.#device || refusals !== this.#refusals) {
      this.dispose();
      this.#device = now;
      this.#refusals = refusals;
    }
    const { tensors, key } = argumentsOf(args);
    const mode = `${key}|${gradEnabled()}|${autocastDType()}`;
    const variant = this.#find(mode, tensors);
    const start = performance.now(), kernels = now.pipelines.size;
    const result = variant === null ? this.#record(now, mode, args, tensors) : variant.replay(tensors);
    if (variant === null) {
      this.statistics.compiled += now.pipelines.size - kernels;
      if (this.statistics.runs++ === 0) this.#timeFirst(now, start);
    } else {
      this.statistics.replays++;
      this.statistics.dispatches = variant.dispatches;
    }
    return result as R;
  }

  #timeFirst(on: Device, start: number): void {
    const done = () => void (this.statistics.firstMs = performance.now() - start);
    on.reached().then(done, () => {}); // who waits is told of a lost device
  }

  dispose(): void {
    for (const variant of this.#variants.splice(0)) variant.dispose();
    for (const place of this.#places.values()) place.dispose();
    this.#places.clear();
    this.#scratch?.dispose();
    this.#scratch = null;
    this.#countBytes();
  }

  #countBytes(): void {
    this.statistics.bytes = this.#variants.reduce((sum, { bytes }) => sum + bytes, this.#scratch?.bytes ?? 0);
  }

  #find(mode: string, tensors: readonly Tensor[]): Variant | null {
    for (let i = this.#variants.length - 1; i >= 0; i--) {
      const variant = this.#variants[i];
      if (variant.mode !== mode) continue;
      if (variant.stale) {
        this.#drop(i);
        continue;
      }
      if (!variant.fits(tensors)) continue;
      if (i < this.#variants.length - 1) this.#variants.push(...this.#variants.splice(i, 1));
      return variant;
    }
    return null;
  }

  #drop(i: number): void {
    const [variant] = this.#variants.splice(i, 1);
    variant.dispose();
    this.#countBytes();
  }

  #record(device: Device, mode: string, args: A, tensors: readonly Tensor[]): unknown {
    const standIns = new StandIns(tensors);
    const watch = new Watch(device, this.#places);
    let variant: Variant | null = null;
    try {
      const result = this.#watched(watch, standIns.standFor(args));
      // Where the function reads an argument's memory by itself, a replay could not tell which of both it reads.
      const mixed = tensors.some((t) => watch.externals.has(t.storage));
      if (!mixed) variant = this.#variantOf(device, mode, watch, standIns.tensors, result);
      return standIns.givenFor(result);
    } finally {
      // What the host wrote was held for a recording that there is not.
      if (variant === null) {
        for (const { buffer, ended } of watch.recording.constants) if (ended) device.pool.release(buffer);
      }
      standIns.dispose(watch.changed);
    }
  }

  /** Runs the function and takes everything down. */
  #watched(watch: Watch, args: A): unknown {
    return watch.watch(() =>
      scope(() => {
        const result: unknown = this.#fn(...args);
        if (result instanceof Promise) {
          result.catch(() => {}); // what goes wrong in it comes of the same mistake
          if (watch.recording.failure !== null) throw watch.recording.failure;
          throw new TypeError("Cannot capture a function: it must be synchronous, it returned a promise");
        }
        if (watch.recording.failure !== null) throw watch.recording.failure;
        resultTensors(result);
        const plain = rebuild(result, (t) => t.detach());
        for (const t of resultTensors(plain)) void t.storage.buffer;
        for (const leaf of watch.gradients.keys()) if (leaf.grad !== null) void leaf.grad.storage.buffer;
        return plain;
      })
    );
  }

  /** Keeps what was taken down, if it can be replayed. */
  #variantOf(device: Device, mode: string, watch: Watch, tensors: readonly Tensor[], result: unknown): Variant | null {
    try {
      const variant = new Variant(device, mode, watch, tensors, result, this.#scratch ??= new Scratch(device));
      this.#unsteady = 0;
      this.#variants.push(variant);
      this.#countBytes();
      if (this.#variants.length > MOST_VARIANTS) this.#drop(0);
      return variant;
    } catch (error) {
      if (!(error instanceof UnsteadyError) || ++this.#unsteady > MOST_UNSTEADY) throw error;
      return null;
    }
  }
}
