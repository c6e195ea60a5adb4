/** The server could not be reached, was too busy, or failed: the same request may pass later. */
export class ServerAway extends Error {
  /** The error's name. */
  override readonly name: string = "ServerAway";
  /** Seconds after which the server wants to be asked again, or `null`. */
  readonly after: number | null;

  constructor(why: string, after: number | null = null) {
    super(why);
    this.after = after;
  }
}

/** The server answered that it will not take a request: it would not take it later, either. */
export class Refused extends Error {
  /** The error's name. */
  override readonly name: string = "Refused";
  /** The status of the answer. */
  readonly status: number;
  /** The server's own name for what is wrong; empty where it gave none. */
  readonly code: string;
  /** Whether every other request would meet the same answer: a key that is not accepted, a run that cannot be made. */
  readonly always: boolean;

  constructor(why: string, status: number, code: string, always: boolean) {
    super(why);
    this.status = status;
    this.code = code;
    this.always = always;
  }
}

/** What is sent. */
export interface Request {
  readonly method: "GET" | "POST" | "PUT";
  /** Behind the server's address; with its query. */
  readonly path: string;
  /** An object is sent as JSON. */
  readonly body?: object | Uint8Array<ArrayBuffer> | FormData;
  /** Milliseconds for the answer; default 15,000. */
  readonly patience?: number;
}

/** Sends a request. Gives the answer's JSON; fails with {@link ServerAway} or {@link Refused}. */
export type Send = (request: Request) => Promise<unknown>;

/** Milliseconds that a request may take. */
export const PATIENCE = 15_000;
const BUSY = new Set([408, 425, 429]);

/**
 * Makes the function that talks to a server.
 *
 * @param base The server's address, `https://…`
 * @param headers What proves who is asking; asked for with each request and never shown
 * @param signal Ends requests
 */
export function sender(base: string, headers: () => Record<string, string>, signal: AbortSignal): Send {
  return async ({ method, path, body, patience = PATIENCE }) => {
    const own = headers(), raw = body === undefined || body instanceof Uint8Array || body instanceof FormData;
    const clean = (text: string) => secretsOf(own).reduce((rest, secret) => rest.replaceAll(secret, "***"), text);
    const type: Record<string, string> = raw
      ? body instanceof Uint8Array ? { "content-type": "application/octet-stream" } : {}
      : { "content-type": "application/json" };
    let response: Response, text: string;
    try {
      response = await fetch(base + path, {
        method,
        headers: { ...own, ...type },
        body: raw ? body : JSON.stringify(body),
        // A key is for this server and for none that it points to.
        redirect: "manual",
        signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
      });
      text = await response.text();
    } catch (error) {
      const late = error instanceof DOMException && error.name === "TimeoutError";
      throw new ServerAway(late ? `no answer within ${patience / 1000} seconds` : clean(textOf(error)));
    }
    const { status } = response;
    if (response.ok) return text === "" ? null : parsed(text) ?? text;
    const said = parsed(text) as { error_code?: string; message?: string; msg?: string } | null;
    const why = clean(`it answered ${status} ${said?.message ?? said?.msg ?? text.slice(0, 200)}`.trim());
    if (status >= 500 && status !== 501 || BUSY.has(status)) throw new ServerAway(why, retryAfter(response.headers));
    throw new Refused(why, status, String(said?.error_code ?? ""), status === 401 || status === 403 || status < 400);
  };
}

/** What must not be shown of headers: a server may say what it was asked. */
function secretsOf(headers: Readonly<Record<string, string>>): string[] {
  return Object.values(headers).flatMap((value) => [value, value.split(" ").at(-1)!]).filter((secret) => secret !== "");
}

/** What a `Retry-After` asks for: seconds, or a date (RFC 9110, 10.2.3). */
function retryAfter(headers: Headers): number | null {
  const text = headers.get("retry-after");
  if (text === null) return null;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // an answer in another format is shown as text
  }
}

/** An error with its cause, which is where fetch tells what happened. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
