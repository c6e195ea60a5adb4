// Results, and how they are written down. Also a command: deno run -A report.ts results.json > tables.md

import type { AdapterRecord, CallCounts } from "./gpu.ts";
import type { Sample } from "./protocol.ts";

export interface Times {
  median: number;
  min: number;
  max: number;
}

export interface Cell {
  status: "ok" | "n/a" | "failed";
  reason?: string;
  ms?: Times;
  cpuMs?: number;
  /** Greatest relative error found by the check. */
  error?: number;
  calls?: CallCounts;
  /**
   * Highest resident memory, in bytes: the process with everything in it, on a software adapter the device's memory
   * too.
   */
  peakRss?: number;
  firstIterationMs?: number[];
  iterationsPerSample?: number;
  samples?: Sample[];
}

export interface Row {
  id: string;
  group: string;
  label: string;
  flops?: number;
  bytes?: number;
  operations?: number;
  cells: Record<string, Cell>;
}

export interface ColdRow {
  id: string;
  label: string;
  cells: Record<string, { status: string; reason?: string; times?: number[]; ms?: Times; peakRss?: number }>;
}

export interface Report {
  date: string;
  machine: { os: string; cpu: string; cores: number; memoryGiB: number };
  runtime: string;
  webgpu: string;
  adapter: AdapterRecord | null;
  options: { rounds: number; restarts: number; seconds: number; polling: string; toggles: string[] };
  libraries: Record<
    string,
    {
      name: string;
      version: string;
      notes: string[];
      devices: { requiredFeatures: string[]; requiredLimits: Record<string, number> }[];
    }
  >;
  rows: Row[];
  cold: ColdRow[];
}

/** Libraries that are yardsticks, not competitors. */
const yardsticks = new Set(["raw"]);

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

function digits(value: number): string {
  return value >= 100
    ? value.toFixed(0)
    : value >= 10
    ? value.toFixed(1)
    : value >= 1
    ? value.toFixed(2)
    : value.toFixed(3);
}

