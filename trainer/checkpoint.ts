import { joinPath, readFile, sha256, stat } from "../platform/mod.ts";
import { encodeSafetensors, parseSafetensors } from "../tensor/safetensors.ts";
import {
  CheckpointError,
  FILES,
  folderOf,
  JSON_STATE,
  linkFolder,
  MANIFEST,
  MODEL,
  STATE,
  writeFolder,
} from "./checkpoint_folder.ts";
import { checkedVersion, CHECKPOINT_VERSION, migrate } from "./checkpoint_migrations.ts";
import { type AnyTensor, hostCopies, packState, unpackState } from "./checkpoint_values.ts";

export { CheckpointError } from "./checkpoint_folder.ts";
export { CHECKPOINT_VERSION } from "./checkpoint_migrations.ts";

/** What module and data module were made with, as their `saveHyperparameters` took it; `null` where they did not. */
export interface SavedHyperparameters {
  /** The module's. */
  module: Record<string, unknown> | null;
  /** The data module's. */
  dataModule: Record<string, unknown> | null;
}

/** What a checkpoint holds, as callbacks and the module see it. Tensors may stand anywhere in it. */
export interface CheckpointData {
  /** Version of the format. */
  version: number;
  /** Weights and buffers by name. */
  stateDict: Map<string, AnyTensor>;
  /** Everything else: counters, optimizers, schedulers, callbacks, random state. `null` when only weights are saved. */
  training: Record<string, unknown> | null;
  /** What module and data module were made with. */
  hyperparameters: SavedHyperparameters;
  /** A place for the module's own additions (`onSaveCheckpoint`). */
  extra: Record<string, unknown>;
}

const FORMAT = "fulgurite-checkpoint";

/** More than this no manifest and no state in JSON needs. */
const MOST_JSON_BYTES = 2 ** 28;

interface Manifest {
  format: string;
  version: number;
  files: Record<string, { bytes: number; sha256: string }>;
}

/**
 * Writes a checkpoint folder: everything goes to a temporary folder beside it, is flushed to the disk, and takes the
 * place of an earlier one by renaming. A process that dies in between leaves the earlier one, or both.
 *
 * @param paths The folder, or several that get the same
 * @param data What it holds; tensors are read from the device with one copy
 * @param options Whether all folders after the first share its files, where the disk has links
 * @throws {Error} If the disk is full or the folder cannot be written; the earlier checkpoint stays
 */
export async function writeCheckpoint(
  paths: string | readonly string[],
  data: CheckpointData,
  { link = false }: { link?: boolean } = {},
): Promise<void> {
  const files = encode(data);
  const places = [paths].flat();
  // Each takes its place in the queue of its folder now, so that of two saves at the same time the later one stays.
  const writes: Promise<void>[] = [];
  for (const path of places) {
    writes.push(
      link && writes.length > 0 ? linkFolder(path, () => writes[0].then(() => places[0])) : writeFolder(path, files),
    );
  }
  const saved = await Promise.allSettled(writes);
  for (const [i, result] of saved.entries()) {
    if (result.status === "fulfilled") continue;
    const { reason } = result, why = reason instanceof Error ? reason.message : reason;
    await files; // what cannot be written says so itself
    throw new Error(`Cannot save the checkpoint ${places[i]}: its folder must be writable, ${why}`, { cause: reason });
  }
}

/**
 * Reads a checkpoint folder, checking every byte against the manifest. If saving was cut off between its two renames,
 * the one before is read.
 *
 * @throws {CheckpointError} If a file is missing, damaged, or of another format
 */
export async function readCheckpoint(path: string): Promise<CheckpointData> {
  try {
    return await readFolder(await folderOf(path));
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new CheckpointError(`Cannot load the checkpoint ${path}: ${why}`, { cause: error });
  }
}

