/**
 * A table as text: the first column to the left, numbers to the right.
 *
 * @param header The columns' names
 * @param rows Cells, row by row
 */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]) =>
    `|${cells.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("|")}|`;
  const rule = `|${widths.map((width) => "-".repeat(width)).join("|")}|`;
  return [line(header), rule, ...rows.map(line)].join("\n");
}

/** A number in five digits. */
export function fiveDigits(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const text = value.toPrecision(5);
  return text.includes("e") ? Number(text).toExponential() : String(Number(text));
}
