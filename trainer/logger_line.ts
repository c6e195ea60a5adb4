import type { Awaitable } from "../data/mod.ts";
import type { Logger } from "./logger.ts";

/** What one logger is given, in order and one after the other. Nobody waits for it before the end. */
export class LoggerLine {
  readonly #logger: Logger;
  readonly #fail: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();

  /**
   * @param logger The logger
   * @param fail Takes what the logger throws
   */
  constructor(logger: Logger, fail: (error: unknown) => void) {
    this.#logger = logger;
    this.#fail = fail;
  }

  /** Gives the logger something once it has taken what came before. */
  give(something: (logger: Logger) => Awaitable<void>): void {
    this.#last = this.#last.then(() => something(this.#logger)).catch(this.#fail);
  }

  /** Gives the logger something at once, since it may be gone later. */
  giveNow(something: (logger: Logger) => Awaitable<void>): void {
    const given = (async () => await something(this.#logger))().catch(this.#fail);
    this.#last = this.#last.then(() => given);
  }

  /** Waits until everything is taken. */
  async settle(): Promise<void> {
    await this.#last;
  }
}
