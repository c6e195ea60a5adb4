// Measures WebGPU libraries side by side: every workload, every library, in processes of their own that take turns.
//
//   deno task bench:peers --help

import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import os from "node:os";
import { defaultToggles } from "./gpu.ts";
import { libraries } from "./libraries.ts";
import { type Cold, type Command, type Finished, marker, type Prepared, type Sample } from "./protocol.ts";
import { reference } from "./reference.ts";
import { type Cell, type ColdRow, median, type Report, type Row, toMarkdown } from "./report.ts";
import { type Workload, workloads } from "./workloads.ts";

const help = `
Usage: deno task bench:peers [options]

  --libs a,b       libraries to run (default: all, but those that need a checkout; see libraries.ts)
  --only a,b       workloads whose id starts with one of these (default: all; "cold" selects the start-up rows)
  --rounds n       samples of each library per process, taken in turns (default 3)
  --restarts n     fresh processes per workload and library (default 4)
  --seconds s      length of one sample (default 0.25)
  --polling p      "polite" or "native": how processes wait for the device, see gpu.ts (default polite)
  --toggles t      Dawn toggles, separated by ";" (default ${defaultToggles.join(";")})
  --json file      write everything that was measured
  --markdown file  write the tables
  --no-cold        skip the start-up rows
  --quick          one process, short samples: to see that things work, not to quote
`;

const { values: flags } = parseArgs({
  args: Deno.args,
  options: {
    help: { type: "boolean" },
    libs: { type: "string" },
    only: { type: "string" },
    rounds: { type: "string" },
    restarts: { type: "string" },
    seconds: { type: "string" },
    polling: { type: "string", default: "polite" },
    toggles: { type: "string", default: defaultToggles.join(";") },
    json: { type: "string" },
    markdown: { type: "string" },
    "no-cold": { type: "boolean" },
    quick: { type: "boolean" },
  },
});
if (flags.help) {
  console.log(help);
  Deno.exit(0);
}
const rounds = Number(flags.rounds ?? 3);
const restarts = Number(flags.restarts ?? (flags.quick ? 1 : 4));
const seconds = Number(flags.seconds ?? (flags.quick ? 0.1 : 0.25));
const only = flags.only?.split(",");
const chosen = workloads.filter((w) => !only || only.some((prefix) => w.id.startsWith(prefix)));
const wanted = flags.libs?.split(",") ?? Object.keys(libraries);

const config = fileURLToPath(new URL("./deno.json", import.meta.url));
const workerScript = new URL("./worker.ts", import.meta.url).href;
const prepareTimeout = 300, measureTimeout = 120;
/** Above this many cores of other processes' work, a sample is taken again. */
const foreignLimit = 0.35;
const retries = 3;

/** One worker process. It is started here, talked to here, and ended here. */
class Worker {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncGenerator<string>;
  readonly #errors: Promise<string>;

