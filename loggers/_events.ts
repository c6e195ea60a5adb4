import { maskedCrc32c } from "./_crc.ts";
import type { Histogram } from "./_media.ts";
import { Message } from "./_protobuf.ts";
import type { Flat } from "./_values.ts";

/** A frame of a TFRecord file: length, its checksum, the data, its checksum. */
export function frame(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.length + 16), view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return bytes;
}

/** The first event of a file. */
export function versionEvent(seconds: number): Uint8Array {
  return new Message().double(1, seconds).bytes(3, "brain.Event:2").encode();
}

/** An event with values of one step. */
export function summaryEvent(seconds: number, step: number, values: readonly Message[]): Uint8Array {
  const summary = new Message();
  for (const value of values) summary.bytes(1, value);
  return new Message().double(1, seconds).integer(2, step).bytes(5, summary).encode();
}

/** The event by which TensorBoard forgets what other files of the run have from a step on. */
export function restartEvent(seconds: number, step: number): Uint8Array {
  return new Message().double(1, seconds).integer(2, step).bytes(7, new Message().integer(1, 1)).encode();
}

/** A number, an f32. */
export function scalarValue(tag: string, value: number): Message {
  return new Message().bytes(1, tag).float(2, value);
}

/** Which plugin shows a value: its name, its content, and the kind of data. */
function metadata(plugin: string, content: Uint8Array | Message, dataClass?: number): Message {
  const known = new Message().bytes(1, new Message().bytes(1, plugin).bytes(2, content));
  return dataClass === undefined ? known : known.integer(4, dataClass);
}

const NOTHING = new Uint8Array(0);

/** A text, shown as Markdown. */
export function textValue(tag: string, text: string): Message {
  const shape = new Message().bytes(2, new Message().integer(1, 1));
  const tensor = new Message().integer(1, 7).bytes(2, shape).bytes(8, text);
  return new Message().bytes(1, `${tag}/text_summary`).bytes(8, tensor).bytes(9, metadata("text", NOTHING, 2));
}

/** A PNG image. */
export function imageValue(
  tag: string,
  png: Uint8Array,
  size: { width: number; height: number; channels: number },
): Message {
  const image = new Message().integer(1, size.height).integer(2, size.width).integer(3, size.channels).bytes(4, png);
  return new Message().bytes(1, tag).bytes(4, image);
}

/** A histogram. */
export function histogramValue(tag: string, { min, max, count, sum, sumSquares, limits, counts }: Histogram): Message {
  const histogram = new Message().double(1, min).double(2, max).double(3, count).double(4, sum).double(5, sumSquares);
  return new Message().bytes(1, tag).bytes(5, histogram.doubles(6, limits).doubles(7, counts));
}

const DATA_TYPES = { string: 1, boolean: 2, number: 3 } as const;

function hparamValue(value: string | number | boolean): Message {
  if (typeof value === "number") return new Message().double(2, value);
  return typeof value === "string" ? new Message().bytes(3, value) : new Message().bool(4, value);
}

const hparamsSummary = (tag: string, field: number, content: Message): Message =>
  new Message().bytes(1, tag).bytes(9, metadata("hparams", new Message().integer(1, 0).bytes(field, content)));

/** The values that make a run appear among the hyperparameters: which there are, theirs, and that the run has begun. */
export function hparamsValues(
  params: Flat,
  metrics: readonly string[],
  name: string,
  seconds: number,
): Message[] {
  const experiment = new Message().double(3, seconds), session = new Message();
  for (const [key, value] of Object.entries(params)) {
    experiment.bytes(4, new Message().bytes(1, key).integer(4, DATA_TYPES[typeof value as keyof typeof DATA_TYPES]));
    session.bytes(1, new Message().bytes(1, key).bytes(2, hparamValue(value)));
  }
  for (const metric of metrics) experiment.bytes(5, new Message().bytes(1, new Message().bytes(2, metric)));
  session.bytes(4, name).double(5, seconds);
  return [
    hparamsSummary("_hparams_/experiment", 2, experiment),
    hparamsSummary("_hparams_/session_start_info", 3, session),
  ];
}

/** The value that ends a run among the hyperparameters. */
export function sessionEndValue(success: boolean, seconds: number): Message {
  const end = new Message().integer(1, success ? 1 : 2).double(2, seconds);
  return hparamsSummary("_hparams_/session_end_info", 4, end);
}
