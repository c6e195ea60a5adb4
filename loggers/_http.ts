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
  /** Behind the server's address, with its query; or a whole address that the server gave, to which no key is told. */
  readonly path: string;
  /** What the server wants to be said there. */
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: object | Uint8Array<ArrayBuffer> | FormData;
  /** Milliseconds for the answer; default 15,000. */
  readonly patience?: number;
}

/** Sends a request. Gives the answer's JSON, `null` for none; fails with {@link ServerAway} or {@link Refused}. */
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
  return async ({ method, path, headers: wanted, body, patience = PATIENCE }) => {
    const given = /^https?:/.test(path);
    const own = headers(), raw = body === undefined || body instanceof Uint8Array || body instanceof FormData;
    const clean = (text: string) => cleaned(text, own);
    const type: Record<string, string> = raw
      ? body instanceof Uint8Array ? { "content-type": "application/octet-stream" } : {}
      : { "content-type": "application/json" };
    let response: Response, text: string;
    try {
      response = await fetch(given ? path : base + path, {
        method,
        headers: { ...given ? {} : own, ...type, ...wanted },
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
    const { status } = response, said = parsed(text);
    if (response.ok && (said !== undefined || text === "")) return said ?? null;
    // Cleaned before it is cut: half a secret would not be found.
    const shown = clean(text), page = titleOf(shown);
    const why = clean(`it answered ${status} ${reasonOf(response.ok, said, page, shown)}`.trim());
    if (status >= 500 && status !== 501 || BUSY.has(status)) throw new ServerAway(why, retryAfter(response.headers));
    // Whoever answers for the service with a page is not the service, and will not take anything else, either.
    const elsewhere = page !== null && (status === 404 || status === 405);
    const code = String((said as { error_code?: string } | null | undefined)?.error_code ?? "");
    const always = status === 401 || status === 403 || status < 400 || elsewhere;
    throw new Refused(why, status, code, always && !given);
  };
}

/**
 * A text that an answer must have.
 *
 * @param answer What the server sent
 * @param path Where it is: names of fields, from the outside in
 * @throws {Refused} If it is not there: what answers is not the service
 */
export function textAt(answer: unknown, ...path: readonly string[]): string {
  const found = path.reduce(
    (value: unknown, name) => (value as Record<string, unknown> | null)?.[name],
    answer ?? null,
  );
  if (typeof found === "string") return found;
  const whole = JSON.stringify(answer);
  const shown = answer === null ? "nothing" : whole.length <= 200 ? whole : `{${Object.keys(answer as object)}}`;
  throw new Refused(`it answered ${shown}, without ${path.join(".")}`, 200, "", true);
}

/** What an `authorization` header says for a name and a password (RFC 7617), of any letters. */
export function basicAuth(name: string, password: string): string {
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`${name}:${password}`)))}`;
}

/** What an answer that is no success, or no JSON, says. */
function reasonOf(ok: boolean, said: unknown, page: string | null, text: string): string {
  if (page !== null) return `with a page, ${JSON.stringify(page)}, and not as its API does`;
  if (ok) return `with ${JSON.stringify(shortened(text))}, which is not JSON`;
  const { message, msg } = (said ?? {}) as { message?: string; msg?: string };
  return message ?? msg ?? shortened(text);
}

/** The title of an HTML page, or else its text; `null` of what is none. */
function titleOf(text: string): string | null {
  if (!/^\s*<(!doctype|html|head|body|\?xml)\b/i.test(text)) return null;
  const title = /<title[^>]*>([^<]*[^<\s][^<]*)/i.exec(text)?.[1];
  return shortened(title ?? text.replaceAll(/<(script|style)\b[^]*?<\/\1>|<[^>]*>/gi, " "), 80);
}

/** A text on one line, without its end where it is long. */
function shortened(text: string, most = 200): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, most);
}

/** A text without what proves who is asking: a server may say what it was asked. */
export function cleaned(text: string, headers: Readonly<Record<string, string>>): string {
  const secrets = Object.values(headers).flatMap((value) => {
    const key = value.split(" ").at(-1)!;
    return value.startsWith("Basic ") ? [value, key, passwordOf(key)] : [value, key];
  });
  return secrets.filter((secret) => secret.trim() !== "").reduce(
    (rest, secret) => rest.replaceAll(secret, "***"),
    text,
  );
}

/** The password in what a `Basic` header holds (RFC 7617). */
function passwordOf(packed: string): string {
  const text = new TextDecoder().decode(Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0)));
  return text.slice(text.indexOf(":") + 1);
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
    return undefined; // an answer in another format is shown as text
  }
}

/** An error with its cause, which is where fetch tells what happened. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
