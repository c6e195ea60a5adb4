import { exists, joinPath, makeTempDir, readText, remove } from "../../platform/mod.ts";
import type { Outcome } from "./part.ts";
import { root, streamDeno } from "./stream.ts";

/** A test case of a JUnit report. */
interface Case {
  name: string;
  file: string;
  state: "passed" | "failed" | "skipped";
}

const unescape = (text: string) =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");

/** Reads the report that `deno test --junit-path` writes. */
export function parseJunit(xml: string): Case[] {
  const cases: Case[] = [];
  for (const [, attributes, body] of xml.matchAll(/<testcase ([^>]*)>([\s\S]*?)<\/testcase>/g)) {
    const attribute = (name: string) => unescape(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    const state = /<(failure|error)[ >]/.test(body) ? "failed" : body.includes("<skipped") ? "skipped" : "passed";
    cases.push({ name: attribute("name"), file: attribute("classname"), state });
  }
  return cases;
}

/**
 * Runs `deno test` and counts its tests and steps; every failed and every skipped one is named.
 *
 * @param args What to test, and flags of `deno test`
 * @param environment Variables on top of this process' own
 * @returns How it went; a run that ends badly without a failed test counts as one failure
 */
export async function denoTest(args: readonly string[], environment: Record<string, string> = {}): Promise<Outcome> {
  const folder = await makeTempDir();
  try {
    const report = joinPath(folder, "report.xml");
    const { code } = await streamDeno(["test", "-A", "--reporter=dot", `--junit-path=${report}`, ...args], environment);
    const cases = await exists(report) ? parseJunit(await readText(report)) : [];
    const of = (state: Case["state"]) => cases.filter((c) => c.state === state);
    const notes = [...of("failed"), ...of("skipped")].map(({ state, file, name }) => `${state}: ${file}: ${name}`);
    const outcome: Outcome = {
      passed: of("passed").length,
      failed: of("failed").length,
      skipped: of("skipped").length,
      notes,
    };
    if (code !== 0 && outcome.failed === 0) {
      outcome.failed = 1;
      notes.push(`failed: deno test ended with code ${code}; its output above says why`);
    } else if (cases.length === 0) {
      outcome.failed = 1;
      notes.push("failed: no test was run");
    }
    return outcome;
  } finally {
    await remove(folder, { recursive: true });
  }
}

/**
 * Runs the examples in doc comments and Markdown pages.
 *
 * @param environment Variables on top of this process' own
 * @returns How it went
 */
export async function docExamples(environment: Record<string, string>): Promise<Outcome> {
  return await examplesOf((await documentedFiles()).map((path) => path.slice(root.length + 1)), environment);
}

/**
 * Runs the examples in some files. What they say by `console.assert` must hold.
 *
 * @param files Paths of TypeScript files and Markdown pages
 * @param environment Variables on top of this process' own
 * @returns How it went
 */
export async function examplesOf(
  files: readonly string[],
  environment: Record<string, string> = {},
): Promise<Outcome> {
  return await denoTest(["--doc", "--preload=tools/parts/loud_asserts.ts", ...files], environment);
}

/** Folders at the top that hold no documented library code. */
const UNDOCUMENTED = new Set(["bench", "examples", "node_modules", "testing", "tests", "tools", "dist", "runs"]);

async function documentedFiles(): Promise<string[]> {
  const files: string[] = [];
  const walk = async (folder: string, isTop: boolean) => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = joinPath(folder, name);
      if (name.startsWith(".")) continue;
      if (isDirectory) {
        if (!(isTop && UNDOCUMENTED.has(name))) await walk(path, false);
      } else if (/\.(ts|md)$/.test(name) && !/_test\.ts$/.test(name) && /^[ *]*```tsx?\b/m.test(await readText(path))) {
        files.push(path);
      }
    }
  };
  await walk(root, true);
  return files.sort();
}
