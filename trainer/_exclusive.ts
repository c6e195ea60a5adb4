import { asyncContext } from "../platform/mod.ts";

/** A run, as far as others have to know of it. */
export interface Occupant {
  /** What it does, for errors. */
  readonly what: string;
  /** Whether a hook or a step runs right now. */
  inHook(): boolean;
}

/** The runs of this process, each within a hook of the one before. */
const running: Occupant[] = [];

/** Which run the code that asks belongs to, where the runtime can tell. */
const context = asyncContext<Occupant>();

/**
 * Runs something alone: tensors, switches of differentiation and random numbers belong to the process, so two runs that
 * take turns would free and seed for each other. A run that a hook of the present one starts and awaits is none of
 * these.
 *
 * @throws {Error} If another run is under way
 */
export async function alone<T>(occupant: Occupant, body: () => Promise<T>): Promise<T> {
  const outer = running.at(-1);
  if (outer !== undefined && !(context === null ? outer.inHook() : context.get() === outer)) {
    throw new Error(
      `Cannot ${occupant.what}: a process runs one thing at a time, another trainer is busy with ${outer.what}; await it first`,
    );
  }
  running.push(occupant);
  try {
    const result = await (context === null ? body() : context.run(occupant, body));
    mustBeForemost(occupant);
    return result;
  } finally {
    running.splice(running.lastIndexOf(occupant), 1);
  }
}

/**
 * Throws where a hook has started another run and not awaited it: both would go on in turns.
 *
 * @param occupant The run that wants to go on
 */
export function mustBeForemost(occupant: Occupant): void {
  const foremost = running.at(-1)!;
  if (foremost === occupant) return;
  throw new Error(
    `Cannot go on with ${occupant.what}: a hook has started ${foremost.what} of another trainer and did not await it, ` +
      "return its promise or await it in the hook",
  );
}
