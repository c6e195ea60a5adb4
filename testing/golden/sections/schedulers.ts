/** Learning rates: step by step, and after resuming from every step. */
import { scope, zeros } from "../../../mod.ts";
import { close, type Tolerance } from "../compare.ts";
import { type Json, number, type Row } from "../format.ts";
import { makeOptimizer, makeScheduler, type OptimizerLike, type SchedulerLike } from "../optimizers.ts";
import { type Result, resultOf } from "../report.ts";
import type { Section } from "../section.ts";

/** Rows about schedulers. */
export const schedulers: Section = {
  name: "schedulers",
  accepts: (row) => typeof row.scheduler === "string" && Array.isArray(row.lrs) && !("architecture" in row),
  run(rows) {
    const results: Result[] = rows.map((row) => {
      const id = String(row.id);
      try {
        const wrong = scope(() => follow(row));
        return {
          section: "schedulers",
          id,
          ...wrong === undefined ? { outcome: "passed" } : { outcome: "failed", detail: wrong },
        };
      } catch (error) {
        return resultOf("schedulers", id, error);
      }
    });
    return Promise.resolve(results);
  },
};

/** A scheduler with its optimizer, as a fresh program would build them. */
interface Pair {
  optimizer: OptimizerLike;
  scheduler: SchedulerLike;
}

function build(row: Row): Pair {
  const { class: name, lrs, options } = row.optimizer as { class: string; lrs: number[]; options: Row };
  const groups = lrs.map((lr) => ({ params: [zeros([1], { requiresGrad: true })], lr }));
  const optimizer = makeOptimizer(name, groups, options);
  return { optimizer, scheduler: makeScheduler(optimizer, row) };
}

/** What is recorded after each step. */
interface Snapshot {
  lrs: number[];
  momenta: number[];
  plateau?: Row;
}

function snapshot({ optimizer, scheduler }: Pair, row: Row): Snapshot {
  const groups = optimizer.paramGroups;
  return {
    lrs: groups.map(({ lr }) => lr),
    momenta: groups.map(({ betas, momentum }) => betas?.[0] ?? momentum ?? NaN),
    plateau: row.plateau === undefined ? undefined : scheduler.stateDict() as Row,
  };
}

/** What is wrong with a row, or undefined. */
function follow(row: Row): string | undefined {
  const tolerance = row.tolerance as unknown as Tolerance;
  const steps = (row.lrs as Json[]).length - 1;
  const metrics = row.metrics as Json[] | undefined;
  const first = build(row);
  const saved: { optimizer: unknown; scheduler: unknown }[] = [];
  const seen: Snapshot[] = [];
  for (let step = 0; step <= steps; step++) {
    seen.push(snapshot(first, row));
    const rates = first.scheduler.getLastLr();
    if (seen[step].lrs.some((lr, group) => !close(rates[group], lr, tolerance))) {
      return `getLastLr() after ${step} steps gives [${rates}], the groups have [${seen[step].lrs}]`;
    }
    // A checkpoint is text: what cannot be written down cannot be resumed.
    saved.push({ optimizer: copy(first.optimizer.stateDict()), scheduler: copy(first.scheduler.stateDict()) });
    if (step < steps) advance(first, metrics?.[step]);
  }
  const wrong = compare(row, seen, tolerance);
  if (wrong !== undefined) return wrong;
  for (let at = 0; at <= steps; at++) {
    const fresh = build(row);
    fresh.optimizer.loadStateDict(copy(saved[at].optimizer));
    fresh.scheduler.loadStateDict(copy(saved[at].scheduler) as Record<string, unknown>);
    for (let step = at; step <= steps; step++) {
      const now = snapshot(fresh, row);
      if (String(now.lrs) !== String(seen[step].lrs) || String(now.momenta) !== String(seen[step].momenta)) {
        return `resumed after ${at} steps, step ${step} has rates [${now.lrs}] and momenta [${now.momenta}], the run without ` +
          `a break [${seen[step].lrs}] and [${seen[step].momenta}]`;
      }
      if (step < steps) advance(fresh, metrics?.[step]);
    }
  }
  return undefined;
}

function advance({ optimizer, scheduler }: Pair, metric: Json | undefined): void {
  optimizer.step();
  if (metric === undefined) scheduler.step();
  else scheduler.step(number(metric));
}

/** Compares rates, momenta and the state of a plateau with the stored ones. */
function compare(row: Row, seen: Snapshot[], tolerance: Tolerance): string | undefined {
  const momenta = row.momenta as number[][] | undefined;
  const plateau = row.plateau as Row[] | undefined;
  for (const [step, { lrs, momenta: cycled, plateau: state }] of seen.entries()) {
    const want = (row.lrs as number[][])[step];
    if (lrs.length !== want.length || lrs.some((lr, group) => !close(lr, want[group], tolerance))) {
      return `rates after ${step} steps are [${lrs}], want [${want}]`;
    }
    if (momenta !== undefined && cycled.some((m, group) => !close(m, momenta[step][group], tolerance))) {
      return `momenta after ${step} steps are [${cycled}], want [${momenta[step]}]`;
    }
    for (const [key, value] of Object.entries(plateau?.[step] ?? {})) {
      const got = state?.[key];
      if (typeof got !== "number" || !close(got, number(value), tolerance)) {
        return `${key} after ${step} steps is ${got}, want ${value}`;
      }
    }
  }
  return undefined;
}

/** A deep copy by way of text, as a checkpoint makes it; non-finite numbers are kept. */
function copy(value: unknown): unknown {
  const text = JSON.stringify(value, (_, v) => typeof v === "number" && !Number.isFinite(v) ? `number ${v}` : v);
  return JSON.parse(text, (_, v) => typeof v === "string" && v.startsWith("number ") ? Number(v.slice(7)) : v);
}
