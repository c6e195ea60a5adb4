import * as z from "zod";

/** A time span: `"DD:HH:MM:SS"`, seconds, or its parts. */
export type Duration =
  | `${number}:${number}:${number}:${number}`
  | number
  | { days?: number; hours?: number; minutes?: number; seconds?: number };

const part = z.number().min(0).optional();

/** A time span, as options take it. */
export const duration: z.ZodType<Duration> = z.union([
  z.string().regex(/^\d+:\d\d:\d\d:\d\d$/) as unknown as z.ZodType<`${number}:${number}:${number}:${number}`>,
  z.number().min(0),
  z.strictObject({ days: part, hours: part, minutes: part, seconds: part }),
]);

/** What a time span must be. */
export const DURATION = '"DD:HH:MM:SS", seconds, or { days, hours, minutes, seconds }';
/** The same where a number means something else. */
export const SPAN = '"DD:HH:MM:SS" or { days, hours, minutes, seconds }';

/** Seconds of a time span. */
export function secondsOf(span: Duration): number {
  if (typeof span === "number") return span;
  const [days, hours, minutes, seconds] = typeof span === "string"
    ? span.split(":").map(Number)
    : [span.days, span.hours, span.minutes, span.seconds].map((part) => part ?? 0);
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}
