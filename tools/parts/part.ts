import { writeOut } from "../../platform/mod.ts";

/** How a part of the tests went. */
export interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
  /** What a reader must know: each failure and each skip with its reason. */
  notes: string[];
}

/** One thing that `deno task test` or `deno task ok` runs. */
export interface Part {
  name: string;
  run(): Promise<Outcome>;
}

/** The line that closes a run, in the form that test reports are read in. */
function totals({ passed, failed, skipped }: Omit<Outcome, "notes">): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * Runs parts one after the other, and prints a line for each, their notes, and the totals at the end.
 *
 * @param parts What to run
 * @returns Whether nothing failed
 */
export async function runParts(parts: readonly Part[]): Promise<boolean> {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const lines: string[] = [];
  for (const { name, run } of parts) {
    const start = performance.now();
    writeOut(`── ${name}\n`);
    let outcome: Outcome;
    try {
      outcome = await run();
    } catch (error) {
      outcome = { passed: 0, failed: 1, skipped: 0, notes: [error instanceof Error ? error.message : String(error)] };
    }
    for (const key of ["passed", "failed", "skipped"] as const) sum[key] += outcome[key];
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    lines.push(`${outcome.failed > 0 ? "✗" : "✓"} ${name.padEnd(14)} ${totals(outcome)} (${seconds} s)`);
    lines.push(...outcome.notes.map((note) => `    ${note.replaceAll("\n", "\n    ")}`));
  }
  writeOut(`\n${lines.join("\n")}\n\n${totals(sum)}\n`);
  return sum.failed === 0;
}
