/**
 * Compares the library with golden fixtures: `deno task golden DIR [--section NAME] [--filter TEXT]`.
 *
 * Prints a line per section, what failed and why, and the totals last; exits with 1 when something failed.
 */
import { init } from "../mod.ts";
import { count } from "../testing/golden/report.ts";
import { runGolden } from "../testing/golden/runner.ts";

const USAGE = `Usage: deno task golden [DIR] [--section NAME]... [--filter TEXT]

DIR holds fixtures in the format of tests/golden/README.md (default: tests/golden).
  --section NAME   only this section: ops, optim, schedulers, training, metrics, lightning
  --filter TEXT    only rows whose id contains TEXT`;

/** What the command line asks for. */
interface Request {
  dir: string;
  sections: string[];
  filter?: string;
}

function parse(args: readonly string[]): Request {
  const request: Request = { dir: "", sections: [] };
  const rest = args.flatMap((arg) =>
    /^--\w+=/.test(arg) ? [arg.slice(0, arg.indexOf("=")), arg.slice(arg.indexOf("=") + 1)] : arg
  );
  for (let i = 0; i < rest.length; i++) {
    const arg = rest[i];
    if (arg === "--section" || arg === "--filter") {
      const value = rest[++i];
      if (value === undefined) throw new TypeError(`Cannot read the command line: ${arg} needs a value`);
      if (arg === "--filter") request.filter = value;
      else request.sections.push(value);
    } else if (arg.startsWith("-") || request.dir !== "") {
      throw new TypeError(`Cannot read the command line: unknown argument ${arg}`);
    } else request.dir = arg;
  }
  return request;
}

if (import.meta.main) {
  if (Deno.args.includes("--help")) {
    console.log(USAGE);
    Deno.exit(0);
  }
  try {
    const { dir, sections, filter } = parse(Deno.args);
    const device = await init();
    console.log(`${device.info.adapter} (${device.info.backend})`);
    const results = await runGolden(dir || new URL("../tests/golden", import.meta.url).pathname, {
      sections: sections.length > 0 ? sections : undefined,
      filter,
      print: (text) => console.log(text),
    });
    Deno.exit(count(results).failed > 0 ? 1 : 0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    if (error instanceof TypeError) console.error(USAGE);
    Deno.exit(1);
  }
}
