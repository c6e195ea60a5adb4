import {
  dirname,
  exists,
  joinPath,
  makeDir,
  readFile,
  remove,
  rename,
  sha256,
  stat,
  syncDir,
  writeFileAtomic,
} from "../platform/mod.ts";
import type { DType } from "../tensor/dtype.ts";
import { type HostTensor, isHostTensor } from "../tensor/host.ts";
import { encodeSafetensors, parseSafetensors } from "../tensor/safetensors.ts";
import { Tensor } from "../tensor/tensor.ts";
import { toHost } from "../tensor/to_host.ts";

/** What a checkpoint holds, as callbacks and the module see it. Tensors may stand anywhere in it. */
export interface CheckpointData {
  /** Version of the format. */
  version: number;
  /** Weights and buffers by name. */
  stateDict: Map<string, Tensor | HostTensor<DType>>;
  /** Everything else: counters, optimizers, schedulers, callbacks, random state. Absent when only weights are saved. */
  training: Record<string, unknown> | null;
  /** A place for the module's own additions (`onSaveCheckpoint`). */
  extra: Record<string, unknown>;
}

/** Version of the format that is written. */
export const CHECKPOINT_VERSION = 1;

/** A checkpoint that cannot be read: damaged, incomplete, or of another format. */
export class CheckpointError extends Error {
  override name = "CheckpointError";
}

const FORMAT = "fulgurite-checkpoint";
const MODEL = "model.safetensors", STATE = "state.safetensors", JSON_STATE = "state.json", MANIFEST = "manifest.json";

interface Manifest {
  format: string;
  version: number;
  files: Record<string, { bytes: number; sha256: string }>;
}

/**
 * Writes a checkpoint folder: everything goes to a temporary folder beside it, is flushed to the disk, and takes the place
 * of an earlier one by renaming. A process that dies in between leaves the earlier one, or both.
 *
 * @throws {Error} If the disk is full or the folder cannot be written; the earlier checkpoint stays
 */
