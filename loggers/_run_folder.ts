import { show } from "../device/option_names.ts";
import { claimDir, joinPath, listDir, makeDir } from "../platform/mod.ts";
import type { OptionKinds } from "./_kinds.ts";

/** Where a logger of files writes, and under which names. */
export interface RunFolderOptions {
  /** The folder that holds all runs; default the trainer's `defaultRootDir`. */
  saveDir?: string;
  /** The experiment, a folder in it; default `"fulgurite_logs"`. */
  name?: string;
  /** The run, a folder in that; default the next free of `version_0`, `version_1`, … */
  version?: string | number;
  /** Stands before the name of each metric; default nothing. */
  prefix?: string;
}

/** What {@link RunFolderOptions} must be. */
export const RUN_FOLDER_OPTIONS: OptionKinds<RunFolderOptions> = {
  ...{ saveDir: "text", name: "text", version: "checked", prefix: "text" },
};

/** The folder of a run: `saveDir/name/version`. */
export class RunFolder {
  /** The experiment. */
  readonly name: string;
  readonly #saveDir: string | null;
  #rootDir = ".";
  #version: string | null;
  #opening: Promise<void> | null = null;

  /** @throws {TypeError} If something is no path or name */
  constructor(options: RunFolderOptions) {
    const { saveDir = ".", name = "fulgurite_logs", version } = options;
    for (const [option, value] of Object.entries({ saveDir, name })) {
      if (typeof value !== "string") {
        throw new TypeError(`Cannot choose the folder of a run: ${option} must be a text, got ${show(value)}`);
      }
    }
    if (typeof version === "number" ? !Number.isSafeInteger(version) || version < 0 : !isNameOrNone(version)) {
      throw new TypeError(
        `Cannot choose the folder of a run: version must be a name or a whole number from 0 on, got ${show(version)}`,
      );
    }
    this.name = name;
    this.#saveDir = options.saveDir ?? null;
    this.#version = version === undefined ? null : typeof version === "number" ? `version_${version}` : version;
  }

  /** The run. */
  get version(): string {
    return this.#version ?? "version_0";
  }

  /** The path. */
  get path(): string {
    return joinPath(this.#root, this.version);
  }

  get #root(): string {
    return joinPath(this.#saveDir ?? this.#rootDir, this.name);
  }

  /** Has the run lie below a trainer's folder, unless another was chosen or it is there already. */
  setRootDir(folder: string): void {
    if (this.#opening === null) this.#rootDir = folder;
  }

  /** Chooses the run and makes its folder, once. */
  async open(): Promise<void> {
    await (this.#opening ??= this.#prepare());
  }

  async #prepare(): Promise<void> {
    if (this.#version !== null) return await makeDir(this.path);
    await makeDir(this.#root);
    const numbers = (await listDir(this.#root)).map((name) => Number(/^version_(\d{1,9})$/.exec(name)?.[1] ?? -1));
    let next = Math.max(-1, ...numbers) + 1;
    // Another process may begin a run at the same moment.
    while (!await claimDir(joinPath(this.#root, `version_${next}`))) next++;
    this.#version = `version_${next}`;
  }
}

function isNameOrNone(version: unknown): boolean {
  return version === undefined || (typeof version === "string" && version !== "");
}
