import { show } from "../device/option_names.ts";
import { repeat, writeErr } from "../platform/mod.ts";
import { cleaned, Refused, type Send, ServerAway } from "./_http.ts";
import type { Spool } from "./_spool.ts";

/** A service that takes items over HTTP. */
export interface Service<Item> {
  /** Its name for messages, with the server. */
  readonly title: string;
  /** Milliseconds between two requests at least. */
  readonly gap: number;
  /** Where everything is that could not be sent, if the service's logger keeps it by itself. */
  readonly kept?: string;
  /** What proves who is asking, from the environment; never shown. */
  headers(): Readonly<Record<string, string>>;
  /**
   * Sends as many items of the front as fit in one request.
   *
   * @param items At least one
   * @param send Talks to the server
   * @returns How many were sent
   */
  deliver(items: readonly Item[], send: Send): Promise<number>;
  /**
   * Says that the run goes on, if that is due, where a service takes one for over that it does not hear of.
   *
   * @param send Talks to the server
   */
  pulse?(send: Send): Promise<void>;
  /** Milliseconds for which the end of training waits for an item without progress, beyond what is usual. */
  patienceFor(item: Item): number;
}

/** Items that wait in memory while the server answers. */
const MOST_HELD = 20_000;
/** Seconds until the second attempt, doubled from attempt to attempt, up to the most. */
const FIRST_PAUSE = 0.25, LONGEST_PAUSE = 30, LONGEST_ASKED = 120;
/** Seconds between two attempts at most when training waits for them. */
const LONGEST_AT_END = 1;
/** Seconds after which a wait at the end is told, and what is left is kept in a file. */
const LONG_WAIT = 5;
/** Attempts that fail before somebody is told. */
const QUIET_FAILURES = 3;
/** Items that are given to a service at once. */
const MOST_AT_ONCE = 2000;
/** Milliseconds between two looks whether a sign of life is due. */
const PULSE = 1000;

/**
 * Throws unless a time that somebody is to wait for a server is one; infinity is.
 *
 * @param task What it is for: `"make a WandbLogger"`
 * @param option Its name
 * @param seconds What was given
 * @throws {RangeError} If it is none
 */
export function checkSeconds(task: string, option: string, seconds: number): void {
  if (typeof seconds === "number" && seconds >= 0) return;
  throw new RangeError(`Cannot ${task}: ${option} must be 0 or more, got ${show(seconds)}`);
}

/**
 * Sends items in order and in the background. What a server that is away does not take goes to the spool at once, so
 * that it outlives this process, and is sent when the server is back. Nothing here throws or makes training wait.
 */
export class Outbox<Item> {
  readonly #service: Service<Item>;
  readonly #send: Send;
  readonly #abort: AbortController;
  readonly #spool: Spool<Item> | null;
  #memory: Item[] = [];
  #work: Promise<void> | null = null;
  #failures = 0;
  /** Items given to the service at once: fewer after a refusal, until the one that is refused is found. */
  #atOnce = MOST_AT_ONCE;
  #stopped = false;
  #warned = false;
  #toldOfDisk = false;
  #refused = 0;
  #lost = 0;
  #progress = 0;
  /** The first item of what is being sent. */
  #first: Item | null = null;
  /** Ends a pause that the server did not ask for. */
  #wake: (() => void) | null = null;
  #closing = false;
  /** Ends signs of life; `null` before the first item. */
  #fallSilent: (() => void) | null = null;
  /** Whether the end is waited for so long that nothing may be in memory alone. */
  #long = false;
  /** What went wrong last, until it is told. */
  #why: string | null = null;

  /**
   * @param service Where items go
   * @param send Talks to its server, and stops by the controller
   * @param abort Ends what is under way
   * @param spool Takes what cannot be sent; `null` where there are no files
   */
  constructor(service: Service<Item>, send: Send, abort: AbortController, spool: Spool<Item> | null) {
    this.#service = service;
    this.#send = send;
    this.#abort = abort;
    this.#spool = spool;
  }

  /** Items that are not sent yet. */
  get left(): number {
    return this.#memory.length + (this.#spool?.left ?? 0);
  }

