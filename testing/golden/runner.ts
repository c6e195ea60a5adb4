/** Runs a directory of fixtures. */
import { readSuites, type Row, type Suite } from "./format.ts";
import { count, Missing, type Result, resultOf, showSection, showTotals } from "./report.ts";
import { idOf, type Section } from "./section.ts";
import { sections } from "./sections/mod.ts";

/** What to run. */
export interface RunOptions {
  /** Only sections of these names. */
  sections?: readonly string[];
  /** Only rows whose id contains this. */
  filter?: string;
  /** Takes the lines of each section when it is done. */
  print?: (text: string) => void;
}

const unknown = "other";

/** Splits the rows of a file among the sections that accept them. */
function assign(suite: Suite): Map<Section | null, Row[]> {
  const parts = new Map<Section | null, Row[]>();
  for (const row of suite.rows) {
    const section = sections.find((section) => section.accepts(row, suite)) ?? null;
    const part = parts.get(section);
    if (part === undefined) parts.set(section, [row]);
    else part.push(row);
  }
  return parts;
}

/** Runs rows of one file that one section accepts. A file that cannot be read fails every row of it. */
async function runPart(section: Section | null, rows: Row[], suite: Suite): Promise<Result[]> {
  if (section === null) {
    return rows.map((row) => resultOf(unknown, idOf(row, suite), new Missing("kind of row")));
  }
  try {
    return await section.run(rows, suite);
  } catch (error) {
    return rows.map((row) => resultOf(section.name, idOf(row, suite), error));
  }
}

/**
 * Runs every fixture below a directory, prints a line per section with what failed, and then the totals.
 *
 * @param dir A directory in the format of tests/golden/README.md
 * @returns The result of every row
 */
export async function runGolden(dir: string, options: RunOptions = {}): Promise<Result[]> {
  const { filter = "", print = () => {} } = options;
  const bySection = new Map<string, Result[]>();
  const suites = await readSuites(dir);
  const names = [...new Set(sections.map(({ name }) => name)), unknown];
  for (const name of names) {
    if (options.sections !== undefined && !options.sections.includes(name)) continue;
    for (const suite of suites) {
      for (const [section, all] of assign(suite)) {
        if ((section?.name ?? unknown) !== name) continue;
        const rows = filter === "" ? all : all.filter((row) => idOf(row, suite).includes(filter));
        if (rows.length === 0) continue;
        const results = bySection.get(name) ?? [];
        bySection.set(name, results);
        results.push(...await runPart(section, rows, suite));
      }
    }
    const results = bySection.get(name);
    if (results !== undefined) print(showSection(name, results));
  }
  const results = [...bySection.values()].flat();
  print(showTotals(count(results)));
  return results;
}
