import type { Awaitable, Stage, StateDict } from "../data/mod.ts";
import type { Optimizer } from "../optim/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { CheckpointData } from "./checkpoint.ts";
import type { LightningModule, StepOutput } from "./lightning_module.ts";
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

  /** Whether this callback writes checkpoints; such callbacks run last. */
  get checkpointing(): boolean {
    return false;
  }

  setup?(trainer: Trainer, module: LightningModule, stage: Stage): Awaitable<void>;
  teardown?(trainer: Trainer, module: LightningModule, stage: Stage): Awaitable<void>;
  onFitStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onFitEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onSanityCheckStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onSanityCheckEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onTrainStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onTrainEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onTrainEpochStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onTrainEpochEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onTrainBatchStart?(
    trainer: Trainer,
    module: LightningModule,
    batch: unknown,
    batchIdx: number,
  ): Awaitable<number | void>;
  onTrainBatchEnd?(
    trainer: Trainer,
    module: LightningModule,
    outputs: StepOutput,
    batch: unknown,
    batchIdx: number,
  ): Awaitable<void>;
  onBeforeZeroGrad?(trainer: Trainer, module: LightningModule, optimizer: Optimizer): Awaitable<void>;
  onBeforeBackward?(trainer: Trainer, module: LightningModule, loss: Tensor): Awaitable<void>;
  onAfterBackward?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onBeforeOptimizerStep?(trainer: Trainer, module: LightningModule, optimizer: Optimizer): Awaitable<void>;
  onValidationStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onValidationEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onValidationEpochStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onValidationEpochEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onValidationBatchStart?(
    trainer: Trainer,
    module: LightningModule,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;
  onValidationBatchEnd?(
    trainer: Trainer,
    module: LightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;
  onTestStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onTestEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onTestEpochStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onTestEpochEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onTestBatchStart?(
    trainer: Trainer,
    module: LightningModule,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;
  onTestBatchEnd?(
    trainer: Trainer,
    module: LightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;
  onPredictStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onPredictEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onPredictEpochStart?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onPredictEpochEnd?(trainer: Trainer, module: LightningModule): Awaitable<void>;
  onPredictBatchStart?(
    trainer: Trainer,
    module: LightningModule,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;
  onPredictBatchEnd?(
    trainer: Trainer,
    module: LightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;
  /** Any error, before it is thrown on; Ctrl-C and an abort signal are no errors. */
  onException?(trainer: Trainer, module: LightningModule, error: unknown): Awaitable<void>;
  onSaveCheckpoint?(trainer: Trainer, module: LightningModule, checkpoint: CheckpointData): Awaitable<void>;
  onLoadCheckpoint?(trainer: Trainer, module: LightningModule, checkpoint: CheckpointData): Awaitable<void>;

  /** What to keep in a checkpoint. */
  stateDict?(): StateDict;
  /** Takes back what {@link stateDict} gave. */
  loadStateDict?(state: StateDict): Awaitable<void>;
}
