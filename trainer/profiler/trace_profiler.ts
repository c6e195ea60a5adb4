import { show } from "../../device/option_names.ts";
import type { Stage } from "../../data/mod.ts";
import { device, type TimedDispatch } from "../../device/mod.ts";
import { Timeline } from "../../device/timeline.ts";
import { joinPath, makeDir, writeFile } from "../../platform/mod.ts";
import { fiveDigits, textTable } from "./_table.ts";
import { type ChromeTrace, type HostSpan, type MemorySample, toChromeTrace } from "./chrome_trace.ts";
import { checkProfiler, Profiler, PROFILER_OPTIONS, type ProfilerOptions } from "./profiler.ts";

/** Options of a {@link TraceProfiler}. */
export interface TraceProfilerOptions extends ProfilerOptions {
  /** Batches to leave out first, while kernels are compiled; default 1. */
  wait?: number;
  /** Batches after them that are run as they will be traced, and left out too; default 1. */
  warmup?: number;
  /** Batches that are traced; default 3. */
  active?: number;
  /** How often this is repeated; 0: until the end. Default 1. */
  repeat?: number;
  /** Whether kernels are timed on the device, where the adapter can; default true. */
  kernels?: boolean;
}

/**
 * Draws a timeline of a few batches: what the trainer did on the host, and each kernel on the device by timestamp
 * queries, with its shapes. The file is a Chrome trace, `fit-trace.json` in the folder for logs; Perfetto
 * (ui.perfetto.dev) and `chrome://tracing` open it.
 *
 * While it traces, each kernel has a compute pass of its own, which costs a little; other batches run as without it.
 *
 * @example
 * ```ts
 * import { Trainer, TraceProfiler } from "@fulgurite/core/trainer";
 *
 * const profiler = new TraceProfiler({ wait: 2, active: 2, dirpath: "traces" });
 * const trainer = new Trainer({ profiler, maxSteps: 10, logger: false });
 * console.log(trainer.profiler === profiler); // true
 * ```
 */
