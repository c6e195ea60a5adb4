/**
 * Where the processor's time goes, by V8's own sampling profiler.
 *
 * @module
 */
import { nodeModule } from "./runtime.ts";

/** A function as the profiler saw it. */
export interface ProfiledFunction {
  /** Its name, empty for one without. */
  readonly name: string;
  /** Its file, empty for the engine's own. */
  readonly url: string;
  /** Its line, from 1; 0 where there is none. */
  readonly line: number;
}

/** One look at the processor. */
export interface CpuSample {
  /** When, in the milliseconds of `performance.now()`. */
  readonly at: number;
  /** Milliseconds until the next look. */
  readonly milliseconds: number;
  /** What ran, the innermost function first. */
  readonly stack: readonly ProfiledFunction[];
}

/**
 * Starts to look at what the processor does, many times a second.
 *
 * @param microseconds The time between two looks
 * @returns A function that ends it and gives the samples
 * @throws {Error} In a browser, which keeps this to its own tools
 */
export async function startCpuProfile(microseconds = 1000): Promise<() => Promise<CpuSample[]>> {
  const { Session } = nodeModule("inspector", "profile the processor");
  const session = new Session();
  session.connect();
  const ask = <T>(method: string, params: object = {}): Promise<T> =>
    new Promise((done, fail) => {
      session.post(method, params, (error, answer) => error ? fail(error) : done(answer as T));
    });
  await ask("Profiler.enable");
  await ask("Profiler.setSamplingInterval", { interval: microseconds });
  // V8 takes the time first, and is busy for a while then.
  const started = performance.now();
  await ask("Profiler.start");
  return async () => {
    const { profile } = await ask<{ profile: V8Profile }>("Profiler.stop");
    session.disconnect();
    return samplesOf(profile, started);
  };
}

/** What V8 gives: a tree of calls, and for each sample the leaf that ran. */
interface V8Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  readonly endTime: number;
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
}

function samplesOf(
  { nodes, startTime, endTime, samples = [], timeDeltas = [] }: V8Profile,
  started: number,
): CpuSample[] {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const functions = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) =>
      [id, { name: functionName, url, line: Math.max(0, lineNumber + 1) }] as const
    ),
  );
  const stacks = new Map<number, ProfiledFunction[]>();
  const stackOf = (id: number): ProfiledFunction[] => {
    let stack = stacks.get(id);
    if (stack !== undefined) return stack;
    const parent = parents.get(id);
    // The root of the tree is no function.
    stacks.set(id, stack = parent === undefined ? [] : [functions.get(id)!, ...stackOf(parent)]);
    return stack;
  };
  let now = startTime;
  const times = timeDeltas.map((delta) => now += delta);
  return samples.map((id, i) => ({
    at: started + (times[i] - startTime) / 1000,
    milliseconds: ((times[i + 1] ?? endTime) - times[i]) / 1000,
    stack: stackOf(id),
  }));
}
