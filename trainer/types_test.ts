/** What must compile, and what must not: hooks of modules and callbacks, and batches on their way to the steps. */
import { assertEquals } from "@std/assert";
import { Callback, LightningDataModule, LightningModule, type Trainer } from "../lightning.ts";
import type { Tensor } from "../mod.ts";
import type { Optimizer } from "../optim/mod.ts";

type Points = { x: Tensor; y: Tensor };

class Model extends LightningModule<Points> {
  override trainingStep({ x }: Points, batchIdx: number): Tensor {
    return batchIdx > 0 ? x : x;
  }
  override onTrainBatchStart({ y }: Points, _batchIdx: number): number {
    return y.numel;
  }
}

class WrongBatch extends LightningModule<Points> {
  // @ts-expect-error the step takes the module's batches
  override trainingStep({ image }: { image: Tensor }): Tensor {
    return image;
  }
}

class WrongOutput extends LightningModule<Points> {
  // @ts-expect-error a step gives a loss, not text
  override trainingStep(_batch: Points): string {
    return "loss";
  }
}

class WrongHooks extends LightningModule<Points> {
  // @ts-expect-error the number of a batch is a number
  override onTrainBatchStart(_batch: Points, batchIdx: string): void {
    void batchIdx;
  }
  // @ts-expect-error there is no such hook
  override onTrainBatchBegin(): void {}
  // @ts-expect-error the hook gets the loss
  override onBeforeBackward(loss: string): void {
    void loss;
  }
  // @ts-expect-error optimizers are none of these
  override configureOptimizers(): number {
    return 1;
  }
  // @ts-expect-error the closure comes last
  override optimizerStep(_epoch: number, _batchIdx: number, _closure: () => void, _optimizer: Optimizer): void {}
}

class WrongCallback extends Callback {
  // @ts-expect-error callbacks get the trainer first
  override onTrainStart(module: LightningModule): void {
    void module;
  }
}

class PointsData extends LightningDataModule<Points> {}
class ImageData extends LightningDataModule<{ image: Tensor }> {}

async function compiles(trainer: Trainer): Promise<void> {
  await trainer.fit(new Model(), new PointsData());
  // @ts-expect-error the data module's batches are not the module's
  await trainer.fit(new Model(), new ImageData());
  // @ts-expect-error the data module's batches are not the module's
  await trainer.validate(new Model(), new ImageData());
  // @ts-expect-error a class is no module
  await trainer.fit(Model, new PointsData());
  // @ts-expect-error there is no such option
  await trainer.fit(new Model(), new PointsData(), { checkpoint: "x" });
}

Deno.test("wrong signatures of hooks do not compile, and batches fit their steps", () => {
  // That this file compiles is the test.
  assertEquals([compiles, WrongBatch, WrongOutput, WrongHooks, WrongCallback].length, 5);
});
