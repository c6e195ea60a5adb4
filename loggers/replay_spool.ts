import { type CometRun, CometService } from "./_comet_service.ts";
import { sender } from "./_http.ts";
import type { Item } from "./_item.ts";
import { type MLflowRun, MLflowService } from "./_mlflow_service.ts";
import { Outbox } from "./_outbox.ts";
import type { RunService } from "./_run_service.ts";
import { readSpool, Spool } from "./_spool.ts";

const SERVICES: Readonly<Record<string, (run: Readonly<Record<string, unknown>>) => RunService>> = {
  mlflow: (run) => new MLflowService(run as unknown as MLflowRun),
  comet: (run) => new CometService(run as unknown as CometRun),
};

/**
 * Sends what a logger could not, from the file that it named in its warning. Access is proven as the logger does it. The file
 * is removed when everything is sent; what is not stays in it, for another try.
 *
 * @param path The file, below `unsent` in the logger's `saveDir`
 * @param options `seconds` without progress after which it is given up; default 30
 * @returns How many entries are left
 * @throws {FileError} If there is no such file
 * @throws {TypeError} If it is no spool
 *
 * @example
 * ```ts ignore
 * import { replaySpool } from "@fulgurite/core/loggers";
 *
 * const left = await replaySpool("fulgurite_logs/unsent/mlflow-1750000000000-4711-0.jsonl");
 * console.log(left === 0 ? "sent" : `${left} entries are left`);
 * ```
 */
export async function replaySpool(path: string, { seconds = 30 }: { seconds?: number } = {}): Promise<number> {
  const { service: kind, run } = await readSpool(path), make = SERVICES[kind];
  if (make === undefined) throw new TypeError(`Cannot replay ${path}: there is no service ${kind}`);
  const service = make(run), abort = new AbortController();
  const spool = await Spool.open<Item>(path, () => ({ service: kind, run: service.run }));
  const send = sender(service.base, () => service.headers(), abort.signal);
  return await new Outbox(service, send, abort, spool).close(seconds);
}