export class TraceProfiler extends Profiler {
  readonly #schedule: {
    readonly wait: number;
    readonly warmup: number;
    readonly active: number;
    readonly repeat: number;
  };
  readonly #kernels: boolean;
  readonly #open = new Set<{ readonly action: string; readonly begin: number }>();
  #spans: HostSpan[] = [];
  #dispatches: TimedDispatch[] = [];
  #memory: MemorySample[] = [];
  #timeline: Timeline | null = null;
  #batches = 0;
  /** When tracing began, `null` while it does not trace. */
  #since: number | null = null;
  #path = "";
  #note = "";

  /**
   * Makes the profiler.
   *
   * @param options Which batches are traced, and where the trace goes
   * @throws {TypeError} If an option does not exist, or is of another type
   * @throws {RangeError} If a number of batches is none
   */
  constructor(options: TraceProfilerOptions = {}) {
    const task = "make a TraceProfiler", numbers = { wait: true, warmup: true, active: true, repeat: true } as const;
    checkProfiler(task, options, { ...PROFILER_OPTIONS, ...numbers, kernels: true }, ["kernels"]);
    super(options);
    const { wait = 1, warmup = 1, active = 3, repeat = 1, kernels = true } = options;
    this.#schedule = { wait, warmup, active, repeat };
    for (const [name, value] of Object.entries(this.#schedule)) {
      const least = name === "active" ? 1 : 0;
      if (Number.isInteger(value) && value >= least) continue;
      throw new RangeError(
        `Cannot ${task}: ${name} must be a whole number from ${least} on, got ${show(value)}`,
      );
    }
    this.#kernels = kernels;
  }

  /** The trace so far, as it goes to the file. */
  get trace(): ChromeTrace {
    return toChromeTrace(this.#spans, this.#dispatches, this.#memory, device().info.adapter);
  }

  /** The kernels that were traced, in the order of their calls. */
  get dispatches(): readonly TimedDispatch[] {
    return this.#dispatches;
  }

  /** The file of the latest trace, `""` before the first. */
  get path(): string {
    return this.#path;
  }

  /** Begins anew. */
  override async open(_stage: Stage): Promise<void> {
    this.#open.clear();
    [this.#spans, this.#dispatches, this.#memory] = [[], [], []];
    this.#batches = 0;
    this.#note = "";
    await this.#follow();
  }

  /** Notes a span of the host. */
  override begin(action: string): () => void {
    const span = { action, begin: performance.now() };
    this.#open.add(span);
    return () => {
      this.#open.delete(span);
      if (this.#since !== null) this.#take(span, performance.now());
    };
  }

  /** Counts a batch. */
  override step(): Promise<void> {
    this.#batches++;
    return this.#follow();
  }

  /** Writes the file. */
  override async close(stage: Stage, logDir: string): Promise<void> {
    await this.#pause();
    const folder = this.folder(logDir);
    this.#path = joinPath(folder, `${stage}-${this.filename ?? "trace"}.json`);
    await makeDir(folder);
    await writeFile(this.#path, new TextEncoder().encode(JSON.stringify(this.trace)));
  }

  /** The kernels by name, those that took longest first. */
  override summary(): string {
    const kernels = new Map<string, { calls: number; milliseconds: number }>();
    let sum = 0;
    for (const { label, microseconds } of this.#dispatches) {
      const entry = kernels.get(label) ?? { calls: 0, milliseconds: 0 };
      kernels.set(label, entry);
      entry.calls++;
      entry.milliseconds += microseconds / 1000;
      sum += microseconds / 1000;
    }
    const rows = [...kernels].sort(([, a], [, b]) => b.milliseconds - a.milliseconds).map(([label, entry]) => [
      label,
      String(entry.calls),
      fiveDigits(entry.milliseconds),
      fiveDigits(1000 * entry.milliseconds / entry.calls),
      fiveDigits(100 * entry.milliseconds / sum),
    ]);
    const table = textTable(["Kernel", "Calls", "Total (ms)", "Mean (µs)", "%"], rows);
    return `${table}\n${this.#note}Trace: ${this.#path || "not written"}`;
  }

  /** Traces or not, as the schedule says of the batch that comes. */
  async #follow(): Promise<void> {
    const { wait, warmup, active, repeat } = this.#schedule;
    const cycle = wait + warmup + active, place = this.#batches % cycle;
    const ended = repeat > 0 && this.#batches >= repeat * cycle;
    const traces = !ended && place >= wait + warmup;
    if (traces && this.#since === null) await this.#resume();
    else if (!traces && this.#since !== null) await this.#pause();
    else if (traces) this.#sampleMemory();
  }

  async #resume(): Promise<void> {
    await device().sync();
    if (this.#kernels && device().features.has("timestamp-query")) this.#timeline = new Timeline(device());
    else if (this.#kernels) {
      this.#note = `The adapter ${device().info.adapter} has no timestamp queries: no kernel is timed\n`;
    }
    this.#since = performance.now();
    this.#sampleMemory();
  }

  async #pause(): Promise<void> {
    if (this.#since === null) return;
    const now = performance.now(), timeline = this.#timeline;
    this.#sampleMemory();
    for (const span of this.#open) this.#take(span, now);
    this.#since = this.#timeline = null;
    if (timeline === null) return;
    for (const dispatch of await timeline.stop()) this.#dispatches.push(dispatch);
    if (timeline.lost > 0) this.#note = `${timeline.lost} kernels were too many to be timed\n`;
  }

  /** Keeps what of a span lies within the trace. */
  #take({ action, begin }: { readonly action: string; readonly begin: number }, end: number): void {
    this.#spans.push({ action, begin: Math.max(begin, this.#since!), end });
  }

  #sampleMemory(): void {
    const { liveBytes, pooledBytes } = device().memory();
    this.#memory.push({ at: performance.now(), liveBytes, pooledBytes });
  }
}
