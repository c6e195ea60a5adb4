import { exists, joinPath, remove } from "../platform/mod.ts";
import { Callback, type CheckpointCallback, type StateDict, type Trainer } from "../trainer/mod.ts";

/** When and what a {@link ModelCheckpoint} saves. */
export interface ModelCheckpointOptions {
  /** The folder; default: `checkpoints` in the logger's folder, or below the trainer's root. */
  dirpath?: string;
  /**
   * The name with places for numbers: `"{epoch}-{val_loss:.2f}"` gives `epoch=2-val_loss=0.32`. Default `"{epoch}-{step}"`.
   */
  filename?: string;
  /** The metric that ranks checkpoints; default: none, the newest is kept. */
  monitor?: string;
  /** Whether less (default) or more is better. */
  mode?: "min" | "max";
  /** How many of the best to keep; −1: all, 0: none. Default 1. */
  saveTopK?: number;
  /** Also keep `last`, always the latest state; default false. */
  saveLast?: boolean;
  /** Save weights only, from which training cannot be resumed; default false. */
  saveWeightsOnly?: boolean;
  /** Save when an error ends training; default false. */
  saveOnException?: boolean;
  /** Save after so many optimizer steps. */
  everyNTrainSteps?: number;
  /** Save after so many seconds of training. */
  trainTimeInterval?: number;
  /** Save after so many epochs; default 1 where no other trigger is given. */
  everyNEpochs?: number;
  /** At the end of a training epoch, or after validation; default: by when the trainer validates. */
  saveOnTrainEpochEnd?: boolean;
  /** Write `name=` before each number; default true. */
  autoInsertMetricName?: boolean;
  /** Append -v1, -v2, … to a name that is taken; default true. */
  enableVersionCounter?: boolean;
  /** Say what is saved; default false. */
  verbose?: boolean;
}

/** The ending of a checkpoint's folder. */
const ENDING = ".ckpt";

/**
 * Saves checkpoints: the best by a metric, and the latest.
 *
 * @example
 * ```ts
 * import { ModelCheckpoint } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * const best = new ModelCheckpoint({ monitor: "val_loss", saveTopK: 2, saveLast: true });
 * const trainer = new Trainer({ maxEpochs: 3, callbacks: best, logger: false });
 * console.log(trainer.checkpointCallback === best); // true
 * ```
 */
export class ModelCheckpoint extends Callback implements CheckpointCallback {
  /** The best checkpoint's folder, `""` before the first. */
  bestModelPath = "";
  /** Its metric. */
  bestModelScore: number | null = null;
  /** The kept checkpoints and their metrics. */
  bestKModels: Map<string, number> = new Map();
  /** The folder of the latest state, with `saveLast`. */
  lastModelPath = "";
  readonly #options:
    & Required<Omit<ModelCheckpointOptions, "dirpath" | "monitor" | "saveOnTrainEpochEnd" | "filename">>
    & {
      dirpath: string | null;
      filename: string;
      monitor: string | null;
      saveOnTrainEpochEnd: boolean | null;
    };
  #folder = "";
  #lastSavedStep = -1;
  #lastSaveTime = 0;
  #duePending = false;
  #validated = false;

