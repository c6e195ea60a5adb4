import { columnsOf, padded } from "./_columns.ts";

/**
 * A table for people: a heading, a rule, and rows whose cells stand under each other.
 *
 * @param header What stands above the columns
 * @param rows As many cells each
 * @returns Its lines; the second one is the rule, for those who draw another below
 */
export function drawTable(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((name, k) => Math.max(...[name, ...rows.map((row) => row[k])].map(columnsOf)));
  const line = (cells: readonly string[]) => cells.map((cell, k) => padded(cell, widths[k])).join(" | ").trimEnd();
  return [line(header), "-".repeat(widths.reduce((sum, width) => sum + width + 3, -3)), ...rows.map(line)];
}
