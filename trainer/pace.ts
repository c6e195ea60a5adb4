import { device } from "../device/mod.ts";

/** Least milliseconds between two marks. */
const INTERVAL = 16;
/** Marks that may lie ahead of the device. */
const AHEAD = 2;

/**
 * Keeps a loop from running far ahead of the device: recorded work and uploaded batches would pile up, and the event
 * loop, which brings Ctrl-C, data and log rows, would never get its turn. Small steps share a mark, so that waiting
 * costs nothing where the device keeps up.
 */
export class Pace {
  readonly #marks: (() => Promise<void>)[] = [];
  #last = performance.now();

  /** To be called after every batch. Gives a promise when the loop has to wait. */
  step(): Promise<void> | null {
    const now = performance.now();
    if (now - this.#last < INTERVAL) return null;
    this.#last = now;
    this.#marks.push(device().mark());
    return this.#marks.length > AHEAD ? this.#marks.shift()!() : null;
  }
}
