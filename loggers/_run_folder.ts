import { exists, joinPath, listDir, makeDir } from "../platform/mod.ts";

/** Where a logger of files writes. */
export interface RunFolderOptions {
  /** The folder that holds all runs; default the current one. */
  saveDir?: string;
  /** The experiment, a folder in it; default `"fulgurite_logs"`. */
  name?: string;
  /** The run, a folder in that; default the next free of `version_0`, `version_1`, … */
  version?: string | number;
}

/** The folder of a run: `saveDir/name/version`. */
export class RunFolder {
  /** The experiment. */
  readonly name: string;
  readonly #root: string;
  #version: string | null;
  #opening: Promise<void> | null = null;

  constructor({ saveDir = ".", name = "fulgurite_logs", version }: RunFolderOptions) {
    this.name = name;
    this.#root = joinPath(saveDir, name);
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

  /** Chooses the run and makes its folder, once. */
  async open(): Promise<void> {
    await (this.#opening ??= this.#prepare());
  }

  async #prepare(): Promise<void> {
    if (this.#version === null) {
      const names = await exists(this.#root) ? await listDir(this.#root) : [];
      const numbers = names.flatMap((name) => /^version_(\d+)$/.exec(name)?.[1] ?? []).map(Number);
      this.#version = `version_${Math.max(-1, ...numbers) + 1}`;
    }
    await makeDir(this.path);
  }
}