/** Of some checkpoints the one that has seen most batches, `null` of none. */
export async function newestOf(paths: readonly string[]): Promise<string | null> {
  if (paths.length <= 1) return paths[0] ?? null;
  const seen = await Promise.all(paths.map(async (path) => {
    // One that is damaged comes after all others; if it is chosen nevertheless, reading it says why it cannot be.
    const checkpoint = await readCheckpoint(path).catch(() => null);
    const progress = checkpoint?.training?.progress as { batchesSeen?: number } | undefined;
    return progress?.batchesSeen ?? -1;
  }));
  return paths[seen.indexOf(Math.max(...seen))];
}

async function readFolder(folder: string): Promise<CheckpointData> {
  const { version, files } = await readManifest(folder);
  const contents = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [name, { bytes, sha256: expected }] of Object.entries(files)) {
    const path = joinPath(folder, name), task = `read ${name}`;
    // The size is compared first, so that no more is read than a sound file holds.
    const content = (await stat(path, task)).size === bytes ? await readFile(path, { task }) : null;
    if (content === null || await sha256(content) !== expected) {
      throw new Error(`${name} is damaged, its size or checksum differs from the manifest's`);
    }
    contents.set(name, content);
  }
  return decode(contents, version);
}

async function readManifest(folder: string): Promise<Manifest> {
  const path = joinPath(folder, MANIFEST), task = `read ${MANIFEST}`;
  if ((await stat(path, task)).size > MOST_JSON_BYTES) throw new Error(`${MANIFEST} is too large`);
  const bytes = await readFile(path, { task });
  const manifest = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Manifest;
  if (manifest?.format !== FORMAT || !isRecord(manifest.files)) {
    throw new Error(`${MANIFEST} is not of the format ${FORMAT}`);
  }
  checkedVersion(manifest.version);
  for (const name of FILES) if (!Object.hasOwn(manifest.files, name)) throw new Error(`${MANIFEST} lacks ${name}`);
  for (const [name, file] of Object.entries(manifest.files)) {
    if (!/^\w[\w.-]*$/.test(name)) throw new Error(`${MANIFEST} names a file outside, ${JSON.stringify(name)}`);
    if (!isRecord(file) || !Number.isSafeInteger(file.bytes) || typeof file.sha256 !== "string") {
      throw new Error(`${MANIFEST} lacks size or checksum of ${name}`);
    }
  }
  return manifest;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

async function encode(data: CheckpointData): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const { training, hyperparameters, extra } = data;
  const { json, tensors } = packState({ training, hyperparameters, extra });
  const [weights, state] = await hostCopies([data.stateDict, tensors]);
  const files = new Map([
    [MODEL, encodeSafetensors(weights, { format: "pt" })],
    [STATE, encodeSafetensors(state)],
    [JSON_STATE, encodeText(json)],
  ]);
  const manifest: Manifest = { format: FORMAT, version: CHECKPOINT_VERSION, files: {} };
  for (const [name, bytes] of files) {
    manifest.files[name] = { bytes: bytes.byteLength, sha256: await sha256(bytes) };
  }
  return files.set(MANIFEST, encodeText(manifest));
}

function encodeText(json: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(json, null, 2) + "\n");
}

function decode(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>, version: number): CheckpointData {
  const { tensors } = parseSafetensors(files.get(STATE)!);
  const json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(files.get(JSON_STATE)!));
  const state = migrate(checkedRecord(unpackState(json, tensors), "an object"), version);
  const hyperparameters = checkedRecord(state.hyperparameters, "hyperparameters");
  const recordOrNull = (value: unknown, name: string) => value === null ? null : checkedRecord(value, name);
  return {
    version: CHECKPOINT_VERSION,
    stateDict: new Map(parseSafetensors(files.get(MODEL)!).tensors),
    training: recordOrNull(state.training, "training"),
    hyperparameters: {
      module: recordOrNull(hyperparameters.module, "hyperparameters of the module"),
      dataModule: recordOrNull(hyperparameters.dataModule, "hyperparameters of the data module"),
    },
    extra: checkedRecord(state.extra, "extra"),
  };
}

function checkedRecord(value: unknown, name: string): Record<string, unknown> {
  if (!isRecord(value)) throw new Error(`${JSON_STATE} must hold ${name}`);
  return value;
}
