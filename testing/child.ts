/** Programs in processes of their own, for tests that end them. */

/** A program of the repository that runs beside the test: what it prints can be waited for. */
export class Child {
  readonly #process: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;
  #text = "";

  /**
   * Starts it.
   *
   * @param program The address of its file
   * @param args Its arguments
   */
  constructor(program: URL, ...args: string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", program.href, ...args],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#output = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#errors = new Response(this.#process.stderr).text();
  }

  /**
   * Waits until it has printed something.
   *
   * @throws {Error} If it ends without
   */
  async printed(wanted: string): Promise<void> {
    while (!this.#text.includes(wanted)) {
      const { done, value } = await this.#output.read();
      if (done) throw new Error(`The program ended before it printed ${wanted}: ${await this.#errors}`);
      this.#text += value;
    }
  }

  /** Sends it a signal. */
  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Waits for its end: how it came, and all that was printed. */
  async end(): Promise<Deno.CommandStatus & { readonly output: string; readonly errors: string }> {
    for (let part = await this.#output.read(); !part.done; part = await this.#output.read()) this.#text += part.value;
    return { ...await this.#process.status, output: this.#text, errors: await this.#errors };
  }
}

/**
 * Starts `small_training.ts` with more batches than a test waits for; it prints `trains` when it does.
 *
 * @param options What it is told beyond that
 */
export function longTraining(options: object): Child {
  const told = { batches: 100, sleep: 10, trainer: { maxEpochs: 100 }, ...options };
  return new Child(new URL("./small_training.ts", import.meta.url), JSON.stringify(told));
}