const table = (head: string[], lines: string[][]): string =>
  [head, head.map((_, i) => i ? "---:" : "---"), ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n");

/** Times of a row in the unit it is quoted in: milliseconds an iteration, or microseconds an operation for chains. */
function scale(row: Row): number {
  return row.operations ? 1000 / row.operations : 1;
}

function rate(row: Row, ms: number): string {
  if (row.flops) return `${digits(row.flops / ms / 1e6)} GFLOP/s`;
  if (row.bytes) return `${digits(row.bytes / ms / 1e6)} GB/s`;
  return "";
}

export function toMarkdown(report: Report): string {
  const ids = Object.keys(report.libraries).length
    ? [...new Set(report.rows.flatMap((row) => Object.keys(row.cells)))].filter((id) => report.libraries[id])
    : [];
  const named = (id: string) => report.libraries[id].name;
  const out: string[] = [];
  out.push(`# WebGPU libraries side by side, ${report.date}`, "");
  out.push(
    `Adapter: ${
      report.adapter?.description ?? "none"
    }. ${report.machine.cores} cores (${report.machine.cpu}), ${report.machine.memoryGiB} GiB. ${report.runtime}. ${report.webgpu}.`,
    "",
  );
  const { rounds, restarts, seconds, polling, toggles } = report.options;
  out.push(
    `${restarts} processes of ${rounds} samples each, a sample of at least ${seconds} s or one iteration, libraries taking turns. Polling: ${polling}. Dawn toggles: ${
      toggles.join(", ") || "none"
    }.`,
    "",
  );
  out.push(
    'A cell is the median time and, in parentheses, the time relative to the fastest library. "hand-written" is a yardstick and takes no part in the ratios.',
    "",
  );

  for (const group of new Set(report.rows.map((row) => row.group))) {
    const lines = report.rows.filter((row) => row.group === group).map((row) => {
      const times = ids.filter((id) => !yardsticks.has(id) && row.cells[id]?.ms).map((id) => row.cells[id].ms!.median);
      const best = Math.min(...times);
      return [
        row.label,
        ...ids.map((id) => {
          const cell = row.cells[id];
          if (!cell) return "";
          if (!cell.ms) return cell.status;
          const value = digits(cell.ms.median * scale(row));
          if (yardsticks.has(id) || !times.length) return value;
          return cell.ms.median === best ? `**${value}**` : `${value} (${(cell.ms.median / best).toFixed(1)}x)`;
        }),
        times.length ? rate(row, best) : "",
      ];
    });
    const unit = report.rows.find((row) => row.group === group)!.operations ? "µs per operation" : "ms";
    out.push(`## ${group} (${unit})`, "", table(["", ...ids.map(named), "best library"], lines), "");
  }

  if (report.cold.length) {
    const lines = report.cold.map((
      row,
    ) => [
      row.label,
      ...ids.map((id) => row.cells[id]?.ms ? digits(row.cells[id].ms.median) : row.cells[id]?.status ?? ""),
    ]);
    out.push("## Start-up (ms)", "", table(["", ...ids.map(named)], lines), "");
  }

  const train = report.rows.filter((row) => row.id.endsWith("-step"));
  if (train.length) {
    // The smallest workload shows what the runtime, Dawn and the library take without data.
    const memory = [...report.rows.filter((row) => row.id === "matmul-256"), ...train].map((
      row,
    ) => [
      `${row.id}: peak resident memory, MB`,
      ...ids.map((id) =>
        row.cells[id]?.peakRss ? (row.cells[id].peakRss / 1e6).toFixed(0) : row.cells[id]?.status ?? ""
      ),
    ]);
    const calls = train.map((row) => [
      `${row.id}: dispatches / submits / new bind groups / new buffers per step`,
      ...ids.map((id) => {
        const c = row.cells[id]?.calls;
        return c ? `${c.dispatches} / ${c.submits} / ${c.bindGroups} / ${c.buffers}` : row.cells[id]?.status ?? "";
      }),
    ]);
    out.push("## What a training step costs", "", table(["", ...ids.map(named)], [...memory, ...calls]), "");
  }

  out.push(
    "## Spread",
    "",
    "Median, least and greatest of all samples; processor milliseconds an iteration (all threads); dispatches an iteration; error found by the check.",
    "",
  );
  out.push(
    table(
      ["row", "library", "median", "min", "max", "cpu", "dispatches", "error"],
      report.rows.flatMap((row) =>
        ids.filter((id) => row.cells[id]?.ms).map((id) => {
          const cell = row.cells[id], k = scale(row), { median, min, max } = cell.ms!;
          return [
            row.id,
            named(id),
            digits(median * k),
            digits(min * k),
            digits(max * k),
            digits(cell.cpuMs! * k),
            String(cell.calls?.dispatches ?? ""),
            cell.error!.toExponential(0),
          ];
        })
      ),
    ),
    "",
  );

  const reasons = report.rows.flatMap((row) =>
    ids.filter((id) => row.cells[id] && row.cells[id].status !== "ok").map((
      id,
    ) => [named(id), row.cells[id].status, row.cells[id].reason ?? "", row.id])
  );
  const grouped = new Map<string, string[]>();
  for (const [name, status, reason, id] of reasons) {
    if (name === report.libraries.raw?.name) continue;
    const key = `${name}, ${status}: ${reason}`;
    grouped.set(key, [...(grouped.get(key) ?? []), id]);
  }
  if (grouped.size) {
    out.push(
      "## Not measured",
      "",
      ...[...grouped].map(([key, rows]) => `- ${key} (${rows.join(", ")})`),
      "",
    );
  }

  out.push("## Libraries and devices", "");
  for (const id of ids) {
    const { name, version, notes, devices } = report.libraries[id];
    out.push(
      `- **${name}** ${version}. ${notes.join(" ")} Features requested: ${
        devices.map((d) => d.requiredFeatures.join(", ") || "none").join("; ") || "none"
      }.`,
    );
  }
  return out.join("\n") + "\n";
}

if (import.meta.main) console.log(toMarkdown(JSON.parse(await Deno.readTextFile(Deno.args[0]))));
