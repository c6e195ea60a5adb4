import type { TimedDispatch } from "../../device/mod.ts";

/** Something that the host did, in the milliseconds of `performance.now()`. */
export interface HostSpan {
  /** What it is called. */
  readonly action: string;
  /** When it began. */
  readonly begin: number;
  /** When it ended. */
  readonly end: number;
}

/** What the device held at a moment. */
export interface MemorySample {
  /** The moment, in the milliseconds of `performance.now()`. */
  readonly at: number;
  /** Bytes of tensors. */
  readonly liveBytes: number;
  /** Bytes that are kept for tensors to come. */
  readonly pooledBytes: number;
}

/** An event of a trace, as Chrome's trace event format has it; times are in microseconds. */
export interface TraceEvent {
  /** Its name. */
  readonly name: string;
  /** What it is: a span (X), a counter (C), an arrow's begin (s) or end (f), a name of a row (M). */
  readonly ph: "X" | "C" | "s" | "f" | "M";
  /** The process, here: 1 the host, 2 the device. */
  readonly pid: number;
  /** The row in it. */
  readonly tid: number;
  /** When. */
  readonly ts?: number;
  /** For how long. */
  readonly dur?: number;
  /** Its kind. */
  readonly cat?: string;
  /** What ties the two ends of an arrow. */
  readonly id?: number;
  /** An arrow ends at the span that is there. */
  readonly bp?: "e";
  /** More about it. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A trace as a viewer reads it. */
export interface ChromeTrace {
  /** All events, in the order of their times. */
  readonly traceEvents: readonly TraceEvent[];
  /** The unit that a viewer shows. */
  readonly displayTimeUnit: "ms";
}

const HOST = { pid: 1, tid: 1 } as const;
const DEVICE = { pid: 2, tid: 1 } as const;

/**
 * A timeline in Chrome's trace event format: spans of the host, kernels of the device, arrows from each submit to the
 * first kernel of its batch, and the device's memory.
 *
 * @param spans What the host did
 * @param dispatches The kernels
 * @param memory What the device held
 * @param adapter What the device is called
 */
export function toChromeTrace(
  spans: readonly HostSpan[],
  dispatches: readonly TimedDispatch[],
  memory: readonly MemorySample[],
  adapter: string,
): ChromeTrace {
  const origin = Math.min(...[spans[0]?.begin, dispatches[0]?.submitted, memory[0]?.at].map((at) => at ?? Infinity));
  const start = spans.reduce((least, { begin }) => Math.min(least, begin), origin);
  const ts = (milliseconds: number) => 1000 * (milliseconds - start);
  const name = (row: typeof HOST | typeof DEVICE, what: "process_name" | "thread_name", name: string): TraceEvent => ({
    ...row,
    name: what,
    ph: "M",
    args: { name },
  });
  const events: TraceEvent[] = spans.map(({ action, begin, end }) => ({
    ...HOST,
    name: action,
    cat: "host",
    ph: "X",
    ts: ts(begin),
    dur: 1000 * (end - begin),
  }));
  let submit = -1;
  for (const { label, shapes, groups, begin, microseconds, submitted } of dispatches) {
    const at = ts(begin);
    const args = {
      shapes: shapes?.map((shape) => `[${shape.join(", ")}]`).join(" ") ?? "",
      groups: groups.join(" × "),
    };
    events.push({ ...DEVICE, name: label, cat: "kernel", ph: "X", ts: at, dur: microseconds, args });
    if (submitted === submit) continue;
    submit = submitted;
    const arrow = { name: "submit", cat: "submit", id: events.length } as const;
    // Two clocks, rounded: an arrow that ended before its begin would be none.
    events.push({ ...HOST, ...arrow, ph: "s", ts: Math.min(ts(submitted), at) }, {
      ...DEVICE,
      ...arrow,
      ph: "f",
      bp: "e",
      ts: at,
    });
  }
  for (const { at, liveBytes, pooledBytes } of memory) {
    events.push({ ...DEVICE, name: "memory", ph: "C", ts: ts(at), args: { live: liveBytes, idle: pooledBytes } });
  }
  // Of two that begin together the longer one holds the other.
  events.sort((a, b) => a.ts! - b.ts! || (b.dur ?? 0) - (a.dur ?? 0));
  return {
    traceEvents: [
      name(HOST, "process_name", "Host"),
      name(HOST, "thread_name", "trainer"),
      name(DEVICE, "process_name", `Device: ${adapter}`),
      name(DEVICE, "thread_name", "queue"),
      ...events,
    ],
    displayTimeUnit: "ms",
  };
}
