import type { Awaitable, Stage, StateDict } from "../data/mod.ts";
import type { Optimizer } from "../optim/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { CheckpointData } from "./checkpoint.ts";
import type { LightningModule } from "./lightning_module.ts";
import type { StepOutput } from "./module_hooks.ts";
import type { Trainer } from "./trainer.ts";

/**
 * Something that acts at certain moments of training: override the hooks you need. A hook that is not overridden costs
 * nothing. All hooks get the trainer and the module first, and run before the module's own hook of the same name.
 *
 * @example
 * ```ts
 * import { Callback, type Trainer } from "@fulgurite/core/trainer";
 *
 * class Announce extends Callback {
 *   override onTrainEpochEnd(trainer: Trainer): void {
 *     console.log(`epoch ${trainer.currentEpoch} done after ${trainer.globalStep} steps`);
 *   }
 * }
 * console.log(new Announce().stateKey); // "Announce"
 * ```
 */
export abstract class Callback {
  /** The name under which state is saved; callbacks that exist several times include what tells them apart. */
  get stateKey(): string {
    return this.constructor.name;
  }

  /** Whether hooks at an epoch's end run after those of all other callbacks, since they read what these logged. */
  get monitoring(): boolean {
    return false;
  }

  /** Whether this callback tries things before training begins; such callbacks run first. */
  get tuning(): boolean {
    return false;
  }

  /** Whether this callback writes checkpoints; such callbacks run last. */
  get checkpointing(): boolean {
    return false;
  }

  /**
   * Whether this callback reads all predictions at the end; they are kept for it then, also where `predict` returns
   * none.
   */
  get keepsPredictions(): boolean {
    return false;
  }

  /** Whether this callback ends training by itself: without `maxEpochs` there is no end then but its own. */
  get endsTraining(): boolean {
    return false;
  }

  /** Before an entry point does anything else: files, folders, what needs the trainer. */
  setup?(trainer: Trainer, module: LightningModule, stage: Stage): Awaitable<void>;
  /** The end of an entry point, also after an error. */
  teardown?(trainer: Trainer, module: LightningModule, stage: Stage): Awaitable<void>;
  /** Training is set up: optimizers exist, weights are loaded. */
  onFitStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Training is over. */
  onFitEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Before the few validation batches that are tried before training. */
  onSanityCheckStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** After them. */
  onSanityCheckEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Before the first epoch. */
  onTrainStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** After the last epoch. */
  onTrainEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Before the first batch of an epoch. */
  onTrainEpochStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** After the last batch of an epoch and its validation. */
  onTrainEpochEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Before a training batch; returning −1 leaves the epoch. */
  onTrainBatchStart?(
    trainer: Trainer,
    module: LightningModule,
    batch: unknown,
    batchIdx: number,
  ): Awaitable<number | void>;
  /** After a training batch and its optimizer step; `outputs` is what `trainingStep` returned. */
  onTrainBatchEnd?(
    trainer: Trainer,
    module: LightningModule,
    outputs: StepOutput,
    batch: unknown,
    batchIdx: number,
  ): Awaitable<void>;
  /** Before gradients are cleared, at the start of an accumulation window. */
  onBeforeZeroGrad?(trainer: Trainer, module: LightningModule, optimizer: Optimizer): Awaitable<void>;
  /** Before the loss is differentiated. */
  onBeforeBackward?(trainer: Trainer, module: LightningModule, loss: Tensor): Awaitable<void>;
  /** After the loss was differentiated. */
  onAfterBackward?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Before gradients are clipped and the optimizer steps. */
  onBeforeOptimizerStep?(trainer: Trainer, module: LightningModule, optimizer: Optimizer): Awaitable<void>;
  /** Before validation. */
  onValidationStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** After validation; its metrics are in `trainer.callbackMetrics`. */
  onValidationEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Before the first batch of validation. */
  onValidationEpochStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** After the last batch of validation, while its metrics can still be logged. */
  onValidationEpochEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Before a batch of validation. */
  onValidationBatchStart?(
    trainer: Trainer,
    module: LightningModule,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;
  /** After a batch of validation; `outputs` is what `validationStep` returned. */
  onValidationBatchEnd?(
    trainer: Trainer,
    module: LightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;
  /** Before the test. */
  onTestStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** After the test; its metrics are in `trainer.callbackMetrics`. */
  onTestEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Before the first batch of the test. */
  onTestEpochStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** After the last batch of the test, while its metrics can still be logged. */
  onTestEpochEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Before a batch of the test. */
  onTestBatchStart?(
    trainer: Trainer,
    module: LightningModule,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;
  /** After a batch of the test; `outputs` is what `testStep` returned. */
  onTestBatchEnd?(
    trainer: Trainer,
    module: LightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;
  /** Before prediction. */
  onPredictStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** After prediction. */
  onPredictEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Before the first batch of prediction. */
  onPredictEpochStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** After the last batch of prediction. */
  onPredictEpochEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Before a batch is predicted. */
  onPredictBatchStart?(
    trainer: Trainer,
    module: LightningModule,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;
  /** After a batch was predicted; `outputs` is what `predictStep` returned. */
  onPredictBatchEnd?(
    trainer: Trainer,
    module: LightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;
  /** Ctrl-C or an abort signal ends training: the running batch is done, `onTrainEnd` and `teardown` follow. */
  onInterrupt?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  /** Any error, before it is thrown on; Ctrl-C and an abort signal are no errors. */
  onException?(trainer: Trainer, module: LightningModule, error: unknown): Awaitable<void>;
  /** Before a checkpoint is written; `checkpoint.extra` takes additions. */
  onSaveCheckpoint?(trainer: Trainer, module: LightningModule, checkpoint: CheckpointData): Awaitable<void>;
  /**
   * A checkpoint is on the disk. Of one that was saved in the background this is told after a later batch, or at the
   * end.
   */
  onCheckpointSaved?(trainer: Trainer, module: LightningModule, path: string): Awaitable<void>;
  /** When a checkpoint is loaded, before the state of callbacks is. */
  onLoadCheckpoint?(trainer: Trainer, module: LightningModule, checkpoint: CheckpointData): Awaitable<void>;

  /** A checkpoint that fit is to go on from where it is told of none. */
  resumePath?(): Awaitable<string | null>;
  /** What to keep in a checkpoint. */
  stateDict?(): StateDict;
  /** Takes back what {@link stateDict} gave. */
  loadStateDict?(state: StateDict): Awaitable<void>;
}

/** A callback that knows where its best and latest checkpoints lie. */
export interface CheckpointCallback extends Callback {
  /** The best checkpoint's folder, `""` before the first. */
  readonly bestModelPath: string;
  /** The latest state's folder, `""` before the first or where none is kept. */
  readonly lastModelPath: string;
  /**
   * Looks for the latest state that an earlier process has left where this callback writes; `null` if there is none.
   */
  findLast?(trainer: Trainer): Promise<string | null>;
}
