/**
 * Everything that must hold before a commit: `deno task ok`; with `--checks` only what needs no adapter.
 *
 * @module
 */
import { writeErr } from "../platform/mod.ts";
import { checks } from "./parts/checks.ts";
import { runParts } from "./parts/part.ts";
import { setUpAdapter, SetupError } from "./setup.ts";
import { testParts } from "./test_all.ts";

try {
  const tests = Deno.args.includes("--checks") ? [] : await testParts(await setUpAdapter());
  Deno.exit(await runParts([...checks, ...tests]) ? 0 : 1);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  writeErr(`${error.message}\n`);
  Deno.exit(1);
}
