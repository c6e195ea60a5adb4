import { checkObject } from "../device/option_names.ts";
import { exists, joinPath, remove } from "../platform/mod.ts";
import { requireOurs } from "../trainer/checkpoint_folder.ts";
import { Callback, type LightningModule, type Stage, type Trainer } from "../trainer/mod.ts";

/**
 * Saves the state of training when an error or an interruption ends it. The next fit goes on from there by itself, and
 * when one ends well the checkpoint is removed.
 *
 * @example
 * ```ts
 * import { OnExceptionCheckpoint } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * const rescue = new OnExceptionCheckpoint({ dirpath: "rescue" });
 * new Trainer({ callbacks: rescue, logger: false });
 * console.log(rescue.ckptPath); // "rescue/on_exception.ckpt"
 * ```
 */
export class OnExceptionCheckpoint extends Callback {
  /** Where it saves. */
  readonly ckptPath: string;
  #failed = false;

  /**
   * Makes the callback.
   *
   * @param options The folder, and the checkpoint's name without its ending; default `on_exception`
   * @throws {TypeError} If there is no folder
   */
  constructor(options: { dirpath: string; filename?: string }) {
    super();
    checkObject("make an OnExceptionCheckpoint", options, "dirpath", true);
    const { dirpath, filename = "on_exception" } = options;
    if (typeof dirpath !== "string" || dirpath === "" || filename === "") {
      throw new TypeError(
        "Cannot make an OnExceptionCheckpoint: dirpath must be the path of a folder, and filename a name",
      );
    }
    this.ckptPath = joinPath(dirpath, `${filename}.ckpt`);
  }

  /** It writes checkpoints, though none that others would ask for. */
  override get stateKey(): string {
    return `OnExceptionCheckpoint${JSON.stringify({ ckptPath: this.ckptPath })}`;
  }

  /** Begins anew. */
  override setup(): void {
    this.#failed = false;
  }

  /** What an earlier run has left. */
  override async resumePath(): Promise<string | null> {
    return await exists(this.ckptPath) ? this.ckptPath : null;
  }

  /** Saves. */
  override async onException(trainer: Trainer, _module: LightningModule): Promise<void> {
    this.#failed = true;
    if (trainer.stage === "fit") await trainer.saveCheckpoint(this.ckptPath);
  }

  /** Saves after Ctrl-C, too, which is no error here. */
  override async onInterrupt(trainer: Trainer): Promise<void> {
    await trainer.saveCheckpoint(this.ckptPath);
  }

  /** Removes what is not needed any more. */
  override async teardown(trainer: Trainer, _module: LightningModule, stage: Stage): Promise<void> {
    if (stage !== "fit" || this.#failed || trainer.interrupted || !await exists(this.ckptPath)) return;
    await requireOurs(this.ckptPath);
    await remove(this.ckptPath, { recursive: true });
  }
}
