/**
 * Choices of tiles that were measured on an adapter: made and put to use on request only, so that sums stay what they
 * are.
 */
import { type Device, device } from "../../device/mod.ts";
import { cacheDir, dirname, exists, joinPath, makeDir, readText, writeFileAtomic } from "../../platform/mod.ts";
import { type DType, isHalf } from "../../tensor/dtype.ts";
import { family } from "../_family.ts";

/** What a product looks like, as far as tiles depend on it: sizes by their relation, order of the operands, type. */
export interface ProductKind {
  /** Rows of the result. */
  readonly m: number;
  /** Columns of the result. */
  readonly n: number;
  /** Length of the sums. */
  readonly k: number;
  /** Products side by side. */
  readonly batches: number;
  /** Whether the first operand's rows are contiguous (`"N"`) or its columns (`"T"`), then the same of the second. */
  readonly layout: "NN" | "NT" | "TN" | "TT";
  /** The type of the first operand. */
  readonly dtype: DType;
}

/** Tiles that were the fastest on an adapter, by the kind of product. */
export interface Tuning {
  /** The adapter: kinds of kernels, vendor and architecture. */
  readonly adapter: string;
  /** Names of tiles, by shape class, layout and type. */
  readonly choices: Readonly<Record<string, string>>;
}

let active: Tuning | null = null;
/** A choice that is being timed. */
let trial: string | null = null;

/** What tunings of the open device are kept under. */
export function tuningKey({ info }: Device): string {
  return [family(), info.vendor || "unknown", info.architecture || "unknown"].join("|");
}

/** The class of a product: products of one class are computed with the same tiles. */
export function productClass({ m, n, k, batches, layout, dtype }: ProductKind): string {
  const area = m * n * batches;
  const shape = Math.min(m, n) <= 16
    ? "thin"
    : k >= 8 * Math.max(m, n)
    ? "deep"
    : m >= 4 * n
    ? "tall"
    : n >= 4 * m
    ? "wide"
    : area <= 256 ** 2
    ? "small"
    : area <= 1024 ** 2
    ? "medium"
    : "large";
  return `${shape} ${layout} ${isHalf(dtype) ? "16" : "32"}`;
}

/** The name of the tiles that a tuning in use has for a kind of product, or `null`. */
export function tunedTile(kind: ProductKind): string | null {
  return trial ?? active?.choices[productClass(kind)] ?? null;
}

/**
 * Uses the choices of a tuning from here on, or none. Other tiles add up in another order, so results differ in their
 * last bits between tunings; within one they repeat.
 *
 * @param tuning What {@link readTuning} or `tune` gave, or `null` for the built-in rules
 * @throws {Error} If it was measured on another adapter
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { readTuning, useTuning } from "@fulgurite/core/kernels";
 *
 * await init();
 * useTuning(await readTuning()); // null, and the built-in rules, before the first `tune()`
 * ```
 */
export function useTuning(tuning: Tuning | null): void {
  const adapter = tuning === null ? null : tuningKey(device());
  if (tuning !== null && tuning.adapter !== adapter) {
    throw new Error(`Cannot use a tuning in useTuning: it is for ${tuning.adapter}, the adapter is ${adapter}`);
  }
  active = tuning;
}

/**
 * The tuning in use.
 *
 * @returns What `useTuning` or `tune` put to use, or `null` for the built-in rules
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { currentTuning } from "@fulgurite/core/kernels";
 *
 * await init();
 * console.log(currentTuning()); // null
 * ```
 */
export function currentTuning(): Tuning | null {
  return active;
}

/** Runs `fn` with certain tiles wherever they can be used; for measurements and tests. */
export async function withTile<T>(name: string, fn: () => T | Promise<T>): Promise<T> {
  const before = trial;
  trial = name;
  try {
    return await fn();
  } finally {
    trial = before;
  }
}

/** The file that keeps the tuning of the open device. */
function tuningFile(): string {
  return joinPath(cacheDir(), "tuning", `${tuningKey(device()).replace(/[^\w.-]+/g, "_")}.json`);
}

/**
 * Reads what an earlier `tune` stored for this adapter.
 *
 * @returns The tuning, or `null` where there is none
 * @throws {Error} If the file holds no tuning
 *
 * @example
 * ```ts
 * import { init } from "@fulgurite/core";
 * import { readTuning } from "@fulgurite/core/kernels";
 *
 * await init();
 * console.log((await readTuning())?.choices ?? "built-in rules");
 * ```
 */
export async function readTuning(): Promise<Tuning | null> {
  const file = tuningFile();
  if (!await exists(file)) return null;
  const found: unknown = JSON.parse(await readText(file));
  if (!isTuning(found)) {
    throw new Error(`Cannot read a tuning in readTuning: ${file} must hold an adapter and names of tiles`);
  }
  return found;
}

function isTuning(value: unknown): value is Tuning {
  if (typeof value !== "object" || value === null) return false;
  const { adapter, choices } = value as Record<string, unknown>;
  return typeof adapter === "string" && typeof choices === "object" && choices !== null &&
    Object.values(choices).every((name) => typeof name === "string");
}

/** Stores a tuning where {@link readTuning} finds it. */
export async function storeTuning(tuning: Tuning): Promise<void> {
  const file = tuningFile();
  await makeDir(dirname(file));
  await writeFileAtomic(file, JSON.stringify(tuning, null, 2) + "\n");
}
