/**
 * Runs every test after the set-up: `deno task test [PART…]`; parts are `headless`, `examples`, `golden`, `browser`.
 *
 * Prints a line per part with what failed and what was skipped, and at the end `N passed, N failed, N skipped`.
 *
 * @module
 */
import { env, exists, joinPath, writeErr } from "../platform/mod.ts";
import { denoTest, docExamples } from "./parts/run_tests.ts";
import { type Outcome, type Part, runParts } from "./parts/part.ts";
import { root, streamDeno } from "./parts/stream.ts";
import { setUpAdapter, setUpBrowser, SetupError } from "./setup.ts";

/** Compares with the golden fixtures, which have a runner of their own. */
async function golden(environment: Record<string, string>): Promise<Outcome> {
  const { code, stdout } = await streamDeno(["run", "-A", "tools/golden.ts", "tests/golden"], environment);
  const counts = /(\d+) passed, (\d+) failed, (\d+) skipped\s*$/.exec(stdout);
  if (!counts) throw new Error(`tools/golden.ts ended with code ${code} and without its totals`);
  const [passed, failed, skipped] = counts.slice(1).map(Number);
  const notes: string[] = [];
  if (failed > 0) notes.push("failed: named above, section by section");
  if (skipped > 0) notes.push("skipped: named above, ops and runs that the library does not have yet");
  if (failed === 0 && code !== 0) throw new Error(`tools/golden.ts ended with code ${code}`);
  return { passed, failed, skipped, notes };
}

/**
 * Drives a Chromium, which the set-up finds or installs. Without one the part is skipped; in CI (`CI` is set) it fails.
 */
async function browser(environment: Record<string, string>): Promise<Outcome> {
  const chromium = await setUpBrowser();
  if (chromium.path === null) {
    // A person may do without a browser; where changes are judged, its tests must run.
    const [failed, skipped] = env("CI") ? [1, 0] : [0, 1];
    return {
      passed: 0,
      failed,
      skipped,
      notes: [`${failed ? "failed" : "skipped"}: browser tests: ${chromium.reason}`],
    };
  }
  return await denoTest(["tests/browser"], { ...environment, FULGURITE_CHROMIUM: chromium.path });
}

/**
 * The parts that test the library.
 *
 * @param environment Variables that the processes need to see the adapter
 * @returns The parts in the order in which they run
 */
export async function testParts(environment: Record<string, string>): Promise<Part[]> {
  const parts: Part[] = [
    { name: "headless", run: () => denoTest(["--ignore=tests/browser"], environment) },
    { name: "examples", run: () => docExamples(environment) },
    { name: "golden", run: () => golden(environment) },
  ];
  if (await exists(joinPath(root, "tests", "browser"))) {
    parts.push({
      name: "browser",
      run: () => browser(environment),
    });
  }
  return parts;
}

if (import.meta.main) {
  try {
    const environment = await setUpAdapter();
    const parts = await testParts(environment);
    const wanted = Deno.args.filter((arg) => arg !== "--");
    const unknown = wanted.filter((name) => !parts.some((part) => part.name === name));
    if (unknown.length > 0) {
      throw new SetupError(
        `Cannot test ${unknown.join(", ")}: parts are ${parts.map((part) => part.name).join(", ")}`,
      );
    }
    const chosen = parts.filter((part) => wanted.length === 0 || wanted.includes(part.name));
    Deno.exit(await runParts(chosen) ? 0 : 1);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    writeErr(`${error.message}\n`);
    Deno.exit(1);
  }
}