  /**
   * @param options When and what to save
   * @throws {TypeError} If several triggers are given, or `saveTopK` makes no sense
   */
  constructor(options: ModelCheckpointOptions = {}) {
    super();
    const { everyNTrainSteps = 0, trainTimeInterval = 0 } = options;
    const everyNEpochs = options.everyNEpochs ?? (everyNTrainSteps || trainTimeInterval ? 0 : 1);
    if ([everyNTrainSteps, trainTimeInterval, everyNEpochs].filter((every) => every > 0).length > 1) {
      throw new TypeError(
        "Cannot make a ModelCheckpoint: everyNTrainSteps, trainTimeInterval and everyNEpochs exclude each other, got " +
          `${everyNTrainSteps}, ${trainTimeInterval} and ${everyNEpochs}`,
      );
    }
    const saveTopK = options.saveTopK ?? 1;
    if (!Number.isInteger(saveTopK) || saveTopK < -1 || (options.monitor === undefined && saveTopK > 1)) {
      throw new TypeError(
        `Cannot make a ModelCheckpoint: saveTopK must be −1, 0 or 1 without a monitor, and a count with one, got ${saveTopK}`,
      );
    }
    this.#options = {
      dirpath: options.dirpath ?? null,
      filename: options.filename ?? "{epoch}-{step}",
      monitor: options.monitor ?? null,
      mode: options.mode ?? "min",
      saveTopK,
      saveLast: options.saveLast ?? false,
      saveWeightsOnly: options.saveWeightsOnly ?? false,
      saveOnException: options.saveOnException ?? false,
      everyNTrainSteps,
      trainTimeInterval,
      everyNEpochs,
      saveOnTrainEpochEnd: options.saveOnTrainEpochEnd ?? null,
      autoInsertMetricName: options.autoInsertMetricName ?? true,
      enableVersionCounter: options.enableVersionCounter ?? true,
      verbose: options.verbose ?? false,
    };
  }

  override get stateKey(): string {
    const { monitor, mode, everyNTrainSteps, everyNEpochs, trainTimeInterval } = this.#options;
    return `ModelCheckpoint${JSON.stringify({ monitor, mode, everyNTrainSteps, everyNEpochs, trainTimeInterval })}`;
  }

  override get monitoring(): boolean {
    return true;
  }

  override get checkpointing(): boolean {
    return true;
  }

  /** The folder that checkpoints go to; known once training has begun. */
  get dirpath(): string {
    return this.#folder;
  }

  override setup(trainer: Trainer): void {
    this.#folder = this.#options.dirpath ?? joinPath(trainer.logDir, "checkpoints");
  }

  override onTrainStart(): void {
    this.#lastSaveTime = performance.now();
    this.#validated = false;
  }

  override async onTrainBatchEnd(trainer: Trainer): Promise<void> {
    const { everyNTrainSteps, trainTimeInterval, monitor } = this.#options;
    const dueBySteps = everyNTrainSteps > 0 && trainer.globalStep % everyNTrainSteps === 0 &&
      trainer.globalStep !== this.#lastSavedStep;
    const dueByTime = trainTimeInterval > 0 && performance.now() - this.#lastSaveTime >= 1000 * trainTimeInterval;
    if (!dueBySteps && !dueByTime) return;
    // A rank must not be older than the weights: where a validation follows at once, it comes first.
    if (monitor !== null && trainer.validationFollows) this.#duePending = true;
    else {
      if (monitor !== null) await trainer.refreshMetrics();
      await this.#save(trainer);
    }
  }

  override async onValidationEnd(trainer: Trainer): Promise<void> {
    if (trainer.sanityChecking || trainer.stage !== "fit") return;
    this.#validated = true;
    if (this.#duePending) {
      this.#duePending = false;
      await this.#save(trainer);
      return;
    }
    if (!this.#savesAtEpochEnd(trainer)) await this.#saveIfEpochDue(trainer);
  }

  override async onTrainEpochEnd(trainer: Trainer): Promise<void> {
    if (this.#savesAtEpochEnd(trainer)) await this.#saveIfEpochDue(trainer);
  }

  override async onException(trainer: Trainer): Promise<void> {
    if (this.#options.saveOnException && trainer.globalStep !== this.#lastSavedStep) await this.#save(trainer);
  }

  override stateDict(): StateDict {
    return {
      dirpath: this.#folder,
      bestModelPath: this.bestModelPath,
      bestModelScore: this.bestModelScore,
      bestKModels: Object.fromEntries(this.bestKModels),
      lastModelPath: this.lastModelPath,
      lastSavedStep: this.#lastSavedStep,
    };
  }

  override loadStateDict(state: StateDict): void {
    this.bestModelPath = state.bestModelPath as string;
    if (state.dirpath !== this.#folder) return;
    this.bestModelScore = state.bestModelScore as number | null;
    this.bestKModels = new Map(Object.entries(state.bestKModels as Record<string, number>));
    this.lastModelPath = state.lastModelPath as string;
    this.#lastSavedStep = state.lastSavedStep as number;
  }

  #savesAtEpochEnd(trainer: Trainer): boolean {
    return this.#options.saveOnTrainEpochEnd ?? (!trainer.hasValidation || !trainer.validatesWithinEpochs);
  }

  async #saveIfEpochDue(trainer: Trainer): Promise<void> {
    const { everyNEpochs } = this.#options;
    if (everyNEpochs === 0 || (trainer.currentEpoch + 1) % everyNEpochs !== 0) return;
    if (trainer.globalStep === this.#lastSavedStep) return;
    await this.#save(trainer);
  }

  async #save(trainer: Trainer): Promise<void> {
    const { monitor, saveTopK, saveLast } = this.#options;
    this.#lastSaveTime = performance.now();
    let score: number | null = null;
    if (monitor !== null) {
      const value = trainer.callbackMetrics[monitor];
      if (value === undefined) {
        const known = Object.keys(trainer.callbackMetrics).join(", ") || "none";
        const message = `Cannot rank checkpoints: there is no metric ${monitor}, known are ${known}`;
        if (this.#validated || !trainer.hasValidation) throw new Error(message);
        console.warn(message);
        return;
      }
      score = Number.isNaN(value) ? this.#worst() : value;
    }
    const last = saveLast ? joinPath(this.#folder, `last${ENDING}`) : null;
    // What the checkpoint says of itself must already hold when it is written.
    this.#lastSavedStep = trainer.globalStep;
    if (last !== null) this.lastModelPath = last;
    let written = false;
    if (saveTopK !== 0 && this.#deserves(score)) {
      const path = await this.#freePath(trainer);
      const dropped = this.#remember(path, score);
      await this.#write(trainer, path);
      written = true;
      if (dropped !== null && dropped !== path) await this.#drop(dropped);
    }
    if (last !== null && (written || !trainer.options.lightningCompat)) await this.#write(trainer, last);
  }

  #worst(): number {
    return this.#options.mode === "min" ? Infinity : -Infinity;
  }

  #better(a: number, b: number): boolean {
    return this.#options.mode === "min" ? a < b : a > b;
  }

  /** Whether a checkpoint of this score is among the ones to keep. */
  #deserves(score: number | null): boolean {
    const { saveTopK } = this.#options;
    if (score === null || saveTopK < 0 || this.bestKModels.size < saveTopK) return true;
    return this.#better(score, this.#kth()[1]);
  }

  /** The kept checkpoint that goes first. */
  #kth(): [string, number] {
    return [...this.bestKModels].reduce((worst, entry) => this.#better(worst[1], entry[1]) ? entry : worst);
  }

  /** Enters a checkpoint into the list. Returns the one that has to go, if any. */
  #remember(path: string, score: number | null): string | null {
    const { saveTopK } = this.#options;
    let dropped: string | null = null;
    if (score === null) {
      if (saveTopK === 1) dropped = this.bestModelPath || null;
      this.bestModelPath = path;
      return dropped;
    }
    if (saveTopK > 0 && this.bestKModels.size >= saveTopK) {
      dropped = this.#kth()[0];
      this.bestKModels.delete(dropped);
    }
    this.bestKModels.set(path, score);
    const [bestPath, bestScore] = [...this.bestKModels].reduce((best, entry) =>
      this.#better(entry[1], best[1]) ? entry : best
    );
    this.bestModelPath = bestPath;
    this.bestModelScore = bestScore;
    return dropped;
  }

  async #write(trainer: Trainer, path: string): Promise<void> {
    await trainer.saveCheckpoint(path, { weightsOnly: this.#options.saveWeightsOnly });
    if (this.#options.verbose) console.log(`Saved ${path}`);
  }

  /** Deletes a checkpoint of ours; files elsewhere are not ours to delete. */
  async #drop(path: string): Promise<void> {
    if (path.startsWith(this.#folder) && await exists(path)) await remove(path, { recursive: true });
  }

  async #freePath(trainer: Trainer): Promise<string> {
    const name = this.#name(trainer);
    let path = joinPath(this.#folder, name + ENDING);
    if (!this.#options.enableVersionCounter) return path;
    for (let version = 1; path !== this.#replaceable() && await exists(path); version++) {
      path = joinPath(this.#folder, `${name}-v${version}${ENDING}`);
    }
    return path;
  }

  /** Without a monitor the newest takes the place of the one before, which may have the same name. */
  #replaceable(): string {
    const { monitor, saveTopK } = this.#options;
    return monitor === null && saveTopK === 1 ? this.bestModelPath : "";
  }

  #name(trainer: Trainer): string {
    const values: Record<string, number> = {
      ...trainer.callbackMetrics,
      epoch: trainer.currentEpoch,
      step: trainer.globalStep,
    };
    return this.#options.filename.replace(
      /\{([^}:]+)(?::([^}]*))?\}/g,
      (_, key: string, format: string | undefined) => {
        const text = formatNumber(values[key] ?? 0, format ?? "");
        return this.#options.autoInsertMetricName ? `${key}=${text}` : text;
      },
    );
  }
}

/** A number by Python's format notation, as far as file names need it: `.2f`, `02d`, `.3e`. */
function formatNumber(value: number, format: string): string {
  const match = /^(0?)(\d*)(?:\.(\d+))?([dfeg]?)$/.exec(format);
  if (match === null) {
    throw new TypeError(`Cannot name a checkpoint: a format must look like .2f or 02d, got ${format}`);
  }
  const [, zero, width, digits, kind] = match;
  const text = kind === "f" || (kind === "" && digits !== undefined)
    ? value.toFixed(Number(digits ?? 6))
    : kind === "e"
    ? value.toExponential(Number(digits ?? 6)).replace(/e([+-])(\d)$/, "e$10$2")
    : String(value);
  return text.padStart(Number(width || 0), zero ? "0" : " ");
}
