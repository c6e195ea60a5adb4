/** Servers for tests on the loopback address, with the faults that networks and services have. */

/** What a server answers to a request. */
export type Handler = (request: Request, path: string) => Response | Promise<Response>;

/** What may go wrong with a request, in place of an answer. */
export type Fault =
  | { readonly status: number; readonly retryAfter?: string }
  /** The connection breaks in the middle of the answer. */
  | "broken"
  /** The work is done, and then the connection breaks. */
  | "broken after"
  /** Milliseconds until the answer. */
  | { readonly slow: number }
  /** Something else answers, a login or a proxy: with this text, as HTML unless said otherwise. */
  | { readonly body: string; readonly type?: string; readonly status?: number };

/** A server that can be down, and whose next requests can fail. */
export class TestServer implements AsyncDisposable {
  readonly #handler: Handler;
  #server: Deno.HttpServer<Deno.NetAddr> | null = null;
  #port = 0;
  readonly #faults: Fault[] = [];
  /** What goes wrong with each request for which nothing else is planned. */
  always: Fault | null = null;
  /** Each request: method, path without its query, and when it came. */
  readonly seen: { method: string; path: string; at: number }[] = [];
  /** The most requests that were under way at once. */
  mostAtOnce = 0;
  #now = 0;

  constructor(handler: Handler) {
    this.#handler = handler;
  }

  /** Where it listens. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Begins to listen, again at the same place. */
  up(): this {
    const options = { hostname: "127.0.0.1", port: this.#port, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
    this.#port = this.#server.addr.port;
    return this;
  }

  /** Listens no more. */
  async down(): Promise<void> {
    await this.#server?.shutdown();
    this.#server = null;
  }

  /** Plans faults for the next requests. */
  fail(...faults: Fault[]): void {
    this.#faults.push(...faults);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  async #answer(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname;
    this.seen.push({ method: request.method, path, at: performance.now() });
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#now);
    try {
      return await this.#withFault(request, path);
    } finally {
      this.#now--;
    }
  }

  async #withFault(request: Request, path: string): Promise<Response> {
    const fault = this.#faults.shift() ?? this.always;
    if (fault === null) return await this.#handler(request, path);
    if (typeof fault === "object" && "slow" in fault) {
      await new Promise((resolve) => setTimeout(resolve, fault.slow));
      return await this.#handler(request, path);
    }
    if (fault === "broken after") await (await this.#handler(request, path)).body?.cancel();
    else await request.body?.cancel();
    if (typeof fault === "object" && "body" in fault) {
      const { body, type = "text/html; charset=utf-8", status } = fault;
      return new Response(body, { status, headers: { "content-type": type } });
    }
    if (typeof fault === "object") {
      const headers = fault.retryAfter === undefined ? undefined : { "retry-after": fault.retryAfter };
      return new Response("busy", { status: fault.status, headers });
    }
    // Less than was announced: the connection is closed. A stream that fails would do so, too, but is told on the error
    // stream.
    return new Response(ReadableStream.from([new TextEncoder().encode("{")]), { headers: { "content-length": "100" } });
  }
}
