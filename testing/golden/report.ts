/** What a run found, and how it is printed. */

/** How one row of a fixture ended. */
export type Outcome = "passed" | "failed" | "skipped";

/** The result of one row. */
export interface Result {
  section: string;
  id: string;
  outcome: Outcome;
  /** Why it failed, or the name of what does not exist yet. */
  detail?: string;
  /** Something to say about a result that stands. */
  note?: string;
}

/** Something a row needs that the library does not have: the row is skipped under this name. */
export class Missing extends Error {
  override name = "Missing";
}

/** The result that a thrown value stands for. */
export function resultOf(section: string, id: string, error: unknown): Result {
  if (error instanceof Missing) return { section, id, outcome: "skipped", detail: error.message };
  return { section, id, outcome: "failed", detail: describeError(error) };
}

/** `TypeError: message`, and what caused it. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${describeError(error.cause)})` : "";
  return `${error.name}: ${error.message}${cause}`;
}

/** How many rows of each outcome. */
export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** Counts outcomes. */
export function count(results: readonly Result[]): Totals {
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  for (const { outcome } of results) totals[outcome]++;
  return totals;
}

/** `N passed, N failed, N skipped`. */
export function showTotals({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** What was skipped and how often, by name: `op lstm 8, op gru 6`. */
export function skippedNames(results: readonly Result[]): Map<string, number> {
  const names = new Map<string, number>();
  for (const { outcome, detail = "?" } of results) {
    if (outcome === "skipped") names.set(detail, (names.get(detail) ?? 0) + 1);
  }
  return new Map([...names].sort(([a], [b]) => a < b ? -1 : 1));
}

/** The lines of a section: its totals, what it skipped, notes, and every failure. */
export function showSection(name: string, results: readonly Result[]): string {
  const lines = [`${name}: ${showTotals(count(results))}`];
  const skipped = [...skippedNames(results)].map(([what, n]) => `${what} ${n}`);
  if (skipped.length > 0) lines.push(`  skipped, does not exist yet: ${skipped.join(", ")}`);
  for (const { id, note } of results) if (note !== undefined) lines.push(`  ${id}: ${note}`);
  for (const { id, outcome, detail } of results) {
    if (outcome === "failed") lines.push(`  FAILED ${id}: ${detail?.replaceAll("\n", "\n    ")}`);
  }
  return lines.join("\n");
}
