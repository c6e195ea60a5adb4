import * as z from "zod";
import { cwd, exists, joinPath, remove, writeErr } from "../platform/mod.ts";
import { checkState } from "../trainer/check_state.ts";
import { requireOurs, requireWritable, sweep } from "../trainer/checkpoint_folder.ts";
import {
  Callback,
  type CheckpointCallback,
  type LightningModule,
  type Stage,
  type StateDict,
  type Trainer,
} from "../trainer/mod.ts";
import { CheckpointName } from "./_checkpoint_name.ts";
import { Ranking, scoreOf } from "./_ranking.ts";
import { straysIn } from "./_strays.ts";
import { type CheckedOptions, checkedOptions, type ModelCheckpointOptions } from "./model_checkpoint_options.ts";

export type { ModelCheckpointOptions } from "./model_checkpoint_options.ts";

const score = z.number().or(z.nan()).or(z.literal([Infinity, -Infinity]));
const savedState = z.object({
  dirpath: z.string(),
  bestModelPath: z.string(),
  bestModelScore: score.nullable(),
  bestKModels: z.record(z.string(), score),
  lastModelPath: z.string(),
  lastSavedStep: z.int().min(-1),
  pending: z.boolean().default(false), // older checkpoints have none
  run: z.string().default(() => crypto.randomUUID()),
});

/** A save that is under way. */
interface Saving {
  readonly unsaved: Set<string>;
  readonly dropped: string | null;
  readonly before: Ranking["present"];
  readonly lastSavedStep: number;
  readonly lastModelPath: string;
}

/** The ending of a checkpoint's folder. */
const ENDING = ".ckpt";
/** The name of the latest state. */
const LAST = `last${ENDING}`;

