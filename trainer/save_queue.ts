/**
 * The checkpoints that are written while training goes on, one at a time. What became of one is told later, where the
 * loop stands between two batches: hooks run there, and an error ends the run as one of a hook does.
 */
export class SaveQueue {
  #running: Promise<void> | null = null;
  #outcome: (() => Promise<void>) | null = null;
  #written = 0;
  #latest = "";

  /** Saves that are on the disk. */
  get written(): number {
    return this.#written;
  }

  /** The folder of the latest of them, `""` before the first. */
  get latest(): string {
    return this.#latest;
  }

  /** Whether {@link tell} has something to tell. */
  get ready(): boolean {
    return this.#outcome !== null;
  }

  /**
   * Takes a save that has begun; the one before must be settled.
   *
   * @param path Its folder; of several the last
   * @param saving Its end
   * @param saved What to do once it is on the disk
   */
  add(path: string, saving: Promise<void>, saved: () => Promise<void>): void {
    this.#running = saving.then(
      () => {
        this.#written++;
        this.#latest = path;
        this.#outcome = saved;
      },
      (error) => void (this.#outcome = () => Promise.reject(error)),
    );
  }

  /** Tells of a save that has come to its end. Throws what went wrong with it. */
  async tell(): Promise<void> {
    const outcome = this.#outcome;
    this.#outcome = null;
    await outcome?.();
  }

  /** Waits for the running save and tells of it. Throws what went wrong with it. */
  async settle(): Promise<void> {
    await this.#running;
    this.#running = null;
    await this.tell();
  }
}
