import { show } from "../device/option_names.ts";
import { div, mul, to } from "../kernels/mod.ts";
import { LBFGS, type Optimizer } from "../optim/mod.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { keep } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { lastly, then } from "./_then.ts";
import type { StepOutput } from "./module_hooks.ts";
import { countOf } from "./item_counts.ts";
import type { Step } from "./loaders.ts";
import type { OwnedStep } from "./optimizers.ts";
import type { Run } from "./run.ts";
import { Toggles } from "./toggles.ts";

/**
 * Automatic optimization of one batch: forward, backward and, where the accumulation window closes, clipping and the update.
 * It is synchronous where the module and the hooks are, so that a whole step can be recorded.
 */
export class Optimization {
  readonly #run: Run;
  readonly #trainBatches: number;
  readonly #toggles = new Toggles();
  /** Batches in the window before the one that is trained on. */
  #windowBefore = 0;

  /**
   * @param run The run
   * @param trainBatches Batches of an epoch, `Infinity` if unknown
   */
  constructor(run: Run, trainBatches: number) {
    this.#run = run;
    this.#trainBatches = trainBatches;
  }

  /** Whether a batch closes its accumulation window: a full one, or the epoch's last. */
  closesWindow({ index, last }: Step): boolean {
    return (index + 1) % this.#run.trainer.accumulateGradBatches === 0 || last;
  }

  /** What a step does differently from others, by the place of its batch in the accumulation window. */
  placeOf(step: Step): string {
    const { progress: { windowBatches }, counts, skipBackward } = this.#run, closes = this.closesWindow(step);
    const corrects = closes && !Number.isFinite(this.#trainBatches);
    const given = windowBatches > 0 && JSON.stringify(counts.given);
    return [closes, given, this.#batchesOf(step), corrects && windowBatches, skipBackward].join();
  }

  /**
   * Trains on a batch: with one optimizer, or with several one after the other, each by the step that it owns. Returns what the
   * (last) step gave, with the loss as it was differentiated.
   */
  train(batch: unknown, step: Step): StepOutput | Promise<StepOutput> {
    const { optimizers, ownedSteps, progress } = this.#run;
    this.#windowBefore = progress.windowBatches;
    let outputs: StepOutput = null;
    let trained: void | Promise<void> = undefined;
    for (const owned of ownedSteps) {
      trained = then(trained, () =>
        then(this.#trainOne(batch, step, owned), (given) => {
          outputs = given;
        }));
    }
    return then(trained, () => {
      if (!this.closesWindow(step)) return outputs;
      if (optimizers.length > 0) progress.globalStep++;
      progress.windowBatches = 0;
      return outputs;
    });
  }

  #trainOne(batch: unknown, step: Step, { optimizer, own }: OwnedStep): StepOutput | Promise<StepOutput> {
    const { module, optimizers, progress } = this.#run;
    let outputs: StepOutput = null;
    const gradients = () =>
      then(this.#gradients(batch, step, { optimizer, own }), (given) => {
        // Of an optimizer that measures several times, the first: the loss before the step.
        const loss = this.#run.skipBackward ? null : lossOf(given);
        outputs ??= optimizer instanceof LBFGS ? loss : given;
        return loss;
      });
    const train = (): unknown => {
      if (optimizer === null || this.#run.skipBackward || !this.closesWindow(step)) return gradients();
      const closure = () => then(gradients(), (loss) => then(this.#finishGradients(optimizer), () => loss));
      return this.#run.inHook(
        "optimizerStep",
        () => module.optimizerStep(progress.epoch, step.index, optimizer, closure),
      );
    };
    if (own === null || optimizer === null) return then(train(), () => outputs);
    this.#toggles.toggle(optimizer, optimizers);
    return then(lastly<unknown>(train, () => this.#toggles.untoggle()), () => outputs);
  }

  /** Forward and backward; the first batch of a window clears the gradients between them. Or forward alone. */
  #gradients(batch: unknown, step: Step, { optimizer, own }: OwnedStep): StepOutput | Promise<StepOutput> {
    const run = this.#run;
    const given = own === null ? run.runStep("trainingStep", batch, step.index) : run.runOwn(own, batch, step.index);
    return then(given as StepOutput | Promise<StepOutput>, (outputs) => {
      const loss = run.skipBackward ? null : lossOf(outputs), which = run.optimizers.indexOf(optimizer!);
      const count = loss === null || run.trainer.options.lightningCompat ? null : countOf(outputs);
      const clears = this.#windowBefore === 0 && optimizer !== null && !run.skipBackward;
      if (clears) run.counts.begin(which);
      const cleared = clears ? this.#zeroGrad(optimizer, step) : undefined;
      return then(cleared, () => {
        const scaled = loss === null || count !== null ? loss : this.#scaled(loss, step);
        return then(scaled === null ? undefined : run.backward(scaled), () => {
          if (loss !== null) run.counts.take(which, count);
          run.progress.windowBatches = this.#windowBefore + 1;
          return scaled === loss ? outputs : withLoss(outputs, scaled!.detach());
        });
      });
    });
  }

  #zeroGrad(optimizer: Optimizer, step: Step): void | Promise<void> {
    const { hooks, module, progress } = this.#run;
    return then(
      hooks.call("onBeforeZeroGrad", optimizer),
      () =>
        this.#run.inHook(
          "optimizerZeroGrad",
          () => module.optimizerZeroGrad(progress.epoch, step.index, optimizer),
        ),
    );
  }