  constructor(readonly library: string, env: Record<string, string> = {}) {
    const { flags: runtimeFlags = [], env: libraryEnv = {} } = libraries[library];
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", "--config", config, ...runtimeFlags, workerScript, library],
      cwd: new URL(".", import.meta.url),
      env: { BENCH_POLLING: flags.polling!, BENCH_TOGGLES: flags.toggles!, ...libraryEnv, ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#lines = lines(this.#child.stdout);
    this.#errors = drain(this.#child.stderr);
  }

  async send<T>(command: Command, timeout: number): Promise<T | { status: "failed"; reason: string }> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), timeout * 1000));
    try {
      await this.#input.write(new TextEncoder().encode(JSON.stringify(command) + "\n"));
      const answer = await Promise.race([this.#lines.next(), late]);
      if (answer === null) return { status: "failed", reason: `no answer within ${timeout} s` };
      if (answer.done) {
        return {
          status: "failed",
          reason: `the process ended: ${clean((await this.#errors).trim().split("\n").pop() ?? "")}`,
        };
      }
      return JSON.parse(answer.value);
    } catch (error) {
      return { status: "failed", reason: clean(String(error)) };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process: kindly by closing its input, at once if it does not listen. */
  async end(): Promise<void> {
    await this.#input.close().catch(() => {});
    const timer = setTimeout(() => {
      try {
        this.#child.kill("SIGKILL");
      } catch { /* ended meanwhile */ }
    }, 3000);
    await this.#child.status;
    clearTimeout(timer);
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    for (const line of parts) if (line.startsWith(marker)) yield line.slice(marker.length);
  }
}

async function drain(stream: ReadableStream<Uint8Array>): Promise<string> {
  let tail = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) tail = (tail + text).slice(-4000);
  return tail;
}

/** Error texts name paths of the machine; reports must not. */
function clean(text: string): string {
  return text.replace(/(file|https?):\/\/\S+/g, "…").replace(/(^|[\s('"])\/[\w@.+-]+(\/[\w@.+-]+)+/g, "$1…").slice(
    0,
    300,
  );
}

const say = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(w: Workload, ids: string[], scratch: string, report: Report): Promise<Row> {
  const expected = `${scratch}/${w.id}.json`;
  await Deno.writeTextFile(expected, JSON.stringify(reference(w)));
  const cells: Record<string, Cell> = {};
  for (let restart = 0; restart < restarts; restart++) {
    const workers: Worker[] = [];
    for (const id of ids) {
      const known = cells[id]?.status;
      if (known && known !== "ok") continue;
      const worker = new Worker(id);
      const prepared = await worker.send<Prepared>(
        { do: "prepare", workload: w.id, expected, seconds },
        prepareTimeout,
      );
      if (prepared.status !== "ok") {
        cells[id] = { status: prepared.status, reason: clean(prepared.reason ?? "") };
        await worker.end();
        continue;
      }
      const cell = cells[id] ??= { status: "ok", samples: [], firstIterationMs: [], error: 0 };
      cell.error = Math.max(cell.error!, prepared.error!);
      cell.iterationsPerSample = prepared.iterationsPerSample;
      cell.firstIterationMs!.push(prepared.firstIterationMs!);
      workers.push(worker);
    }
    for (let round = 0; round < rounds; round++) {
      // A B C, B C A, C A B: each library follows each other one.
      const order = workers.map((_, i) => workers[(i + round) % workers.length]);
      for (const worker of order) {
        const cell = cells[worker.library];
        if (cell.status !== "ok") continue;
        let best: Sample | null = null;
        for (let attempt = 0; attempt <= retries; attempt++) {
          const sample = await worker.send<Sample>({ do: "measure" }, measureTimeout);
          if ("status" in sample) {
            Object.assign(cell, { status: "failed", reason: clean(sample.reason) });
            break;
          }
          if (!best || (sample.foreignCores ?? 0) < (best.foreignCores ?? 0)) best = sample;
          if ((best.foreignCores ?? 0) <= foreignLimit) break;
          await pause(1000);
        }
        if (best && cell.status === "ok") cell.samples!.push(best);
      }
    }
    for (const worker of workers) {
      const cell = cells[worker.library];
      if (cell.status === "ok") {
        const finished = await worker.send<Finished>({ do: "finish" }, measureTimeout);
        if ("calls" in finished) {
          cell.calls = finished.calls;
          cell.peakRss = Math.max(cell.peakRss ?? 0, finished.peakRss ?? 0);
          const { name, version, notes, devices, adapter } = finished;
          report.libraries[worker.library] = { name, version, notes, devices };
          const other = report.adapter && adapter && report.adapter.description !== adapter.description;
          if (other) {
            Object.assign(cell, { status: "failed", reason: `ran on another adapter: ${adapter.description}` });
          }
          report.adapter ??= adapter;
        }
      }
      await worker.end();
    }
  }
  for (const cell of Object.values(cells)) {
    if (cell.status !== "ok") delete cell.samples;
    else {
      const times = cell.samples!.map((s) => s.ms);
      cell.ms = { median: median(times), min: Math.min(...times), max: Math.max(...times) };
      cell.cpuMs = median(cell.samples!.map((s) => s.cpuMs));
    }
  }
  const { id, group, label, flops, bytes, operations } = w;
  return { id, group, label, flops, bytes, operations, cells };
}

/** From the start of the process to the loss of the first step, and the memory that took. */
async function coldStart(ids: string[], scratch: string): Promise<ColdRow[]> {
  const rows: ColdRow[] = [
    { id: "cold-start", label: "process start to first MLP loss, driver's shader cache off", cells: {} },
    { id: "warm-start", label: "process start to first MLP loss, driver's shader cache filled", cells: {} },
  ];
  const runs = 5;
  for (const row of rows) {
    for (let run = 0; run <= runs; run++) {
      for (const id of ids) {
        if (row.cells[id] && row.cells[id].status !== "ok") continue;
        const env: Record<string, string> = row.id === "cold-start"
          ? { MESA_SHADER_CACHE_DISABLE: "true" }
          : { MESA_SHADER_CACHE_DISABLE: "false", MESA_SHADER_CACHE_DIR: `${scratch}/shaders-${id}` };
        const start = performance.now();
        const worker = new Worker(id, env);
        const answer = await worker.send<Cold>({ do: "cold", workload: "mlp-step" }, prepareTimeout);
        const ms = performance.now() - start;
        await worker.end();
        if (answer.status !== "ok") {
          row.cells[id] = { status: answer.status, reason: clean(answer.reason ?? "") };
          continue;
        }
        const cell = row.cells[id] ??= { status: "ok", times: [], peakRss: 0 };
        // The first run fills the caches of the runtime and, in the second row, of the driver.
        if (run > 0) cell.times!.push(ms);
        cell.peakRss = Math.max(cell.peakRss!, ("peakRss" in answer ? answer.peakRss : 0) ?? 0);
      }
    }
    for (const cell of Object.values(row.cells)) {
      if (cell.status === "ok") {
        cell.ms = { median: median(cell.times!), min: Math.min(...cell.times!), max: Math.max(...cell.times!) };
      }
    }
  }
  return rows;
}

const ids = wanted.filter((id) => {
  if (!libraries[id]) throw new Error(`Unknown library ${id}: known are ${Object.keys(libraries).join(", ")}`);
  const variable = libraries[id].requires;
  if (variable && !Deno.env.get(variable)) {
    say(`${id}: skipped, ${variable} is not set\n`);
    return false;
  }
  return true;
});

const report: Report = {
  date: new Date().toISOString().slice(0, 10),
  machine: {
    os: `${Deno.build.os} ${Deno.build.arch}`,
    cpu: os.cpus()[0]?.model ?? "",
    cores: os.cpus().length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  },
  runtime: `Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`,
  webgpu: "npm webgpu 0.6.2 (Dawn)",
  adapter: null,
  options: { rounds, restarts, seconds, polling: flags.polling!, toggles: flags.toggles!.split(";").filter(Boolean) },
  libraries: {},
  rows: [],
  cold: [],
};

const scratch = await Deno.makeTempDir({ prefix: "peers-" });
const began = performance.now();
try {
  for (const w of chosen) {
    say(`${w.id} `.padEnd(20));
    const row = await measure(w, ids, scratch, report);
    report.rows.push(row);
    say(
      ids.map((id) => `${id} ${row.cells[id].ms ? row.cells[id].ms.median.toFixed(3) + " ms" : row.cells[id].status}`)
        .join("  ") + "\n",
    );
    if (row.cells && flags.json) await Deno.writeTextFile(flags.json, JSON.stringify(report, null, 1));
    for (const id of ids) if (row.cells[id].status === "failed") say(`  ${id}: ${row.cells[id].reason}\n`);
  }
  if (!flags["no-cold"] && (!only || only.some((prefix) => "cold-start".startsWith(prefix)))) {
    report.cold = await coldStart(ids, scratch);
    for (const row of report.cold) {
      say(
        `${row.id} `.padEnd(20) + ids.map((id) =>
          `${id} ${row.cells[id].ms?.median.toFixed(0) ?? row.cells[id].status}`
        ).join("  ") + "\n",
      );
    }
  }
} finally {
  await Deno.remove(scratch, { recursive: true });
}
say(`${((performance.now() - began) / 60000).toFixed(1)} minutes\n`);
const markdown = toMarkdown(report);
if (flags.json) await Deno.writeTextFile(flags.json, JSON.stringify(report, null, 1) + "\n");
if (flags.markdown) await Deno.writeTextFile(flags.markdown, markdown);
else console.log(markdown);
