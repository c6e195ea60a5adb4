/** Sections whose part of the library does not exist yet: recognised, named, and skipped. */
import { type Result, resultOf } from "../report.ts";
import { Missing } from "../report.ts";
import { idOf, type Section } from "../section.ts";
import type { Row } from "../format.ts";

/** A section that skips each row under the name of what it needs. */
function later(name: string, accepts: Section["accepts"], needs: (row: Row) => string): Section {
  return {
    name,
    accepts,
    run: (rows, suite) =>
      Promise.resolve(rows.map((row): Result => resultOf(name, idOf(row, suite), new Missing(needs(row))))),
  };
}

/** Metric values streamed over batches. */
export const metrics: Section = later(
  "metrics",
  (row) => typeof row.metric === "string",
  (row) => `metric ${row.metric}`,
);
