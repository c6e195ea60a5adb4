/** What tests of resumption share: a run that saves in every moment, and resumes from each that must end like it. */
import { assert, assertEquals } from "@std/assert";
import {
  Callback,
  type LightningModule,
  type Loader,
  seedEverything,
  Trainer,
  type TrainerOptions,
} from "../lightning.ts";
import { joinPath, readText } from "../platform/mod.ts";
import { inFolder, type LoggedRow, MemoryLogger, quiet } from "./trainer.ts";

/** The moments of training in which a checkpoint is saved. */
const MOMENTS = [
  "onTrainEpochStart",
  "onTrainBatchStart",
  "onTrainBatchEnd",
  "onValidationEnd",
  "onTrainEpochEnd",
] as const;
/** These, and moments of a validation that is not done. */
export type Moment = typeof MOMENTS[number] | "onValidationStart" | "onValidationBatchEnd" | "onValidationEpochEnd";

/** Saves in every moment, under a name of its own. */
class SaveAlways extends Callback {
  /** Their names, and how many rows there were. */
  readonly saved: Map<string, number> = new Map();
  readonly #folder: string;
  readonly #background: boolean;

  constructor(folder: string, background: boolean, moments: readonly Moment[] = MOMENTS) {
    super();
    this.#folder = folder;
    this.#background = background;
    for (const moment of moments) {
      Object.defineProperty(this, moment, { value: (trainer: Trainer) => this.#save(trainer, moment) });
    }
  }

  override get monitoring(): boolean {
    return true;
  }

  override get checkpointing(): boolean {
    return true;
  }

  async #save(trainer: Trainer, moment: Moment): Promise<void> {
    if (trainer.sanityChecking) return;
    const name = `${trainer.batchesSeen}-${moment}`;
    await trainer.saveCheckpoint(joinPath(this.#folder, name), { background: this.#background });
    this.saved.set(name, (trainer.logger as MemoryLogger).rows.length);
  }
}

/** Everything of a row but the clock. */
export function plainRows(rows: readonly LoggedRow[]): unknown[] {
  return rows.map(({ at: { step, batch, epoch }, metrics }) => ({ step, batch, epoch, metrics }));
}

export interface Scenario {
  readonly options?: TrainerOptions;
  readonly module: () => LightningModule;
  readonly train: () => Loader;
  readonly val?: () => Loader;
  /** When checkpoints are saved; default: always. */
  readonly moments?: readonly Moment[];
  /** Whether they are written while training goes on. */
  readonly background?: boolean;
}

/** Fits and saves the end. Returns all of its bytes that do not depend on the clock. */
export async function fit(
  scenario: Scenario,
  folder: string,
  logger: MemoryLogger,
  extra: TrainerOptions,
  ckptPath?: string,
) {
  const module = scenario.module();
  const trainer = new Trainer({
    ...quiet,
    maxEpochs: 2,
    logEveryNSteps: 1,
    ...scenario.options,
    ...extra,
    logger,
  });
  await trainer.fit(module, { train: scenario.train(), val: scenario.val?.() }, { ckptPath });
  const end = joinPath(folder, "end");
  await trainer.saveCheckpoint(end);
  const manifest = JSON.parse(await readText(joinPath(end, "manifest.json")));
  const state = JSON.parse(await readText(joinPath(end, "state.json")));
  state.training.progress.seconds = 0;
  state.training.callbacks = {};
  return {
    model: manifest.files["model.safetensors"].sha256,
    tensors: manifest.files["state.safetensors"].sha256,
    state,
  };
}

/** Holds a resume from every moment of a run against the run that was never interrupted. */
export async function resumesEverywhere(scenario: Scenario, least: number): Promise<void> {
  await inFolder(async (folder) => {
    seedEverything(1);
    const save = new SaveAlways(folder, scenario.background ?? false, scenario.moments), logger = new MemoryLogger();
    const whole = await fit(scenario, folder, logger, { callbacks: save, enableCheckpointing: true });
    assert(save.saved.size >= least, `only ${save.saved.size} checkpoints were saved`);
    for (const [name, rows] of save.saved) {
      seedEverything(99);
      const again = new MemoryLogger();
      const resumed = await fit(scenario, folder, again, {}, joinPath(folder, name));
      const rest = logger.rows.slice(rows);
      assertEquals(plainRows(again.rows), plainRows(rest), `rows after ${name}`);
      assertEquals(resumed, whole, `resumed from ${name}`);
    }
  });
}