export async function writeCheckpoint(path: string, data: CheckpointData): Promise<void> {
  const files = await encode(data);
  const temporary = `${path}.tmp`, previous = `${path}.previous`;
  await clear(temporary);
  try {
    await makeDir(temporary);
    const manifest: Manifest = { format: FORMAT, version: data.version, files: {} };
    for (const [name, bytes] of files) {
      await writeFileAtomic(joinPath(temporary, name), bytes);
      manifest.files[name] = { bytes: bytes.byteLength, sha256: await sha256(bytes) };
    }
    await writeFileAtomic(joinPath(temporary, MANIFEST), JSON.stringify(manifest, null, 2) + "\n");
  } catch (error) {
    await clear(temporary).catch(() => {/* the first error is the one to tell */});
    throw new Error(`Cannot save the checkpoint ${path}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
  if (await exists(path)) {
    await clear(previous);
    await rename(path, previous);
  }
  await rename(temporary, path);
  await syncDir(dirname(path));
  await clear(previous);
}

async function clear(folder: string): Promise<void> {
  if (await exists(folder)) await remove(folder, { recursive: true });
}

/**
 * Reads a checkpoint folder, checking every byte against the manifest. If saving was cut off between its two renames, the
 * one before is read.
 *
 * @throws {CheckpointError} If a file is missing, damaged, or of another format
 */
export async function readCheckpoint(path: string): Promise<CheckpointData> {
  let folder = path;
  if (!await exists(path)) {
    if (!await exists(`${path}.previous`)) {
      throw new CheckpointError(`Cannot load the checkpoint ${path}: it does not exist`);
    }
    folder = `${path}.previous`;
  } else if (!(await stat(path)).isDirectory) {
    throw new CheckpointError(`Cannot load the checkpoint ${path}: a checkpoint is a folder, this is a file`);
  }
  const manifest = await readManifest(folder, path);
  const contents = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [name, { bytes, sha256: expected }] of Object.entries(manifest.files)) {
    if (/[\\/]/.test(name)) {
      throw new CheckpointError(`Cannot load the checkpoint ${path}: it names a file outside, ${name}`);
    }
    const content = await readFile(joinPath(folder, name)).catch((error) => {
      throw new CheckpointError(`Cannot load the checkpoint ${path}: ${name} cannot be read, ${error.message}`);
    });
    if (content.byteLength !== bytes || await sha256(content) !== expected) {
      throw new CheckpointError(`Cannot load the checkpoint ${path}: ${name} is damaged, its checksum differs`);
    }
    contents.set(name, content);
  }
  return decode(contents, manifest.version, path);
}

async function readManifest(folder: string, path: string): Promise<Manifest> {
  const problem = (what: string) => new CheckpointError(`Cannot load the checkpoint ${path}: ${what}`);
  const text = await readFile(joinPath(folder, MANIFEST)).catch((error) => {
    throw problem(`${MANIFEST} cannot be read, ${error.message}`);
  });
  let manifest: Manifest;
  try {
    manifest = JSON.parse(new TextDecoder().decode(text));
  } catch (error) {
    throw problem(`${MANIFEST} is damaged, ${error instanceof Error ? error.message : error}`);
  }
  if (manifest?.format !== FORMAT || typeof manifest.files !== "object" || manifest.files === null) {
    throw problem(`${MANIFEST} is not of the format ${FORMAT}`);
  }
  if (manifest.version !== CHECKPOINT_VERSION) {
    throw problem(`its version must be ${CHECKPOINT_VERSION}, got ${manifest.version}`);
  }
  for (const name of [MODEL, STATE, JSON_STATE]) {
    if (!(name in manifest.files)) throw problem(`${MANIFEST} does not list ${name}`);
  }
  return manifest;
}

async function encode(data: CheckpointData): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const tensors = new Map<string, Tensor | HostTensor<DType>>();
  const json = pack({ training: data.training, extra: data.extra }, "", tensors);
  return new Map([
    [MODEL, encodeSafetensors(await hostMap(data.stateDict), { format: "pt" })],
    [STATE, encodeSafetensors(await hostMap(tensors))],
    [JSON_STATE, new TextEncoder().encode(JSON.stringify(json) + "\n")],
  ]);
}

function decode(files: Map<string, Uint8Array<ArrayBuffer>>, version: number, path: string): CheckpointData {
  const tensors = parseSafetensors(files.get(STATE)!).tensors;
  const json = JSON.parse(new TextDecoder().decode(files.get(JSON_STATE)!));
  const { training, extra } = unpack(json, tensors, path) as Pick<CheckpointData, "training" | "extra">;
  return { version, stateDict: new Map(parseSafetensors(files.get(MODEL)!).tensors), training, extra };
}

async function hostMap(
  tensors: ReadonlyMap<string, Tensor | HostTensor<DType>>,
): Promise<Map<string, HostTensor<DType>>> {
  const entries = [...tensors].map(([name, value]) => [name, value instanceof Tensor ? toHost(value) : value] as const);
  const result = new Map<string, HostTensor<DType>>();
  for (const [name, value] of entries) result.set(name, await value);
  return result;
}

/** A value as JSON, with tensors moved into a table and numbers that JSON cannot write as text. */
function pack(value: unknown, path: string, tensors: Map<string, Tensor | HostTensor<DType>>): unknown {
  if (value instanceof Tensor || isHostTensor(value)) {
    tensors.set(path, value as Tensor | HostTensor<DType>);
    return { $tensor: path };
  }
  if (typeof value === "number" && !Number.isFinite(value)) return { $number: String(value) };
  if (value === undefined) return null;
  if (value === null || typeof value !== "object") return value;
  const below = (key: string | number) => path === "" ? String(key) : `${path}/${key}`;
  if (Array.isArray(value)) return value.map((item, i) => pack(item, below(i), tensors));
  if (value instanceof Map) {
    return {
      $map: [...value].map(([key, item], i) => [key, pack(item, below(typeof key === "object" ? i : key), tensors)]),
    };
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pack(item, below(key), tensors)]));
}

function unpack(value: unknown, tensors: ReadonlyMap<string, HostTensor>, path: string): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item) => unpack(item, tensors, path));
  const object = value as Record<string, unknown>;
  if (typeof object.$tensor === "string") {
    const tensor = tensors.get(object.$tensor);
    if (tensor === undefined) {
      throw new CheckpointError(`Cannot load the checkpoint ${path}: ${object.$tensor} is missing`);
    }
    return tensor;
  }
  if (typeof object.$number === "string") return Number(object.$number);
  if (Array.isArray(object.$map)) {
    return new Map(object.$map.map(([key, item]: [unknown, unknown]) => [key, unpack(item, tensors, path)]));
  }
  return Object.fromEntries(Object.entries(object).map(([key, item]) => [key, unpack(item, tensors, path)]));
}
