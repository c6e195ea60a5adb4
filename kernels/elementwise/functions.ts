import { shared } from "../_wgsl.ts";

/** A function of kernels/_shared: its text, and the shared functions that it calls. */
interface SharedFunction {
  readonly text: string;
  calls: readonly string[];
}

const AMBIGUOUS = "";

let library: Map<string, SharedFunction> | null = null;

/** Every function of kernels/_shared, by name. */
function load(): Map<string, SharedFunction> {
  const found = new Map<string, { text: string; calls: readonly string[] }>();
  for (const file of Object.values(shared)) {
    // A function begins with `fn` and ends with a brace, both at the beginning of a line.
    for (const [text, name] of file.matchAll(/^fn (\w+)\([^]*?^}$/gm)) {
      const other = found.get(name);
      // Files that belong to one kind of kernel may use the same name; generated kernels then cannot have either.
      found.set(name, { text: other === undefined || other.text === text ? text : AMBIGUOUS, calls: [] });
    }
  }
  for (const [name, entry] of found) entry.calls = callsIn(entry.text, found).filter((called) => called !== name);
  return found;
}

function callsIn(code: string, known: ReadonlyMap<string, unknown>): string[] {
  const names = new Set<string>();
  for (const [, name] of code.matchAll(/\b([a-z_]\w*)\(/g)) if (known.has(name)) names.add(name);
  return [...names];
}

/**
 * The text of the shared functions that a piece of generated WGSL calls, and of those that they call.
 *
 * @param code The text that calls them
 * @param around Text that has some of them already
 */
export function functionsFor(code: string, around = ""): string {
  library ??= load();
  const needed = new Set<string>();
  const there = new Set([...around.matchAll(/^fn (\w+)\(/gm)].map(([, name]) => name));
  const waiting = callsIn(code, library);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (needed.has(name) || there.has(name)) continue;
    if (library.get(name)!.text === AMBIGUOUS) {
      throw new Error(`Cannot generate a kernel: two files of kernels/_shared have a function ${name}`);
    }
    needed.add(name);
    waiting.push(...library.get(name)!.calls);
  }
  return [...needed].sort().map((name) => library!.get(name)!.text).join("\n");
}
