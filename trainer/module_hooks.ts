import type { Awaitable, Loaders, Stage } from "../data/mod.ts";
import type { Optimizer } from "../optim/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Callback } from "./callback.ts";
import type { CheckpointData } from "./checkpoint.ts";
import type { ConfiguredOptimizers } from "./optimizer_config.ts";

/** A loss with what else a training step gives. */
export interface LossOutput {
  /** The loss: one number. */
  loss: Tensor;
  /**
   * The items (tokens, say) that the loss is a sum over. Then the gradients of an accumulation window are divided by
   * the items of all its batches, in place of the number of batches: a mean over items, however they lie in batches. A
   * tensor with one element stays on the device; in a compiled step a number is that of the recording.
   */
  count?: Tensor | number;
  /** What hooks may want to know. */
  [key: string]: unknown;
}

/** What a training step gives: the loss, an object with it, or nothing to skip the batch. */
export type StepOutput = Tensor | LossOutput | null | undefined | void;

/**
 * The methods of a module that the trainer calls where they are there: its steps, where its data and optimizers come
 * from, and the moments of a run. What has a default is a method of `LightningModule` itself.
 *
 * @typeParam Batch What the steps receive: a loader's batch with its arrays as tensors
 */
export interface ModuleHooks<Batch> {
  /** The loss of a batch. */
  trainingStep?(batch: Batch, batchIdx: number): Awaitable<StepOutput>;
  /** Logs what is to be known of a validation batch. */
  validationStep?(batch: Batch, batchIdx: number, dataloaderIdx: number): Awaitable<unknown>;
  /** Logs what is to be known of a test batch. */
  testStep?(batch: Batch, batchIdx: number, dataloaderIdx: number): Awaitable<unknown>;
  /** The optimizers, and how their rates are scheduled. */
  configureOptimizers?(): Awaitable<ConfiguredOptimizers<Batch>>;
  /** Callbacks that this module wants; those of the trainer that are of the same class give way. */
  configureCallbacks?(): Awaitable<Callback | readonly Callback[]>;
  /** Makes layers late, once a stage; must give the same again. */
  configureModel?(): Awaitable<void>;
  /** Downloads; must not set state. */
  prepareData?(): Awaitable<void>;
  /** Batches to train on, where no data module and no loader is given. */
  trainDataloader?(): Awaitable<Loaders>;
  /** Batches to validate on, where no data module and no loader is given. */
  valDataloader?(): Awaitable<Loaders>;
  /** Batches to test on, where no data module and no loader is given. */
  testDataloader?(): Awaitable<Loaders>;
  /** Batches to predict, where no data module and no loader is given. */
  predictDataloader?(): Awaitable<Loaders>;

  /** Before an entry point does anything else: what depends on the data, for example layers of its sizes. */
  setup?(stage: Stage): Awaitable<void>;
  /** The end of an entry point, also after an error. */
  teardown?(stage: Stage): Awaitable<void>;
  /** Training is set up: optimizers exist, weights are loaded. */
  onFitStart?(): Awaitable<void>;
  /** Training is over. */
  onFitEnd?(): Awaitable<void>;
  /** Before the first epoch. */
  onTrainStart?(): Awaitable<void>;
  /** After the last epoch. */
  onTrainEnd?(): Awaitable<void>;
  /** Before the first batch of an epoch. */
  onTrainEpochStart?(): Awaitable<void>;
  /** After the last batch of an epoch and its validation. */
  onTrainEpochEnd?(): Awaitable<void>;
  /** Returning −1 leaves the epoch. */
  onTrainBatchStart?(batch: Batch, batchIdx: number): Awaitable<number | void>;
  /** After a training batch and its optimizer step; `outputs` is what `trainingStep` returned. */
  onTrainBatchEnd?(outputs: StepOutput, batch: Batch, batchIdx: number): Awaitable<void>;
  /** Before gradients are cleared, at the start of an accumulation window. */
  onBeforeZeroGrad?(optimizer: Optimizer): Awaitable<void>;
  /** Before the loss is differentiated. */
  onBeforeBackward?(loss: Tensor): Awaitable<void>;
  /** After the loss was differentiated. */
  onAfterBackward?(): Awaitable<void>;
  /** Before gradients are clipped and the optimizer steps. */
  onBeforeOptimizerStep?(optimizer: Optimizer): Awaitable<void>;
  /** Before validation. */
  onValidationStart?(): Awaitable<void>;
  /** After validation; its metrics are in `trainer.callbackMetrics`. */
  onValidationEnd?(): Awaitable<void>;
  /** Before the first batch of validation. */
  onValidationEpochStart?(): Awaitable<void>;
  /** After the last batch of validation, while its metrics can still be logged. */
  onValidationEpochEnd?(): Awaitable<void>;
  /** Before a batch of validation. */
  onValidationBatchStart?(batch: Batch, batchIdx: number, dataloaderIdx: number): Awaitable<void>;
  /** After a batch of validation; `outputs` is what `validationStep` returned. */
  onValidationBatchEnd?(outputs: unknown, batch: Batch, batchIdx: number, dataloaderIdx: number): Awaitable<void>;
  /** Before the test. */
  onTestStart?(): Awaitable<void>;
  /** After the test; its metrics are in `trainer.callbackMetrics`. */
  onTestEnd?(): Awaitable<void>;
  /** Before the first batch of the test. */
  onTestEpochStart?(): Awaitable<void>;
  /** After the last batch of the test, while its metrics can still be logged. */
  onTestEpochEnd?(): Awaitable<void>;
  /** Before a batch of the test. */
  onTestBatchStart?(batch: Batch, batchIdx: number, dataloaderIdx: number): Awaitable<void>;
  /** After a batch of the test; `outputs` is what `testStep` returned. */
  onTestBatchEnd?(outputs: unknown, batch: Batch, batchIdx: number, dataloaderIdx: number): Awaitable<void>;
  /** Before prediction. */
  onPredictStart?(): Awaitable<void>;
  /** After prediction. */
  onPredictEnd?(): Awaitable<void>;
  /** Before the first batch of prediction. */
  onPredictEpochStart?(): Awaitable<void>;
  /** After the last batch of prediction. */
  onPredictEpochEnd?(): Awaitable<void>;
  /** Before a batch is predicted. */
  onPredictBatchStart?(batch: Batch, batchIdx: number, dataloaderIdx: number): Awaitable<void>;
  /** After a batch was predicted; `outputs` is what `predictStep` returned. */
  onPredictBatchEnd?(outputs: unknown, batch: Batch, batchIdx: number, dataloaderIdx: number): Awaitable<void>;
  /** Before a checkpoint is written; `checkpoint.extra` takes additions. */
  onSaveCheckpoint?(checkpoint: CheckpointData): Awaitable<void>;
  /** When a checkpoint is loaded, before the weights are. */
  onLoadCheckpoint?(checkpoint: CheckpointData): Awaitable<void>;
  /** Before the batch's arrays become tensors. */
  onBeforeBatchTransfer?(batch: unknown, dataloaderIdx: number): unknown;
  /** After the batch's arrays became tensors. */
  onAfterBatchTransfer?(batch: Batch, dataloaderIdx: number): Batch;
}
