import { readFile } from "../platform/mod.ts";
import { PATIENCE, Refused } from "./_http.ts";
import { bytesOf, type FileItem, type Item } from "./_item.ts";
import type { Service } from "./_outbox.ts";

/** A service that keeps runs. */
export interface RunService extends Service<Item> {
  /** Its kind, in a spool's header. */
  readonly kind: string;
  /** The server's address. */
  readonly base: string;
  /** The experiment or project. */
  readonly name: string;
  /** The run's id, or its name as long as there is none. */
  readonly version: string;
  /** What another process has to know to go on; without secrets. */
  readonly run: Readonly<Record<string, unknown>>;
  /** Whether the epoch is a metric of its own. */
  readonly epochIsMetric: boolean;
  /** What is sent when a run begins. */
  opening(): Item[];
  /** The name of a metric, as the service takes it. */
  metricName(name: string): string;
  /** A hyperparameter, as the service takes it. */
  param(name: string, value: string): Omit<Item & { kind: "param" }, "time">;
}

/** Bytes a second that an upload makes at least. */
const SLOWEST = 250_000;

/** Milliseconds that an item may take: a file as long as its size wants. */
export function patienceOf({ size }: { readonly kind: string; readonly size?: number }): number {
  return size === undefined ? 0 : PATIENCE + size / SLOWEST * 1000;
}

/** The content of a file to send. */
export async function contentOf({ content }: Pick<FileItem, "content">): Promise<Uint8Array<ArrayBuffer>> {
  if ("base64" in content) return bytesOf(content.base64);
  return await readFile(content.path).catch((error) => {
    throw new Refused(error.message, 0, "", false); // somebody removed it: the others arrive
  });
}
