import { checkNames } from "../device/option_names.ts";
import { type CometRun, CometService } from "./_comet_service.ts";
import { sender } from "./_http.ts";
import type { Item } from "./_item.ts";
import { type MLflowRun, MLflowService } from "./_mlflow_service.ts";
import { checkSeconds, Outbox } from "./_outbox.ts";
import type { RunService } from "./_run_service.ts";
import { readSpool, Spool } from "./_spool.ts";

const SERVICES: Readonly<Record<string, (run: Readonly<Record<string, unknown>>) => RunService>> = {
  mlflow: (run) => new MLflowService(run as unknown as MLflowRun),
  comet: (run) => new CometService(run as unknown as CometRun),
};

/** How long {@link replaySpool} tries. */
export interface ReplayOptions {
  /**
   * Seconds in which the server must take at least one entry, or it is given up; default 30. Infinity tries for ever.
   */
  seconds?: number;
}

/**
 * Sends what a logger could not, from the file that it named in its warning, to the same run. Access is proven as the
 * logger does it. What is sent is noted in the file: whoever is cut off goes on there, and only an entry that was under
 * way may arrive twice. The file is removed when nothing is left. Use it when the run that writes the file is over.
 *
 * A server that is away, that does not accept the key, or that something else answers for is no error: it is told on
 * the error stream, and the entries stay in the file.
 *
 * @param path The file, below `unsent` in the logger's `saveDir`
 * @param options How long a server is waited for
 * @returns How many entries are left in the file: 0 when the service has taken all that it takes. Entries that it
 *   refuses (a value that cannot be changed, a file that is too large) are told and left out, now and later, and do not
 *   count
 * @throws {FileError} If there is no such file
 * @throws {TypeError} If it is no spool, or an option does not exist
 * @throws {RangeError} If `seconds` is negative
 *
 * @example
 * ```ts ignore
 * import { replaySpool } from "@fulgurite/core/loggers";
 *
 * const left = await replaySpool("fulgurite_logs/unsent/mlflow-1750000000000-4711-0.jsonl");
 * console.log(left === 0 ? "sent" : `${left} entries are left`);
 * ```
 */
export async function replaySpool(path: string, options: ReplayOptions = {}): Promise<number> {
  checkNames("replay a spool", options, { seconds: true });
  const { seconds = 30 } = options;
  checkSeconds("replay a spool", "seconds", seconds);
  const { service: kind, run } = await readSpool(path), make = SERVICES[kind];
  if (make === undefined) throw new TypeError(`Cannot replay ${path}: there is no service ${kind}`);
  const service = make(run), abort = new AbortController();
  const spool = await Spool.open<Item>(path, () => ({ service: kind, run: service.run }));
  const send = sender(service.base, () => service.headers(), abort.signal);
  return await new Outbox(service, send, abort, spool).close(seconds);
}
