/** What `parseArgs` accepts. `S`, `B`, `C` are the names of string, boolean and collected options. */
export interface ParseOptions<
  S extends string = string,
  B extends string = string,
  C extends string = string,
  N extends string = string,
  D extends Record<string, unknown> = Record<string, unknown>,
> {
  /** Names whose values stay text, also where they look like numbers. */
  string?: S | readonly S[];
  /** Names that take no value; `true` makes every `--name` without `=` one. They are `false` where not given. */
  boolean?: boolean | B | readonly B[];
  /** Names that may be given several times and yield an array, empty where not given. */
  collect?: C | readonly C[];
  /** Names that `--no-name` sets to `false`. */
  negatable?: N | readonly N[];
  /** Values for options that are not given. */
  default?: D;
  /** Other names of an option. */
  alias?: Record<string, string | readonly string[]>;
  /** Keeps what follows `--` under the key `--` instead of among the positionals. */
  "--"?: boolean;
  /** Treats everything after the first positional as positional. */
  stopEarly?: boolean;
  /** Is called for an option or positional nobody declared; `false` drops it. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** What `parseArgs` returns. */
export type Args<
  S extends string = never,
  B extends string = never,
  C extends string = never,
  N extends string = never,
  D extends Record<string, unknown> = Record<never, never>,
> =
  & Record<string, unknown>
  & { [K in Exclude<S, C | keyof D>]?: string | (K extends N ? false : never) }
  & { [K in Extract<S, C>]: string[] }
  & { [K in Exclude<C, S>]: unknown[] }
  & { [K in Exclude<B, keyof D>]: boolean }
  & { [K in keyof D]: D[K] | (K extends S ? string : K extends B ? boolean : unknown) }
  & { _: (string | number)[]; "--"?: string[] };

const list = <T>(x: T | readonly T[] | undefined): T[] => x === undefined ? [] : Array.isArray(x) ? [...x] : [x as T];
const looksNumeric = (text: string) => /^(0x[0-9a-f]+|[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?)$/i.test(text);

/** Sets an own property, also where its name is `__proto__`. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Parses command line arguments into an object, in the manner of minimist. */
export function parseArgs<
  const S extends string = never,
  const B extends string = never,
  const C extends string = never,
  const N extends string = never,
  D extends Record<string, unknown> = Record<never, never>,
>(args: string[], options: ParseOptions<S, B, C, N, D> = {}): Args<S, B, C, N, D> {
  const allBoolean = options.boolean === true;
  const groups = new Map<string, Set<string>>(); // every name → itself and its aliases
  for (const [name, others] of Object.entries(options.alias ?? {})) {
    const group = new Set([name, ...list(others)]);
    for (const n of group) groups.get(n)?.forEach((m) => group.add(m));
    for (const n of group) groups.set(n, group);
  }
  const namesOf = (name: string): Iterable<string> => groups.get(name) ?? [name];
  const spread = (names: readonly string[]) => new Set(names.flatMap((n) => [...namesOf(n)]));
  const strings = spread(list(options.string));
  const booleans = spread(typeof options.boolean === "boolean" ? [] : list(options.boolean as B | readonly B[]));
  const collected = spread(list(options.collect));
  const negatable = spread(list(options.negatable));
  const declared = (name: string) =>
    strings.has(name) || booleans.has(name) || collected.has(name) || negatable.has(name) || groups.has(name) ||
    Object.hasOwn(options.default ?? {}, name);

  const result: Record<string, unknown> = {};
  const positional: (string | number)[] = [];
  const given = new Set<string>();

  const convert = (name: string, value: string | boolean): unknown =>
    typeof value === "string" && !strings.has(name) && looksNumeric(value) ? Number(value) : value;

  const set = (arg: string, name: string, raw: string | boolean) => {
    const value = convert(name, raw);
    const isKnown = declared(name) || (allBoolean && arg.startsWith("--") && !arg.includes("="));
    if (!isKnown && options.unknown?.(arg, name, value) === false) return;
    for (const n of namesOf(name)) {
      const path = n.split(".");
      const last = path.pop()!;
      let at = result;
      for (const part of path) {
        if (!Object.hasOwn(at, part)) define(at, part, {});
        at = at[part] as Record<string, unknown>;
      }
      const before = Object.hasOwn(at, last) && given.has(n) ? at[last] : undefined;
      const next = collected.has(n) ? [...(before as unknown[] ?? []), value] : value;
      define(at, last, next);
      given.add(n);
    }
  };

  let rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === "--") {
      rest = args.slice(i + 1);
      break;
    }
    const flag = /^(--?)([^-=][^=]*|[^=])(?:=([\s\S]*))?$/.exec(arg);
    const isNumber = looksNumeric(arg) && !declared(arg.slice(1, 2));
    if (!flag || arg === "-" || isNumber) {
      if (options.unknown?.(arg) !== false) positional.push(looksNumeric(arg) && !strings.has("_") ? Number(arg) : arg);
      if (options.stopEarly) {
        positional.push(...args.slice(i + 1));
        break;
      }
      continue;
    }
    const [, dashes, body, inline] = flag;
    const takesNext = (name: string) => {
      const next = args[i + 1];
      if (next === undefined || booleans.has(name)) return false;
      if (allBoolean && dashes === "--" && !strings.has(name)) return false;
      return !/^-./.test(next) || looksNumeric(next);
    };
    const one = (name: string) => {
      if (inline !== undefined) set(arg, name, booleans.has(name) ? inline !== "false" : inline);
      else if (booleans.has(name) && /^(true|false)$/.test(args[i + 1] ?? "")) set(arg, name, args[++i] === "true");
      else if (takesNext(name)) set(arg, name, args[++i]);
      else set(arg, name, strings.has(name) ? "" : true);
    };
    if (dashes === "--") {
      const negated = body.startsWith("no-") && negatable.has(body.slice(3));
      if (negated && inline === undefined) set(arg, body.slice(3), false);
      else one(body);
      continue;
    }
    // -abc is -a -b -c; -n5 is -n 5; the last letter may take the next argument.
    const digits = /^([A-Za-z])(-?\d.*)$/.exec(body);
    if (digits) set(arg, digits[1], digits[2]);
    else {
      for (const letter of body.slice(0, -1)) set(arg, letter, strings.has(letter) ? "" : true);
      one(body.slice(-1));
    }
  }

  for (const [name, value] of Object.entries(options.default ?? {})) {
    for (const n of namesOf(name)) if (!given.has(n)) result[n] = value, given.add(n);
  }
  for (const name of booleans) if (!given.has(name)) result[name] = false;
  for (const name of collected) if (!given.has(name)) result[name] = [];
  if (options["--"]) result["--"] = rest;
  else positional.push(...rest.map((a) => looksNumeric(a) && !strings.has("_") ? Number(a) : a));
  return { ...result, _: positional } as unknown as Args<S, B, C, N, D>;
}
