import { FileError, readText } from "../platform/mod.ts";
import { isTree, merge, readYaml, type Tree, treeOf, UsageError, valueAt } from "./_tree.ts";

/** What a command line says. */
export interface Words {
  /** Options of configuration files and flags, the later laid over the earlier. */
  readonly tree: Tree;
  readonly help: boolean;
  readonly printConfig: boolean;
}

/** Sections that hold a class with options: `--model.lr` stands for `--model.initArgs.lr`. */
const CLASSES = new Set(["model", "data", "optimizer", "lrScheduler"]);

/**
 * Reads a command line after its subcommand: `--config FILE`, and options such as `--trainer.maxEpochs=3`, whose values
 * are YAML. A flag without a value is true; `+=` adds to the list that earlier words gave.
 *
 * @throws {UsageError} For words that are none of these
 */
export async function readFlags(words: readonly string[]): Promise<Words> {
  let tree: Tree = {}, help = false, printConfig = false;
  for (let i = 0; i < words.length; i++) {
    const [, name, equals = "", given] = /^--([\w.-]+)(?:(\+?=)([\s\S]*))?$/.exec(words[i]) ?? [];
    if (name === undefined) {
      const rule = words[i].startsWith("--") ? "it must be --name or --name=value" : "options begin with two dashes";
      throw new UsageError(`Cannot understand ${words[i]}: ${rule}`);
    }
    if (name === "help") help = true;
    else if (name === "print-config" || name === "printConfig") printConfig = true;
    else {
      const next = words[i + 1];
      const takesNext = equals === "" && next !== undefined && !/^--[A-Za-z]/.test(next);
      const text = takesNext ? words[++i] : equals === "" ? null : given;
      if (name === "config") tree = merge(tree, normal(await readConfig(text)));
      else {
        const value = text === null ? true : readYaml(text, `--${name}`), path = pathOf(name);
        const added = equals === "+=" ? [valueAt(tree, path) ?? [], value].flat() : value;
        tree = merge(tree, normal(treeOf(path, added)));
      }
    }
  }
  return { tree, help, printConfig };
}

async function readConfig(path: string | null): Promise<Tree> {
  if (path === null || path === "") throw new UsageError("Cannot read --config: it must name a file");
  let text: string;
  try {
    text = await readText(path, "read --config");
  } catch (error) {
    if (error instanceof FileError) throw new UsageError(error.message);
    throw error;
  }
  const config = readYaml(text, path) ?? {};
  if (!isTree(config)) throw new UsageError(`Cannot read ${path}: it must hold names and values`);
  return config;
}

/** Classes in one form: `{ classPath, initArgs, … }`, whichever short form was written. */
function normal(tree: Tree): Tree {
  return Object.fromEntries(
    Object.entries(tree).map(([section, value]) => {
      if (CLASSES.has(section)) return [section, classSpec(value, section)];
      // One logger may stand without a list around it.
      const logger = section === "trainer" && isTree(value) ? value.logger : undefined;
      return [section, logger === undefined ? value : { ...value as Tree, logger: classSpec(logger, "logger") }];
    }),
  );
}

/** Where an option stands: `model.lr` is one of the class. */
function pathOf(name: string): string[] {
  const [section, option, ...rest] = name.split(".");
  if (option === undefined) return [section];
  return [section, ...CLASSES.has(section) && !ownKeys(section).includes(option) ? ["initArgs"] : [], option, ...rest];
}

/** Keys of a class that are not its options; a scheduler also says when it is stepped. */
function ownKeys(section: string): string[] {
  return ["classPath", "initArgs", ...section === "lrScheduler" ? ["interval", "frequency", "monitor"] : []];
}

/**
 * A class with options: by its name, or with options beside it, or in full.
 *
 * @param value What was written
 * @param section Where; a scheduler also says when it is stepped
 */
export function classSpec(value: unknown, section: string): unknown {
  if (typeof value === "string") return { classPath: value };
  if (!isTree(value)) return value;
  const own = ownKeys(section), entries = Object.entries(value), beside = entries.filter(([key]) => !own.includes(key));
  if (beside.length === 0) return value;
  const { initArgs } = value;
  return {
    ...Object.fromEntries(entries.filter(([key]) => own.includes(key))),
    initArgs: { ...isTree(initArgs) ? initArgs : {}, ...Object.fromEntries(beside) },
  };
}