  /** What follows the last backward of a window: an average over the batches really in it, or their items, and clipping. */
  #finishGradients(optimizer: Optimizer): void | Promise<void> {
    const { hooks, module, optimizers, trainer: { options, accumulateGradBatches } } = this.#run;
    const { windowBatches } = this.#run.progress;
    const missing = accumulateGradBatches - windowBatches,
      items = this.#run.counts.factor(optimizers.indexOf(optimizer));
    if (items !== null) scaleGradients(optimizer, items);
    else if (missing > 0 && !Number.isFinite(this.#trainBatches) && !options.lightningCompat) {
      scaleGradients(optimizer, accumulateGradBatches / windowBatches);
    }
    this.#run.unscale(optimizer);
    return then(
      hooks.call("onBeforeOptimizerStep", optimizer),
      () =>
        this.#run.inHook(
          "configureGradientClipping",
          () => module.configureGradientClipping(optimizer, options.gradientClipVal, options.gradientClipAlgorithm),
        ),
    );
  }

  /**
   * The loss divided so that the window's gradients average its batches: by the batches really in it, which at an epoch's
   * end may be fewer (deviation D1); with `lightningCompat` always by `accumulateGradBatches`. Where the epoch's length is
   * unknown, the last window is corrected when it closes.
   */
  #scaled(loss: Tensor, step: Step): Tensor {
    const { accumulateGradBatches, options: { lightningCompat } } = this.#run.trainer;
    if (accumulateGradBatches === 1) return loss;
    return div(loss, lightningCompat ? accumulateGradBatches : this.#batchesOf(step));
  }

  /** Batches in the accumulation window of a batch, as far as the epoch's length is known. */
  #batchesOf({ index }: Step): number {
    const { accumulateGradBatches } = this.#run.trainer;
    return Math.min(accumulateGradBatches, this.#trainBatches - (index - index % accumulateGradBatches));
  }
}

/** The loss in what a training step returned, `null` where the batch is to be skipped. */
function lossOf(outputs: StepOutput): Tensor | null {
  if (outputs === null || outputs === undefined) return null;
  const loss = outputs instanceof Tensor ? outputs : (outputs as { loss?: Tensor }).loss;
  if (loss instanceof Tensor && loss.numel === 1) return loss;
  const got = loss instanceof Tensor
    ? `a tensor of shape [${loss.shape.join(", ")}]`
    : loss === undefined
    ? show(outputs)
    : `a loss that is ${show(loss)}`;
  throw new TypeError(
    `Cannot train on what trainingStep returned: it must be a tensor with one element, an object with such a loss, or ` +
      `null, got ${got}`,
  );
}

function withLoss(outputs: StepOutput, loss: Tensor): StepOutput {
  return outputs instanceof Tensor ? loss : { ...outputs as object, loss };
}

function scaleGradients(optimizer: Optimizer, factor: Tensor | number): void {
  noGrad(() => {
    for (const parameter of optimizer.paramGroups.flatMap((group) => group.params)) {
      const { grad } = parameter;
      if (grad === null) continue;
      parameter.grad = keep(to(mul(grad, factor), grad.dtype));
      grad.dispose();
    }
  });
}
