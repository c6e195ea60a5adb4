import { isNone, resolveAmount } from "./amounts.ts";
import { combined, lengthOf, type NamedLoader } from "./loaders.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Run } from "./run.ts";

/** The loaders of a fit: asked for when they are needed, again after so many epochs, and how much of them is used. */
export class FitLoaders {
  readonly #run: Run;
  readonly #options: ResolvedOptions;
  /** Batches of a training epoch, `Infinity` if unknown; 0 before the loader is there. */
  trainBatches = 0;
  /** Batches of a validation, by loader. */
  valBatches: readonly number[] = [];
  #train: NamedLoader | null = null;
  #val: readonly NamedLoader[] | null = null;
  /** The epochs in which they were asked for. */
  #trainLoadedIn = 0;
  #valLoadedIn = 0;

  /** @param run Whose loaders they are */
  constructor(run: Run) {
    this.#run = run;
    this.#options = run.trainer.options;
  }

  /** The training loader, which has been asked for. */
  get train(): NamedLoader {
    return this.#train!;
  }

  /** The validation loaders, which have been asked for. */
  get val(): readonly NamedLoader[] {
    return this.#val!;
  }

  /** Whether there is a batch to validate on. */
  get validates(): boolean {
    return this.valBatches.some((batches) => batches > 0);
  }

  /** Asks for the training loader, once. */
  async loadTrain(): Promise<void> {
    if (this.#train === null) this.#takeTrain(await this.#run.loaders("train"));
  }

  /**
   * The same at once.
   *
   * @throws {Error} If the loader has to be awaited
   */
  loadTrainNow(): void {
    if (this.#train !== null) return;
    const loaders = this.#run.loaders("train");
    if (loaders instanceof Promise) {
      throw new Error(
        "Cannot count the steps of training: trainDataloader is asynchronous, await trainer.loadTrainingData() first",
      );
    }
    this.#takeTrain(loaders);
  }

  /** Counts the epochs of the training loader from this one on. */
  startAt(epoch: number): void {
    this.#trainLoadedIn = epoch;
  }

  /** Asks for the training loader anew where the options say so. Returns whether it did. */
  async reloadTrain(epoch: number): Promise<boolean> {
    const { reloadDataloadersEveryNEpochs: every } = this.#options;
    if (every === 0 || epoch < this.#trainLoadedIn + every) return false;
    this.#trainLoadedIn = epoch;
    this.#takeTrain(await this.#run.loaders("train"));
    return true;
  }

  /** Asks for the validation loaders, once, and anew where the options say so, and tells them the epoch. */
  async loadVal(epoch: number): Promise<void> {
    const { reloadDataloadersEveryNEpochs: every } = this.#options;
    if (this.#val === null || (every > 0 && epoch >= this.#valLoadedIn + every)) await this.#takeVal(epoch);
    for (const { loader } of this.val) loader.setEpoch?.(epoch);
  }

  async #takeVal(epoch: number): Promise<void> {
    const { limitValBatches } = this.#options;
    this.#valLoadedIn = epoch;
    this.#val = this.#wantsVal()
      ? (await this.#run.loaders("val")).map((named) => this.#ordered(named, "validation"))
      : [];
    tellEmpty(this.#run, "validation", this.#val);
    this.valBatches = this.#val.map(({ loader }) =>
      resolveAmount("limitValBatches", limitValBatches, lengthOf(loader))
    );
  }

  #takeTrain(loaders: readonly NamedLoader[]): void {
    const run = this.#run, { limitTrainBatches } = this.#options;
    if (loaders.length === 0) {
      throw new Error(
        `Cannot fit ${run.module.constructor.name}: there is no training data, give a data module, { train: loader }, ` +
          "or define trainDataloader",
      );
    }
    const train = this.#train = this.#ordered(combined(loaders), "training"), length = lengthOf(train.loader);
    if (length === 0 && this.#overfits) {
      throw new RangeError(
        "Cannot use overfitBatches: there must be a batch to learn by heart, the training loader has none",
      );
    }
    if (length === 0) run.warn("the training loader has no batch: nothing is trained");
    this.trainBatches = resolveAmount("limitTrainBatches", limitTrainBatches, length);
  }

  get #overfits(): boolean {
    return !isNone(this.#options.overfitBatches);
  }

  /** A loader in the order in which it is learnt by heart, where that is wanted. */
  #ordered({ name, loader }: NamedLoader, what: string): NamedLoader {
    const ordered = this.#overfits ? loader.sequential?.() ?? loader : loader;
    if (ordered !== loader) {
      this.#run.warn(`overfitBatches reads the ${what} loader in order: it is not shuffled`);
    }
    return { name, loader: ordered };
  }

  /** Whether fit validates, as far as module and options say it; tells where one part is there without the other. */
  #wantsVal(): boolean {
    if (this.#options.limitValBatches === 0) return false;
    const { module } = this.#run, { name } = module.constructor;
    const step = module.validationStep !== undefined, data = this.#run.hasLoaders("val");
    if (data && !step) {
      this.#run.warn(`there is validation data, but ${name} does not define validationStep: nothing is validated`);
    } else if (step && !data) {
      this.#run.warn(`${name} defines validationStep, but there is no validation data: nothing is validated`);
    }
    return step;
  }
}

/** Names the loaders without a batch: probably a mistake, where the data were looked for or split. */
export function tellEmpty(run: Run, what: string, loaders: readonly NamedLoader[]): void {
  for (const { name, loader } of loaders) {
    if (lengthOf(loader) !== 0) continue;
    run.warn(`the ${what} loader${name === null ? "" : ` ${name}`} has no batch: it is left out`);
  }
}
