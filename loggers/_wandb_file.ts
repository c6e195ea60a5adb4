import { crc32 } from "./_crc.ts";
import { Message } from "./_protobuf.ts";
import { json } from "./_values.ts";

/** Blocks of the file, counted from its first byte. */
const BLOCK = 32 * 1024;
/** Checksum, length and kind before the data of a chunk. */
const CHUNK_HEADER = 7;

/** What a run file begins with: its mark, a magic number, a version. */
export const HEADER: Uint8Array<ArrayBuffer> = Uint8Array.of(0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0);

/** Which part of a record a chunk holds. */
const KIND = { whole: 1, first: 2, middle: 3, last: 4 } as const;

/**
 * A record as the file holds it from some place on: in chunks that never cross a block, each with a checksum over its
 * kind and data. This is the log of LevelDB, but with a plain CRC-32.
 */
export function chunks(record: Uint8Array, offset: number): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (let at = 0; at < record.length || at === 0;) {
    const left = BLOCK - (offset + bytes.length) % BLOCK;
    if (left < CHUNK_HEADER) {
      for (let i = 0; i < left; i++) bytes.push(0);
      continue;
    }
    const length = Math.min(record.length - at, left - CHUNK_HEADER);
    const begins = at === 0, ends = at + length === record.length;
    const kind = begins ? ends ? KIND.whole : KIND.first : ends ? KIND.last : KIND.middle;
    const content = new Uint8Array(length + 1);
    content[0] = kind;
    content.set(record.subarray(at, at + length), 1);
    const head = new DataView(new ArrayBuffer(6));
    head.setUint32(0, crc32(content), true);
    head.setUint16(4, length, true);
    for (const byte of new Uint8Array(head.buffer)) bytes.push(byte);
    for (const byte of content) bytes.push(byte);
    at += length;
    if (ends) break;
  }
  return Uint8Array.from(bytes);
}

/** Who wrote the file, and who can read it. */
export function headerRecord(): Message {
  return new Message().bytes(21, new Message().bytes(1, new Message().bytes(1, "0.30.0").bytes(2, "0.70.0")));
}

/** What there is to know of a run when it begins. */
export interface RunInfo {
  readonly id: string;
  readonly project: string;
  readonly entity: string | null;
  readonly displayName: string | null;
  readonly tags: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly started: number;
}

/** The begin of a run, or a new state of what is known of it. */
export function runRecord({ id, project, entity, displayName, tags, config, started }: RunInfo): Message {
  const run = new Message().bytes(1, id);
  if (entity !== null) run.bytes(2, entity);
  run.bytes(3, project).bytes(4, items(1, config));
  if (displayName !== null) run.bytes(8, displayName);
  for (const tag of tags) run.bytes(10, tag);
  const nanos = Math.round(started % 1 * 1e9);
  return new Message().bytes(17, run.bytes(17, new Message().integer(1, Math.floor(started)).integer(2, nanos)));
}

/** A new state of the configuration. */
export function configRecord(config: Readonly<Record<string, unknown>>): Message {
  return new Message().bytes(5, items(1, config));
}

/** The metric that is the x axis of those whose names begin with something, or of all. */
export function axisRecord(glob: string, axis: string): Message {
  return new Message().bytes(12, new Message().bytes(2, glob).bytes(4, axis));
}

/** A row. */
export function historyRecord(step: number, row: Readonly<Record<string, unknown>>): Message {
  const history = new Message();
  for (const [key, value] of Object.entries(row)) {
    history.bytes(1, new Message().bytes(2, key).bytes(16, valueOf(value)));
  }
  return new Message().bytes(2, history.bytes(2, new Message().integer(1, step)));
}

/** A file below the run's `files` that belongs to a row. */
export function mediaRecord(path: string): Message {
  return new Message().bytes(6, new Message().bytes(1, new Message().bytes(1, path).integer(2, 0).integer(3, 2)));
}

/** The latest values. */
export function summaryRecord(values: Readonly<Record<string, unknown>>): Message {
  return new Message().bytes(3, items(1, values));
}

/** The end of a run. */
export function exitRecord(code: number, seconds: number): Message {
  return new Message().bytes(18, new Message().integer(1, code).integer(2, Math.floor(seconds)));
}

function items(field: number, values: Readonly<Record<string, unknown>>): Message {
  const all = new Message();
  for (const [key, value] of Object.entries(values)) {
    all.bytes(field, new Message().bytes(1, key).bytes(16, valueOf(value)));
  }
  return all;
}

/** A value as the client writes it: JSON, but for numbers that JSON does not have, which stand there as they are. */
function valueOf(value: unknown): string {
  return typeof value === "number" ? String(value) : json(value);
}

/** A row as the client sends it. */
export function rowText(row: Readonly<Record<string, unknown>>): string {
  return `{${Object.entries(row).map(([key, value]) => `${JSON.stringify(key)}:${valueOf(value)}`).join(",")}}`;
}
