import { parse } from "yaml";
import { show } from "../device/option_names.ts";

/** A mistake on the command line or in a configuration: it is printed without a trace, and the exit code is 2. */
export class UsageError extends Error {
  /** The error's name. */
  override readonly name: string = "UsageError";
}

/** Values by name, as they stand in a configuration. */
export type Tree = { [name: string]: unknown };

/** Keys that mean something to JavaScript itself. */
const REFUSED = new Set(["__proto__", "constructor", "prototype"]);
const NAME = /^[A-Za-z_]\w*$/;

/** Whether a value is a tree. */
export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads YAML: plain values only, no tags of any program.
 *
 * @param text The text
 * @param source Where it came from, for errors
 */
export function readYaml(text: string, source: string): unknown {
  let value: unknown;
  try {
    value = parse(text, { schema: "core", merge: true, maxAliasCount: 100, logLevel: "error" });
  } catch (error) {
    throw new UsageError(`Cannot read ${source}: it must be YAML, ${(error as Error).message.split("\n")[0]}`);
  }
  checkKeys(value, source);
  return value;
}

/** Refuses names that JavaScript gives a meaning to, and values that hold themselves, as aliases in YAML can. */
function checkKeys(value: unknown, source: string, around: readonly unknown[] = []): void {
  if (around.includes(value)) throw new UsageError(`Cannot read ${source}: a value must not hold itself`);
  const inside = (item: unknown) => checkKeys(item, source, [...around, value]);
  if (Array.isArray(value)) return value.forEach(inside);
  if (!isTree(value)) return;
  for (const key of Object.keys(value)) {
    if (REFUSED.has(key)) throw new UsageError(`Cannot read ${source}: a name must not be ${key}`);
    inside(value[key]);
  }
}

/**
 * Lays a tree over another: objects are merged, other values replaced. A class that is chosen anew begins without
 * options.
 */
export function merge(under: Tree, over: Tree): Tree {
  const merged: Tree = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    const chosenAnew = isTree(before) && isTree(value) && value.classPath !== undefined &&
      value.classPath !== before.classPath;
    merged[key] = isTree(before) && isTree(value) && !chosenAnew ? merge(before, value) : value;
  }
  return merged;
}

/** The value at a path such as `data.initArgs.batchSize`, or `undefined`. */
export function valueAt(tree: Tree, path: readonly string[]): unknown {
  let value: unknown = tree;
  for (const key of path) value = isTree(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}

/** A tree with one value, at a path. */
export function treeOf(path: readonly string[], value: unknown): Tree {
  const [key, ...rest] = path;
  if (!NAME.test(key) || REFUSED.has(key)) throw new UsageError(`Cannot understand the name ${show(key)}`);
  return { [key]: rest.length === 0 ? value : treeOf(rest, value) };
}
