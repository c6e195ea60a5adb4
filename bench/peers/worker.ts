// The process that runs one library on one workload. Started by harness.ts; see protocol.ts.
//
//   deno run -A worker.ts <library>

import type { Case } from "./adaptor.ts";
import { NotAvailable } from "./adaptor.ts";
import { countCalls, defaultToggles, installGpu, type Polling } from "./gpu.ts";
import { libraries } from "./libraries.ts";
import {
  type Cold,
  type Command,
  type Finished,
  type Prepared,
  readLineSync,
  type Sample,
  writeLineSync,
} from "./protocol.ts";
import { compare, type ExpectedOutputs } from "./reference.ts";
import { checkedSteps, makeInputs, type Workload, workloads } from "./workloads.ts";
import process from "node:process";

const library = Deno.args[0];
const toggles = Deno.env.get("BENCH_TOGGLES")?.split(";").filter(Boolean) ?? defaultToggles;
const gpu = installGpu(toggles, (Deno.env.get("BENCH_POLLING") ?? "polite") as Polling);
const adaptor = await libraries[library].load();

let current: Case | null = null;
let workload: Workload | null = null;
let steps = 0;
let perSample = 1;

function find(id: string): Workload {
  const found = workloads.find((w) => w.id === id);
  if (!found) throw new Error(`Unknown workload ${id}`);
  return found;
}

/** Jiffies (1/100 s) that the machine's cores spent busy since boot, or null where there is no /proc. */
function busySeconds(): number | null {
  try {
    const [, user, nice, system, , , irq, softirq, steal] = Deno.readTextFileSync("/proc/stat").split("\n")[0].split(
      /\s+/,
    ).map(Number);
    return (user + nice + system + irq + softirq + steal) / 100;
  } catch {
    return null;
  }
}

function peakRss(): number | null {
  try {
    const line = Deno.readTextFileSync("/proc/self/status").match(/VmHWM:\s+(\d+) kB/);
    return line ? Number(line[1]) * 1024 : null;
  } catch {
    return null;
  }
}

/** Runs `count` iterations and waits for the device. */
async function sample(count: number): Promise<Sample> {
  const busy = busySeconds(), cpu = process.cpuUsage(), start = performance.now();
  for (let i = 0; i < count; i++) await current!.run(steps++);
  await current!.sync();
  await gpu.idle();
  const ms = performance.now() - start;
  const used = process.cpuUsage(cpu), own = (used.user + used.system) / 1e6;
  const after = busySeconds();
  const foreignCores = busy === null || after === null || ms < 100
    ? null
    : Math.max(0, after - busy - own) / (ms / 1000);
  return { ms: ms / count, cpuMs: own * 1000 / count, foreignCores };
}

function check(): void {
  if (gpu.errors.length) throw new Error(`WebGPU reported: ${gpu.errors.join(" / ")}`);
}

async function prepare(command: Command & { do: "prepare" }): Promise<Prepared> {
  const started = performance.now();
  workload = find(command.workload);
  const build = adaptor.ops[workload.op];
  if (build instanceof NotAvailable) return { status: "n/a", reason: build.reason };
  await adaptor.init();
  const built = await build(workload, makeInputs(workload));
  if (built instanceof NotAvailable) return { status: "n/a", reason: built.reason };
  current = built;

  // The check runs the same calls that are timed.
  const expected: ExpectedOutputs = JSON.parse(await Deno.readTextFile(command.expected));
  const begin = performance.now();
  let result;
  let firstIterationMs = 0;
  if (workload.kind === "train") {
    const losses: number[] = [];
    for (; steps < checkedSteps;) {
      await current.run(steps++);
      losses.push((await current.outputs()).loss[0]);
      if (steps === 1) firstIterationMs = performance.now() - begin;
    }
    result = compare(expected, { losses });
  } else {
    await current.run(steps++);
    await current.sync();
    firstIterationMs = performance.now() - begin;
    result = compare(expected, await current.outputs());
  }
  check();
  if (result.error > workload.tolerance) {
    return {
      status: "failed",
      reason: `${result.output}: error ${result.error.toExponential(1)} is above ${workload.tolerance}`,
    };
  }

  // Warm up until the time of an iteration settles: libraries compile, record and tune during their first steps.
  const warm = performance.now();
  const seen: number[] = [];
  let iterations = 0;
  while (true) {
    const { ms } = await sample(perSample);
    iterations += perSample;
    seen.push(ms);
    const last = seen.slice(-3), spent = (performance.now() - warm) / 1000;
    const settled = last.length === 3 && Math.max(...last) < 1.05 * Math.min(...last);
    if ((settled && iterations >= 15 && spent > command.seconds) || (iterations >= 8 && spent > 6 * command.seconds)) {
      break;
    }
    // Between a tenth of a second and the time of one sample, so that warming up takes several.
    perSample = Math.min(2000, Math.max(1, Math.round(command.seconds * 1000 / 4 / ms)));
  }
  perSample = Math.min(2000, Math.max(1, Math.round(command.seconds * 1000 / Math.min(...seen.slice(-3)))));
  check();
  return {
    status: "ok",
    error: result.error,
    iterationsPerSample: perSample,
    warmUpSeconds: (performance.now() - started) / 1000,
    firstIterationMs,
  };
}

async function finish(): Promise<Finished> {
  const memory = peakRss();
  const calls = await countCalls(async () => {
    await current!.run(steps++);
    await current!.sync();
  });
  return {
    calls,
    peakRss: memory,
    adapter: gpu.adapter,
    devices: gpu.devices.map(({ requiredFeatures, requiredLimits }) => ({ requiredFeatures, requiredLimits })),
    name: adaptor.name,
    version: adaptor.version,
    notes: adaptor.notes,
    errors: gpu.errors,
  };
}

async function cold(command: Command & { do: "cold" }): Promise<Cold> {
  workload = find(command.workload);
  const build = adaptor.ops[workload.op];
  if (build instanceof NotAvailable) return { status: "n/a", reason: build.reason };
  await adaptor.init();
  const built = await build(workload, makeInputs(workload));
  if (built instanceof NotAvailable) return { status: "n/a", reason: built.reason };
  await built.run(0);
  return { status: "ok", loss: (await built.outputs()).loss[0], peakRss: peakRss() };
}

for (let line = readLineSync(); line !== null; line = readLineSync()) {
  const command: Command = JSON.parse(line);
  try {
    switch (command.do) {
      case "prepare":
        writeLineSync(await prepare(command));
        break;
      case "measure":
        writeLineSync(await sample(perSample));
        check();
        break;
      case "finish":
        writeLineSync(await finish());
        break;
      case "cold":
        writeLineSync(await cold(command));
        break;
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    writeLineSync({ status: "failed", reason: text.split("\n")[0].slice(0, 400) });
    if (Deno.env.get("BENCH_DEBUG")) console.error(error);
  }
}
Deno.exit(0);