/**
 * Saves checkpoints: the best by a metric, and the latest.
 *
 * A checkpoint is ranked by a metric that its own weights were measured with: where the metric comes from a validation
 * that has not run since the last optimizer step, saving waits for it.
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
  /** The folder of the latest state, with `saveLast`; `""` before the first. */
  lastModelPath: string = "";
  readonly #options: CheckedOptions;
  readonly #name: CheckpointName;
  readonly #ranking: Ranking;
  #folder = "";
  #lastSavedStep = -1;
  /** The optimizer step that the latest batch ended at. */
  #latestStep = 0;
  #lastSaveTime = 0;
  /** Whether a checkpoint waits for the metric that ranks it. */
  #pending = false;
  #validated = false;
  /** What tells checkpoints of this run from those of others in the same folder; a resumed run keeps it. */
  #run: string = crypto.randomUUID();
  /** What is being saved: what goes once it is there, and what to go back to if it fails. */
  #saving: Saving | null = null;
  /** Whether state was restored, and the folder not looked through since. */
  #resumed = false;

  /**
   * Makes the callback.
   *
   * @param options When and what to save
   * @throws {TypeError} Naming each option that is wrong, what it got and what is allowed
   */
  constructor(options: ModelCheckpointOptions = {}) {
    super();
    const checked = checkedOptions(options);
    this.#options = checked;
    this.#name = new CheckpointName(checked.filename, checked.autoInsertMetricName);
    this.#ranking = new Ranking(checked.mode, checked.saveTopK);
  }

  /** The best checkpoint's folder, without a monitor the newest; `""` before the first. */
  get bestModelPath(): string {
    return this.#ranking.best;
  }

  /** Its metric. */
  get bestModelScore(): number | null {
    return this.#ranking.bestScore;
  }

  /** The kept checkpoints and their metrics. */
  get bestKModels(): ReadonlyMap<string, number> {
    return this.#ranking.kept;
  }

  /** The kept checkpoint that goes first when a better one comes, `""` before the first. */
  get kthBestModelPath(): string {
    return this.#ranking.worst;
  }

  /** The folder that checkpoints go to; known once a run has begun. */
  get dirpath(): string {
    return this.#folder;
  }

  /** Tells checkpoints of different metrics and moments apart. */
  override get stateKey(): string {
    const { monitor, mode, everyNTrainSteps, everyNEpochs, trainTimeInterval, everyNBatches } = this.#options;
    const triggers = {
      everyNTrainSteps,
      everyNEpochs,
      trainTimeInterval,
      ...everyNBatches > 0 ? { everyNBatches } : {},
    };
    return `ModelCheckpoint${JSON.stringify({ monitor, mode, ...triggers })}`;
  }

  /** It reads what other callbacks logged. */
  override get monitoring(): boolean {
    return true;
  }

  /** It writes checkpoints. */
  override get checkpointing(): boolean {
    return true;
  }

  /** Chooses the folder, which must take files, and clears it of what a process that died while it saved has left. */
  override async setup(trainer: Trainer, _module: LightningModule, stage: Stage): Promise<void> {
    this.#folder = this.#folderFor(trainer);
    if (stage !== "fit") return;
    await requireWritable(this.#folder);
    await sweep(this.#folder);
  }

  /** The `last` of an earlier process in this folder. */
  async findLast(trainer: Trainer): Promise<string | null> {
    const folder = this.#folderFor(trainer), path = joinPath(folder, LAST);
    await sweep(folder);
    return await exists(path) ? path : null;
  }

  /** After a resumption: puts the folder in order. */
  override async onFitStart(trainer: Trainer): Promise<void> {
    if (this.#resumed) await this.#adoptStrays(trainer);
  }

  /** Starts the clock of `trainTimeInterval`. */
  override onTrainStart(trainer: Trainer): void {
    this.#lastSaveTime = performance.now();
    this.#latestStep = trainer.globalStep;
    this.#validated = false;
    // What waited when an earlier run was left still does.
    if (trainer.batchesSeen === 0) this.#pending = false;
  }

  /** Saves after steps, batches or seconds. */
  override async onTrainBatchEnd(trainer: Trainer): Promise<void> {
    const { everyNTrainSteps, everyNBatches, trainTimeInterval, monitor } = this.#options;
    const { globalStep } = trainer, stepped = globalStep !== this.#latestStep;
    this.#latestStep = globalStep;
    const isNew = globalStep > 0 && globalStep !== this.#lastSavedStep;
    const bySteps = everyNTrainSteps > 0 && stepped && globalStep % everyNTrainSteps === 0 && isNew;
    const byTime = trainTimeInterval > 0 && isNew &&
      performance.now() - this.#lastSaveTime >= 1000 * trainTimeInterval;
    const byBatches = everyNBatches > 0 && isNew && trainer.batchesSeen % everyNBatches === 0;
    if (!bySteps && !byBatches && !byTime) return;
    if (monitor !== null && trainer.validationFollows) {
      this.#pending = true;
      await this.#saveLast(trainer);
      return;
    }
    await trainer.refreshMetrics();
    await this.#saveRanked(trainer);
    if (this.#pending) await this.#saveLast(trainer);
  }

  /** Saves what waited for the validation, and where epochs are judged by it. */
  override async onValidationEnd(trainer: Trainer): Promise<void> {
    if (trainer.sanityChecking || trainer.stage !== "fit" || trainer.interrupted) return;
    this.#validated = true;
    if (this.#pending || (!this.#savesAtEpochEnd(trainer) && this.#epochDue(trainer))) await this.#saveRanked(trainer);
  }

  /** Saves at the end of an epoch. */
  override async onTrainEpochEnd(trainer: Trainer): Promise<void> {
    const waiting = this.#pending && !trainer.options.lightningCompat;
    if (waiting || (this.#savesAtEpochEnd(trainer) && this.#epochDue(trainer))) await this.#saveRanked(trainer);
  }

  /** Saves the latest state where it would be lost otherwise. */
  override async onInterrupt(trainer: Trainer): Promise<void> {
    const { saveLast, saveOnException } = this.#options;
    if (saveLast || saveOnException) await this.#saveUnranked(trainer, saveOnException);
  }

  /** Brings `last` up to date. */
  override async onTrainEnd(trainer: Trainer): Promise<void> {
    const { saveLast } = this.#options;
    if (!saveLast || trainer.options.lightningCompat || trainer.interrupted) return;
    if (trainer.globalStep > Math.max(0, this.#lastSavedStep)) await this.#saveUnranked(trainer, false);
  }

  /** Makes room once a better checkpoint is on the disk. */
  override async onCheckpointSaved(trainer: Trainer, _module: LightningModule, path: string): Promise<void> {
    const saving = this.#saving;
    if (saving === null || !saving.unsaved.delete(path)) return;
    if (this.#options.verbose) writeErr(`Saved ${path}\n`);
    if (saving.unsaved.size > 0) return;
    this.#saving = null;
    if (saving.dropped !== null) await this.#drop(trainer, saving.dropped);
  }

  /** Forgets what could not be saved, and saves if that is asked for. */
  override async onException(trainer: Trainer): Promise<void> {
    if (this.#saving !== null) {
      this.#ranking.goBack(this.#saving.before);
      ({ lastSavedStep: this.#lastSavedStep, lastModelPath: this.lastModelPath } = this.#saving);
      this.#saving = null;
    }
    if (!this.#options.saveOnException || trainer.stage !== "fit" || this.#folder === "") return;
    if (trainer.globalStep !== this.#lastSavedStep) await this.#saveUnranked(trainer, true);
  }

  /** Scores and paths. */
  override stateDict(): StateDict {
    return {
      dirpath: this.#folder,
      bestModelPath: this.bestModelPath,
      bestModelScore: this.bestModelScore,
      bestKModels: Object.fromEntries(this.bestKModels),
      lastModelPath: this.lastModelPath,
      lastSavedStep: this.#lastSavedStep,
      pending: this.#pending,
      run: this.#run,
    };
  }

  /** Takes them back; in another folder only the best checkpoint's path is. */
  override loadStateDict(state: StateDict): void {
    const saved = checkState("the ModelCheckpoint", savedState, state);
    this.#ranking.best = saved.bestModelPath;
    if (saved.dirpath !== this.#folder) return this.#tellElsewhere(saved.dirpath);
    this.#ranking.bestScore = saved.bestModelScore;
    this.#ranking.kept = new Map(Object.entries(saved.bestKModels));
    this.lastModelPath = saved.lastModelPath;
    this.#lastSavedStep = saved.lastSavedStep;
    this.#pending = saved.pending;
    this.#run = saved.run;
    this.#resumed = true;
  }

  /** Says that a ranking does not go on: the best of this run may be worse than the best of the one before. */
  #tellElsewhere(before: string): void {
    if (this.#options.monitor === null || this.#folder === "") return;
    writeErr(
      `Warning: ModelCheckpoint saves to ${this.#folder} and ranks anew there: the checkpoints in ${before} stay as they are; ` +
        "the same dirpath, or the same version of the logger, goes on with them\n",
    );
  }

  /** Takes checkpoints into the ranking that a process wrote which died before it could list them. */
  async #adoptStrays(trainer: Trainer): Promise<void> {
    this.#resumed = false;
    const known = new Set([this.bestModelPath, this.lastModelPath, ...this.bestKModels.keys()]);
    const writer = { key: this.stateKey, run: this.#run };
    for (const { path, score, step } of await straysIn(this.#folder, ENDING, writer, known)) {
      if ((score === null) !== (this.#options.monitor === null)) continue;
      const kept = score === null ? step > this.#lastSavedStep : this.#ranking.deserves(score);
      const dropped = kept ? this.#ranking.add(path, score) : this.#options.saveTopK < 0 ? null : path;
      if (dropped !== null) await this.#drop(trainer, dropped);
    }
  }

  #savesAtEpochEnd(trainer: Trainer): boolean {
    return this.#options.saveOnTrainEpochEnd ?? (!trainer.hasValidation || !trainer.validatesWithinEpochs);
  }

  #epochDue(trainer: Trainer): boolean {
    const { everyNEpochs } = this.#options;
    return everyNEpochs > 0 && (trainer.currentEpoch + 1) % everyNEpochs === 0 &&
      trainer.globalStep !== this.#lastSavedStep;
  }

  /** Saves if the metric makes it one of the best, and `last`; or waits for the metric. */
  async #saveRanked(trainer: Trainer): Promise<void> {
    const { monitor, saveLast } = this.#options;
    const { lightningCompat } = trainer.options;
    const score = monitor === null ? null : scoreOf(trainer, monitor, this.#validated);
    this.#pending = score === "awaited";
    if (score === "awaited" || score === "missing") return;
    await trainer.settleCheckpoints();
    const before = this.#present;
    this.#lastSaveTime = performance.now();
    const paths: string[] = [];
    let dropped: string | null = null;
    this.#lastSavedStep = trainer.globalStep;
    if (this.#ranking.deserves(score)) {
      const path = await this.#freePath(trainer);
      dropped = this.#ranking.add(path, score);
      paths.push(path);
    }
    if (saveLast && (paths.length > 0 || !lightningCompat)) paths.push(this.#last());
    await this.#write(trainer, paths, dropped, before);
  }

  /** Saves `last` at a trigger whose ranked checkpoint waits. */
  async #saveLast(trainer: Trainer): Promise<void> {
    if (!this.#options.saveLast || trainer.options.lightningCompat) return;
    await trainer.settleCheckpoints();
    const before = this.#present;
    this.#lastSaveTime = performance.now();
    await this.#write(trainer, [this.#last()], null, before);
  }

  /** Saves the present state without a rank: `last`, and under a name of its own if that is wanted. */
  async #saveUnranked(trainer: Trainer, named: boolean): Promise<void> {
    await trainer.settleCheckpoints();
    const before = this.#present;
    const paths = named ? [await this.#freePath(trainer)] : [];
    if (this.#options.saveLast) paths.push(this.#last());
    await this.#write(trainer, paths, null, before);
  }

  get #present(): Omit<Saving, "unsaved" | "dropped"> {
    return { before: this.#ranking.present, lastSavedStep: this.#lastSavedStep, lastModelPath: this.lastModelPath };
  }

  #last(): string {
    return this.lastModelPath = joinPath(this.#folder, LAST);
  }

  #folderFor(trainer: Trainer): string {
    return this.#options.dirpath ?? joinPath(trainer.logDir, "checkpoints");
  }

  async #write(
    trainer: Trainer,
    paths: readonly string[],
    dropped: string | null,
    before: Omit<Saving, "unsaved" | "dropped">,
  ): Promise<void> {
    if (paths.length === 0) return;
    const { saveWeightsOnly: weightsOnly, saveInBackground, saveLast } = this.#options;
    const { lightningCompat } = trainer.options, link = saveLast === "link";
    this.#saving = { ...before, unsaved: new Set(paths), dropped };
    // Lightning saves one after the other, and its hooks see each.
    for (const group of lightningCompat ? paths.map((path) => [path]) : [paths]) {
      await trainer.saveCheckpoint(group, { weightsOnly, background: saveInBackground && !lightningCompat, link });
    }
  }

  /**
   * Deletes a checkpoint of ours; files elsewhere, and the one that training was resumed from, are not ours to delete.
   */
  async #drop(trainer: Trainer, path: string): Promise<void> {
    const ours = path.startsWith(joinPath(this.#folder, "/")) && path.endsWith(ENDING) &&
      !path.split("/").includes("..");
    if (!ours || isSame(path, trainer.ckptPath) || path === this.lastModelPath || !await exists(path)) return;
    await requireOurs(path);
    await remove(path, { recursive: true });
  }

  async #freePath(trainer: Trainer): Promise<string> {
    const name = this.#name.fill({
      ...trainer.callbackMetrics,
      epoch: trainer.currentEpoch,
      step: trainer.globalStep,
    });
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
}

/** Whether two paths lead to one place, from the present folder. */
function isSame(a: string, b: string | null): boolean {
  const whole = (path: string) => /^([\\/]|\w:)/.test(path) ? joinPath(path) : joinPath(cwd(), path);
  return b !== null && whole(a) === whole(b.replace(/[\\/]+$/, ""));
}
