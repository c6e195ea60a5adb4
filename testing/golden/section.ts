/** What a part of the fixtures has to provide to be run. */
import type { Row, Suite } from "./format.ts";
import type { Result } from "./report.ts";

/** One kind of rows, recognised by its keys wherever it stands. */
export interface Section {
  /** The heading its results are printed under; several kinds may share one. */
  name: string;
  /** Whether a row is of this kind. */
  accepts(row: Row, suite: Suite): boolean;
  /** Runs rows of one file, in order. */
  run(rows: Row[], suite: Suite): Promise<Result[]>;
}

/** The name of a row: its id, or what identifies a fact, with its place in the file. */
export function idOf(row: Row, suite: Suite): string {
  if (typeof row.id === "string") return row.id;
  const named = [row.kind, row.op ?? row.class ?? row.name ?? row.left ?? row.input ?? row.nonlinearity];
  return `${suite.name}/${
    [...named.filter((part) => typeof part === "string"), `#${suite.rows.indexOf(row)}`].join(" ")
  }`;
}
