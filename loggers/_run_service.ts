import { readFile } from "../platform/mod.ts";
import { PATIENCE } from "./_http.ts";
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

/** Milliseconds that a file may take. */
export function patienceOf(item: Item): number {
  return item.kind === "file" ? PATIENCE + item.size / SLOWEST * 1000 : 0;
}

/** The content of a file to send. */
export async function contentOf({ content }: FileItem): Promise<Uint8Array<ArrayBuffer>> {
  return "path" in content ? await readFile(content.path) : bytesOf(content.base64);
}
