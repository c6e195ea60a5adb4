import {
  basename,
  dirname,
  exists,
  FileError,
  isAlive,
  joinPath,
  linkFile,
  listDir,
  makeDir,
  processId,
  remove,
  rename,
  stat,
  syncDir,
  writeFileAtomic,
} from "../platform/mod.ts";

/** A checkpoint that cannot be read: damaged, incomplete, or of another format. */
export class CheckpointError extends Error {
  /** The error's name. */
  override readonly name: string = "CheckpointError";
}

/** The files of a checkpoint. */
export const MODEL = "model.safetensors", STATE = "state.safetensors", JSON_STATE = "state.json";
/** The file that lists the others with their checksums. */
export const MANIFEST = "manifest.json";
/** All but the manifest. */
export const FILES: readonly string[] = [MODEL, STATE, JSON_STATE];

type Files = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** What is being written holds the number of its process, so that the leftover of a dead one can be told. */
const TEMPORARY = /\.tmp-(\d+)-[0-9a-f]{8}$/;
/** The checkpoint before, while it is being replaced. */
const PREVIOUS = ".previous";

/** Folders that this process is writing. */
const writing = new Set<string>();
/** For each checkpoint that is being saved, the end of its last save: they come one after the other. */
const saves = new Map<string, Promise<void>>();

/**
 * Writes a checkpoint's folder: everything goes to a temporary folder beside it, is flushed to the disk, and takes the
 * place of an earlier one by renaming. A process that dies in between leaves the earlier one, or both.
 *
 * @param path The folder
 * @param files What it will hold
 */
export async function writeFolder(path: string, files: Promise<Files>): Promise<void> {
  await fillFolder(path, async () => {
    const contents = await files;
    return async (folder) => {
      for (const [name, bytes] of contents) await writeFileAtomic(joinPath(folder, name), bytes);
    };
  });
}

/**
 * The same with the files of another checkpoint, which both share from then on: neither is ever written to again, and
 * each is whole without the other. Where the disk has no links they are copied.
 *
 * @param path The folder
 * @param from Gives the other one, once it is there
 */
export async function linkFolder(path: string, from: () => Promise<string>): Promise<void> {
  await fillFolder(path, async () => {
    const other = await from();
    return async (folder) => {
      for (const name of [...FILES, MANIFEST]) {
        await linkFile(joinPath(other, name), joinPath(folder, name));
      }
    };
  });
}

/** Puts files into a folder that does not exist yet. */
type Fill = (folder: string) => Promise<void>;

async function fillFolder(path: string, prepare: () => Promise<Fill>): Promise<void> {
  const place = placeOf(path);
  const before = saves.get(place);
  const saving = (async () => {
    await before?.catch(() => {}); // whoever saved that is told
    await replaceFolder(place, await prepare());
  })();
  saves.set(place, saving);
  try {
    await saving;
  } finally {
    if (saves.get(place) === saving) saves.delete(place);
  }
}

/** A path without separators at its end. */
function placeOf(path: string): string {
  if (path === "") throw new RangeError("the path of a folder must not be empty");
  return joinPath(path).replace(/(?<=.)[\\/]+$/, "");
}

async function replaceFolder(path: string, fill: Fill): Promise<void> {
  const temporary = `${path}.tmp-${processId()}-${crypto.randomUUID().slice(0, 8)}`, previous = path + PREVIOUS;
  writing.add(temporary);
  try {
    await makeDir(temporary);
    await sweep(dirname(path), basename(path));
    await fill(temporary);
    await syncDir(temporary);
    const replaces = await exists(path);
    if (replaces) {
      await requireOurs(path);
      await clear(previous);
      await rename(path, previous);
    }
    try {
      await rename(temporary, path);
    } catch (error) {
      if (replaces) await rename(previous, path);
      throw error;
    }
  } catch (error) {
    // The first error is the one to tell; what is left of the folder is cleared by the next save.
    await clear(temporary).catch(() => {});
    throw error;
  } finally {
    writing.delete(temporary);
  }
  await syncDir(dirname(path));
  await clear(previous);
}

/**
 * Removes what processes that died while they saved have left in a folder, and puts back a checkpoint that one of them
 * had taken away to replace it. What is not ours stays.
 *
 * @param folder Where checkpoints lie
 * @param checkpoint Only leftovers of this one; default all
 */
export async function sweep(folder: string, checkpoint: string = ""): Promise<void> {
  if (!await exists(folder)) return;
  const names = await listDir(folder);
  for (const name of names) {
    const path = joinPath(folder, name), [ending, owner] = TEMPORARY.exec(name) ?? [];
    const whose = ending === undefined ? name : name.slice(0, -ending.length);
    if (checkpoint !== "" && whose !== checkpoint) continue;
    if (ending !== undefined) {
      const abandoned = Number(owner) === processId() ? !writing.has(path) : !isAlive(Number(owner));
      if (abandoned && await isOurs(path)) await remove(path, { recursive: true });
    } else if (checkpoint === "" && name.endsWith(PREVIOUS) && await isOurs(path)) {
      const original = name.slice(0, -PREVIOUS.length);
      if (saves.has(joinPath(folder, original))) continue;
      if (names.includes(original)) await remove(path, { recursive: true });
      else await rename(path, joinPath(folder, original));
    }
  }
}

/**
 * Throws if a folder, or the one in which it will be made, does not take files: better before training than after it.
 *
 * @param folder Where checkpoints will lie
 * @throws {FileError} With the system's reason
 */
export async function requireWritable(folder: string): Promise<void> {
  let place = joinPath(folder);
  while (!await exists(place) && dirname(place) !== place) place = dirname(place);
  const probe = joinPath(place, `.probe-${processId()}-${crypto.randomUUID().slice(0, 8)}`);
  try {
    await makeDir(probe);
    await remove(probe);
  } catch (error) {
    throw new FileError("save checkpoints", folder, (error as Error).cause);
  }
}

/** Removes a folder of ours, if there is one. */
async function clear(folder: string): Promise<void> {
  if (!await exists(folder)) return;
  await requireOurs(folder);
  await remove(folder, { recursive: true });
}

async function isOurs(path: string): Promise<boolean> {
  return await foreignIn(path) === null;
}

/** The first thing in a folder that is no file of a checkpoint, whole or half written, or `null`. */
async function foreignIn(path: string): Promise<string | null> {
  if (!(await stat(path)).isDirectory) return "it is a file";
  const known = (name: string) => [...FILES, MANIFEST].some((file) => name === file || name.startsWith(`.${file}.`));
  return (await listDir(path)).find((name) => !known(name)) ?? null;
}

/**
 * Throws unless a path is a folder that holds nothing but the files of a checkpoint, whole or half written: anything
 * else is the user's own, and not ours to replace.
 */
export async function requireOurs(path: string): Promise<void> {
  const foreign = await foreignIn(path);
  if (foreign === null) return;
  throw new CheckpointError(`Cannot replace ${path}: it must be a checkpoint, but holds something else (${foreign})`);
}

/** The folder to read: if saving was cut off between its two renames, the one before. */
export async function folderOf(path: string): Promise<string> {
  const place = placeOf(path);
  for (const folder of [place, place + PREVIOUS]) {
    if (!await exists(folder)) continue;
    if ((await stat(folder)).isDirectory) return folder;
    throw new Error("a checkpoint is a folder, this is a file");
  }
  throw new Error("it does not exist");
}
