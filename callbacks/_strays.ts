import { exists, joinPath, listDir, stat } from "../platform/mod.ts";
import { readCheckpoint } from "../trainer/mod.ts";

/** A checkpoint that a run wrote, and that the state which the run is resumed from does not list. */
export interface Stray {
  readonly path: string;
  /** What its metric was; `null` where checkpoints are not ranked. */
  readonly score: number | null;
  readonly step: number;
}

/** Who wrote a checkpoint. */
export interface Writer {
  /** The callback's key among the states of a checkpoint. */
  readonly key: string;
  /** The number that its run was given. */
  readonly run: string;
}

/**
 * Looks for strays: a process that dies after it wrote a checkpoint and before it wrote `last`, or deleted the one that
 * fell out of the ranking, leaves some.
 *
 * @param folder Where the checkpoints lie
 * @param ending How their names end
 * @param writer Who must have written them
 * @param known Those that are listed
 * @returns The strays, the oldest first; whatever cannot be read as a checkpoint of this writer is left out
 */
export async function straysIn(
  folder: string,
  ending: string,
  writer: Writer,
  known: ReadonlySet<string>,
): Promise<Stray[]> {
  if (!await exists(folder)) return [];
  const strays: Stray[] = [];
  for (const name of await listDir(folder)) {
    const path = joinPath(folder, name);
    if (!name.endsWith(ending) || known.has(path) || !(await stat(path)).isDirectory) continue;
    const stray = await strayAt(path, writer);
    if (stray !== null) strays.push(stray);
  }
  return strays.sort((a, b) => a.step - b.step);
}

async function strayAt(path: string, { key, run }: Writer): Promise<Stray | null> {
  // One that is damaged, or of another program, is not ours to judge.
  const checkpoint = await readCheckpoint(path).catch(() => null);
  const training = checkpoint?.training as Training | null | undefined;
  const own = training?.callbacks?.[key];
  const step = training?.progress?.globalStep;
  if (own?.run !== run || typeof step !== "number") return null;
  const score = own.bestKModels?.[path];
  if (typeof score === "number") return { path, score, step };
  return own.bestModelPath === path ? { path, score: null, step } : null;
}

interface Training {
  readonly progress?: { readonly globalStep?: unknown };
  readonly callbacks?: Readonly<
    Record<string, { run?: unknown; bestModelPath?: unknown; bestKModels?: Readonly<Record<string, unknown>> }>
  >;
}
