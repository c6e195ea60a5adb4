/** What the parts of a run cost. */
import { AdvancedProfiler } from "./advanced_profiler.ts";
import type { Profiler } from "./profiler.ts";
import { SimpleProfiler } from "./simple_profiler.ts";

export { AdvancedProfiler, type AdvancedProfilerOptions } from "./advanced_profiler.ts";
export type { ChromeTrace, HostSpan, MemorySample, TraceEvent } from "./chrome_trace.ts";
export { Profiler, type ProfilerOptions } from "./profiler.ts";
export { type ActionTime, SimpleProfiler, type SimpleProfilerOptions } from "./simple_profiler.ts";
export { TraceProfiler, type TraceProfilerOptions } from "./trace_profiler.ts";

/** The name of a profiler. */
export type ProfilerName = "simple" | "advanced";

/** Profilers that have a name. */
export const PROFILERS = ["simple", "advanced"] as const satisfies readonly ProfilerName[];

/** The profiler that an option names, or is. */
export function profilerOf(option: ProfilerName | Profiler | null): Profiler | null {
  if (option === "simple") return new SimpleProfiler();
  return option === "advanced" ? new AdvancedProfiler() : option;
}
