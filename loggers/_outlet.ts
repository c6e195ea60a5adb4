import { writeErr } from "../platform/mod.ts";

/** The most that is held for a disk that takes nothing. */
const MOST_HELD = 100_000;
/** Milliseconds between two attempts at such a disk. */
const PAUSE = 1000;

/**
 * Writes what a logger is given, in order and in the background. A disk that is full or gone is no reason to end
 * training: it is said once and loudly, what could not be written is held and tried again, and at the end it is said
 * what is lost.
 */
export class Outlet<Item> {
  readonly #who: string;
  readonly #write: (items: readonly Item[]) => Promise<void>;
  #held: Item[] = [];
  #turn: Promise<void> = Promise.resolve();
  #warned = false;
  #again = 0;
  #lost = 0;

  /**
   * @param who The logger, for messages
   * @param write Writes items, all or none of them
   */
  constructor(who: string, write: (items: readonly Item[]) => Promise<void>) {
    this.#who = who;
    this.#write = write;
  }

  /** Takes items. The promise is kept when they are written, or held after a failure; it never fails. */
  give(...items: readonly Item[]): Promise<void> {
    if (this.#held.length + items.length > MOST_HELD) this.#lost += items.length;
    else this.#held.push(...items);
    return this.#inTurn(false);
  }

  /** Tries to write all that is held. */
  flush(): Promise<void> {
    return this.#inTurn(true);
  }

  /** Tries a last time, and says what is lost. */
  async close(): Promise<void> {
    await this.flush();
    this.#lost += this.#held.length;
    if (this.#lost > 0) {
      writeErr(`Warning: ${this.#who} could not write ${this.#lost} rows or records, they are lost\n`);
    }
    this.#held = [];
    this.#lost = 0;
  }

  #inTurn(now: boolean): Promise<void> {
    return this.#turn = this.#turn.then(async () => {
      if (this.#held.length === 0 || (!now && performance.now() < this.#again)) return;
      const items = this.#held;
      this.#held = [];
      try {
        await this.#write(items);
      } catch (error) {
        this.#held = items.concat(this.#held);
        this.#again = performance.now() + PAUSE;
        this.#warn(error);
      }
    });
  }

  #warn(error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    const why = error instanceof Error ? error.message : String(error);
    writeErr(`Warning: ${this.#who} could not write: ${why}. Training goes on; rows are held and tried again\n`);
  }
}
