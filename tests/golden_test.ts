/** The library against PyTorch: every golden fixture, one test a section. */
import { assert, assertEquals } from "@std/assert";
import { gpuTest } from "../testing/gpu.ts";
import { readSuites } from "../testing/golden/format.ts";
import { count, showSection, showTotals, skippedNames } from "../testing/golden/report.ts";
import { runGolden } from "../testing/golden/runner.ts";
import { idOf } from "../testing/golden/section.ts";
import { sections } from "../testing/golden/sections/mod.ts";

const FOLDER = new URL("./golden/", import.meta.url);

/**
 * What does not exist yet, by section: exactly this is skipped. A name that disappears from the library is noticed, and
 * so is one that has appeared and is still listed here.
 */
const NOT_YET: Record<string, readonly string[]> = {
  ops: [],
  optim: [],
  schedulers: [],
  training: [],
  metrics: [],
  lightning: [],
};

for (const [section, notYet] of Object.entries(NOT_YET)) {
  gpuTest(`golden fixtures: ${section}`, async () => {
    const results = await runGolden(FOLDER.pathname, { sections: [section] });
    const totals = count(results);
    console.log(`${section}: ${showTotals(totals)}`);
    assert(totals.failed === 0, showSection(section, results));
    assertEquals([...skippedNames(results).keys()], [...notYet].sort());
  });
}

/** A line of index.json. */
interface Listed {
  file: string;
  bytes: number;
  sha256: string;
  rows?: number;
}

async function index(): Promise<Listed[]> {
  return JSON.parse(await Deno.readTextFile(new URL("index.json", FOLDER))).files;
}

Deno.test("golden fixtures: every file is the one that index.json lists", async () => {
  const wrong: string[] = [];
  for (const { file, bytes, sha256 } of await index()) {
    const content = await Deno.readFile(new URL(file, FOLDER));
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content)).toHex();
    if (content.length !== bytes || digest !== sha256) wrong.push(file);
  }
  assertEquals(wrong, []);
});

Deno.test("golden fixtures: every row that index.json counts belongs to a section", async () => {
  const suites = await readSuites(FOLDER.pathname);
  const rows = suites.flatMap((suite) => suite.rows.map((row) => ({ row, suite })));
  assertEquals(rows.length, (await index()).reduce((n, { rows = 0 }) => n + rows, 0));
  const homeless = rows.filter(({ row, suite }) => !sections.some((section) => section.accepts(row, suite)));
  assertEquals(homeless.map(({ row, suite }) => idOf(row, suite)), []);
});
