import type { Pipeline } from "./pipeline.ts";

/** Steps that are held at most; beyond, kernels are compiled at once, so that a loop that never waits stays bounded. */
const MOST_STEPS = 4096;

/** A piece of work, and the kernel without which it cannot be done. */
interface Step {
  readonly pipeline: Pipeline | null;
  readonly run: () => void;
}

/**
 * Work whose kernels are still being compiled, and all that was recorded after it, in its order. Compilation goes on in
 * parallel while the host records; what is ready is handed on as soon as everything before it is.
 */
export class Backlog {
  readonly #onError: (error: Error) => void;
  #steps: Step[] = [];
  /** What is to be told when nothing is held any more. */
  #told: (() => void)[] = [];

  /** @param onError Takes what work that was held throws */
  constructor(onError: (error: Error) => void) {
    this.#onError = onError;
  }

  /** Whether work with this kernel, or without one, cannot be done yet. */
  holds(pipeline: Pipeline | null): boolean {
    return this.#steps.length > 0 || pipeline?.settled === false;
  }

  /** Takes work that cannot be done yet. */
  add(pipeline: Pipeline | null, run: () => void): void {
    this.#steps.push({ pipeline, run });
    if (this.#steps.length === 1) this.#follow();
    else if (this.#steps.length >= MOST_STEPS) this.finish();
  }

  /** Resolves when nothing is held, at once if that is so. */
  emptied(): Promise<void> {
    if (this.#steps.length === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#told.push(resolve));
  }

  /** Compiles at once what is missing, and does everything. */
  finish(): void {
    for (const { pipeline } of this.#steps) if (pipeline?.settled === false) pipeline.compileNow();
    this.#drain();
  }

  /** Forgets everything. */
  clear(): void {
    this.#steps = [];
    for (const tell of this.#told.splice(0)) tell();
  }

  /** Goes on when the kernel of the first step is there. */
  #follow(): void {
    this.#steps[0].pipeline!.ready.then(() => this.#drain());
  }

  #drain(): void {
    const waiting = this.#steps.findIndex(({ pipeline }) => pipeline?.settled === false);
    for (const { run } of waiting < 0 ? this.#steps : this.#steps.slice(0, waiting)) {
      try {
        run();
      } catch (error) {
        this.#onError(error instanceof Error ? error : new Error(String(error)));
      }
    }
    if (waiting < 0) this.clear();
    else if (waiting > 0) {
      this.#steps = this.#steps.slice(waiting);
      this.#follow();
    }
  }
}