  /** Takes items. */
  put(...items: readonly Item[]): void {
    if ((this.#spool?.left ?? 0) === 0 && !this.#stopped && this.#memory.length + items.length <= MOST_HELD) {
      this.#memory.push(...items);
    } else if (this.#spool !== null) this.#keep(this.#spool.append(items), items.length);
    else this.#lost += items.length;
    this.#start();
  }

  /** Goes on with what a spool holds. */
  start(): void {
    this.#start();
  }

  /**
   * Waits until everything is sent, but not longer than some seconds without progress, and keeps the rest in the spool.
   * A wait that takes long is told, and what is left is in the spool from then on, should somebody end the process.
   *
   * @returns How many items are left
   */
  async close(seconds: number): Promise<number> {
    const begun = performance.now();
    const timer = setInterval(() => {
      const now = performance.now(), patience = this.#first === null ? 0 : this.#service.patienceFor(this.#first);
      if (now - Math.max(begun, this.#progress) > Math.max(seconds * 1000, patience)) {
        this.#why ??= `no answer within ${Math.max(seconds, patience / 1000)} seconds`;
        this.#abort.abort();
      } else if (!this.#long && now - begun > LONG_WAIT * 1000) {
        this.#long = true;
        const or = seconds === Infinity ? "" : `, or when it takes none for ${seconds} seconds`;
        this.#say(`has ${this.left} entries to take; training ends when it has${or}`);
      }
    }, 50);
    this.#closing = true;
    this.#fallSilent?.();
    this.#wake?.();
    this.#start();
    while (this.#work !== null) await this.#work;
    clearInterval(timer);
    await this.#toSpool();
    await this.#spool?.settled();
    this.#tellEnd();
    return this.left;
  }

  #start(work: () => Promise<void> = () => this.#run()): void {
    if (this.#service.pulse !== undefined && !this.#closing) this.#fallSilent ??= repeat(PULSE, () => this.#beat());
    if (this.#work !== null || this.#stopped) return;
    this.#work = work().finally(() => {
      this.#work = null;
      if (this.left > 0) this.#start();
    });
  }

  /** Says that the run goes on while there is nothing to send. One that gets lost is followed by another. */
  #beat(): void {
    this.#start(() => this.#service.pulse!(this.#send).catch(() => {}));
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        if (this.#long) await this.#toSpool();
        const items = this.#memory.length > 0 ? this.#memory : await this.#spool?.peek() ?? [];
        if (items.length === 0) return;
        this.#first = items[0];
        const sent = await this.#delivered(items.slice(0, this.#atOnce)).finally(() => this.#first = null);
        await this.#advance(sent, items === this.#memory);
        this.#failures = 0;
        this.#why = null;
        if (this.#service.gap > 0) await this.#pause(this.#service.gap / 1000);
      } catch (error) {
        if (!(error instanceof ServerAway)) await this.#stop(error);
        else await this.#away(error);
      }
      if (this.#abort.signal.aborted) this.#stopped = true;
    }
  }

  /** Has items sent, and finds out which one it is that the server refuses. Returns how many are done with. */
  async #delivered(items: readonly Item[]): Promise<number> {
    try {
      const count = await this.#service.deliver(items, this.#send);
      this.#atOnce = Math.min(MOST_AT_ONCE, this.#atOnce * 2);
      return count;
    } catch (error) {
      if (!(error instanceof Refused) || error.always) throw error;
      if (items.length > 1) {
        this.#atOnce = Math.ceil(items.length / 2);
        return 0;
      }
      if (this.#refused++ === 0) this.#say(`does not take an entry: ${error.message}. It is left out`);
      return 1;
    }
  }

  async #advance(count: number, held: boolean): Promise<void> {
    if (count === 0) return;
    this.#progress = performance.now();
    if (held) this.#memory.splice(0, count);
    else await this.#spool!.advance(count);
  }

  async #away({ message, after }: ServerAway): Promise<void> {
    if (this.#abort.signal.aborted) return;
    this.#failures++;
    this.#why = this.#warned ? null : message;
    await this.#toSpool();
    if (this.#failures === QUIET_FAILURES && !this.#warned) {
      this.#warned = true;
      this.#why = null;
      const kept = this.#spool === null ? "" : ` Rows are kept in ${this.#spool.path} and sent when it is back.`;
      this.#say(`cannot be reached: ${message}. Training goes on.${kept}`);
    }
    const longest = this.#closing ? LONGEST_AT_END : LONGEST_PAUSE;
    const pause = Math.min(longest, FIRST_PAUSE * 2 ** (this.#failures - 1)) * (0.5 + Math.random() / 2);
    if (after === null) await this.#pause(pause, true);
    else await this.#pause(Math.max(pause, Math.min(after, LONGEST_ASKED)));
  }

  /** Nothing can be sent any more: what there is, and what comes, is kept. */
  async #stop(error: unknown): Promise<void> {
    this.#stopped = true;
    this.#why = null;
    this.#say(`takes nothing: ${error instanceof Error ? error.message : error}. Training goes on`);
    await this.#toSpool();
  }

  /** Moves what waits in memory to the spool; where that cannot be written, it stays. */
  async #toSpool(): Promise<void> {
    if (this.#spool === null || this.#memory.length === 0) return;
    const items = this.#memory;
    this.#memory = [];
    await this.#spool.prepend(items).catch((error) => {
      this.#memory = [...items, ...this.#memory];
      this.#tellOfDisk(error);
    });
  }

  /** Notes when what there is no room for in memory cannot be written, either. */
  #keep(written: Promise<void>, count: number): void {
    written.catch((error) => {
      this.#lost += count;
      this.#tellOfDisk(error);
    });
  }

  #tellOfDisk(error: unknown): void {
    if (this.#toldOfDisk) return;
    this.#toldOfDisk = true;
    this.#say(`is away, and rows cannot be kept: ${error instanceof Error ? error.message : error}`);
  }

  /** Waits; the end of training cuts a pause short that may be `woken`. */
  #pause(seconds: number, woken = false): Promise<void> {
    const { signal } = this.#abort;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, seconds * 1000);
      signal.addEventListener("abort", done);
      if (woken) this.#wake = done;
    });
  }

  #tellEnd(): void {
    const why = this.#why === null ? "" : `: ${this.#why}`, left = this.#spool?.left ?? 0;
    if (left > 0) {
      this.#say(
        `did not get ${left} entries${why}; replaySpool(${JSON.stringify(this.#spool!.path)}) sends them later`,
      );
    }
    if (this.#refused > 1) this.#say(`did not take ${this.#refused} entries`);
    const lost = this.#lost + this.#memory.length;
    if (lost > 0) this.#say(`did not get ${lost} entries${why}; ${this.#service.kept ?? "they are lost"}`);
    this.#memory = [];
    this.#lost = this.#refused = 0;
  }

  #say(what: string): void {
    writeErr(`Warning: ${this.#service.title} ${cleaned(what, this.#service.headers())}\n`);
  }
}
