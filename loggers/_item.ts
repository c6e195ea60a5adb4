/** What loggers of services send. */

/** What a file is, by which services tell how to show it. */
export type FileKind = "image" | "text" | "histogram" | "table" | "checkpoint";

/** A file to send: on disk, or in the item itself, so that it can wait in a spool. */
export interface FileItem {
  readonly kind: "file";
  readonly what: FileKind;
  /** Its path in the run. */
  readonly name: string;
  readonly step: number | null;
  readonly caption: string | null;
  readonly content: { readonly base64: string } | { readonly path: string };
  /** Bytes. */
  readonly size: number;
  /** Whether the file on disk is only there to be sent. */
  readonly ours: boolean;
}

/** A number of a metric; a text where JSON has no such number. */
export interface MetricItem {
  readonly kind: "metric";
  readonly name: string;
  readonly value: number | "NaN" | "Infinity" | "-Infinity";
  readonly step: number;
  readonly epoch: number;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** One entry of a queue. */
export type Item =
  | MetricItem
  | { readonly kind: "param"; readonly name: string; readonly value: string; readonly time: number }
  | { readonly kind: "tag"; readonly name: string; readonly value: string }
  | FileItem
  | { readonly kind: "end"; readonly status: string; readonly time: number };

/** A number as JSON takes it. */
export function sendable(value: number): MetricItem["value"] {
  return Number.isFinite(value) ? value : String(value) as "NaN" | "Infinity" | "-Infinity";
}

/** Bytes as text. */
export function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

/** The bytes of {@link base64Of}. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
