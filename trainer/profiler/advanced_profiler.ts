import { show } from "../../device/option_names.ts";
import type { Stage } from "../../data/mod.ts";
import { type CpuSample, type ProfiledFunction, startCpuProfile } from "../../platform/mod.ts";
import { fiveDigits, textTable } from "./_table.ts";
import { checkProfiler, Profiler, PROFILER_OPTIONS, type ProfilerOptions } from "./profiler.ts";

/** Options of an {@link AdvancedProfiler}. */
export interface AdvancedProfilerOptions extends ProfilerOptions {
  /** Functions to list for each action: a count from 1 on, or a share below 1; default 10. */
  lineCountRestriction?: number;
  /** Microseconds between two looks at the processor; default 500. */
  samplingInterval?: number;
}

/** An action that ran, in milliseconds of the host's clock. */
interface Span {
  readonly action: string;
  readonly begin: number;
  end: number;
}

/** What an action's functions took, in seconds. */
interface FunctionTime {
  readonly fn: ProfiledFunction;
  self: number;
  total: number;
}

/**
 * Tells for each action which functions took the time: alone, and with what they called. V8's sampling profiler looks
 * at the processor many times a second, and each look counts for the innermost action that ran then.
 *
 * It needs Deno or Node; in a browser the developer tools show the same.
 *
 * @example
 * ```ts
 * import { AdvancedProfiler, Trainer } from "@fulgurite/core/trainer";
 *
 * const trainer = new Trainer({ profiler: new AdvancedProfiler({ lineCountRestriction: 5 }), logger: false });
 * console.log(trainer.profiler instanceof AdvancedProfiler); // true
 * ```
 */
export class AdvancedProfiler extends Profiler {
  readonly #lines: number;
  readonly #interval: number;
  #spans: Span[] = [];
  #samples: readonly CpuSample[] = [];
  #stop: (() => Promise<CpuSample[]>) | null = null;

  /**
   * Makes the profiler.
   *
   * @param options Where its report goes, and how much it shows
   * @throws {TypeError} If an option does not exist, or is of another type
   * @throws {RangeError} If a number is not above 0
   */
  constructor(options: AdvancedProfilerOptions = {}) {
    const task = "make an AdvancedProfiler";
    checkProfiler(task, options, { ...PROFILER_OPTIONS, lineCountRestriction: true, samplingInterval: true });
    super(options);
    const { lineCountRestriction = 10, samplingInterval = 500 } = options;
    for (const [name, value] of Object.entries({ lineCountRestriction, samplingInterval })) {
      if (typeof value === "number" && value > 0) continue;
      throw new RangeError(`Cannot ${task}: ${name} must be above 0, got ${show(value)}`);
    }
    this.#lines = lineCountRestriction;
    this.#interval = samplingInterval;
  }

  /** Starts to look. */
  override async open(_stage: Stage): Promise<void> {
    this.#spans = [];
    this.#samples = [];
    this.#stop = await startCpuProfile(this.#interval);
  }

  /** Ends it. */
  override async close(): Promise<void> {
    this.#samples = await this.#stop?.() ?? [];
    this.#stop = null;
  }

  /** Notes a span. */
  override begin(action: string): () => void {
    const span: Span = { action, begin: performance.now(), end: Infinity };
    this.#spans.push(span);
    return () => void (span.end = performance.now());
  }

  /** For each action a table of its functions, the action that took longest first. */
  override summary(): string {
    const actions = functionsByAction(this.#spans, this.#samples);
    const blocks = [...actions].map(([action, functions]) => {
      const calls = this.#spans.filter((span) => span.action === action).length;
      const list = [...functions.values()].sort((a, b) => b.self - a.self || b.total - a.total);
      const self = list.reduce((sum, entry) => sum + entry.self, 0);
      const shown = list.slice(0, this.#lines < 1 ? Math.ceil(this.#lines * list.length) : Math.round(this.#lines));
      const rows = shown.map(({ fn, self, total }) => [
        `${fn.name || "(anonymous)"} ${placeOf(fn)}`.trimEnd(),
        fiveDigits(self),
        fiveDigits(total),
      ]);
      const text = `Profile of ${action}: ${calls} calls, ${fiveDigits(self)} s of the processor\n` +
        textTable(["Function", "Self (s)", "Total (s)"], rows);
      return { self, text };
    });
    return blocks.sort((a, b) => b.self - a.self).map(({ text }) => text).join("\n\n");
  }
}

/** Gives each sample to the innermost span that holds it: spans nest, and begin in order. */
function functionsByAction(spans: readonly Span[], samples: readonly CpuSample[]) {
  const actions = new Map<string, Map<string, FunctionTime>>();
  const open: Span[] = [];
  let next = 0;
  for (const { at, milliseconds, stack } of samples) {
    for (; next < spans.length && spans[next].begin <= at; next++) open.push(spans[next]);
    while (open.length > 0 && open[open.length - 1].end <= at) open.pop();
    const action = open.findLast(({ end }) => end > at)?.action ?? "outside of actions";
    if (stack.length === 0 || stack[0].name === "(idle)") continue;
    let functions = actions.get(action);
    if (functions === undefined) actions.set(action, functions = new Map());
    const counted = new Set<string>();
    for (const [depth, fn] of stack.entries()) {
      const key = `${fn.name} ${fn.url}:${fn.line}`;
      let entry = functions.get(key);
      if (entry === undefined) functions.set(key, entry = { fn, self: 0, total: 0 });
      if (depth === 0) entry.self += milliseconds / 1000;
      if (!counted.has(key)) entry.total += milliseconds / 1000; // a function that calls itself counts once
      counted.add(key);
    }
  }
  return actions;
}

function placeOf({ url, line }: ProfiledFunction): string {
  return url === "" ? "" : `${url.split("/").slice(-2).join("/")}:${line}`;
}
