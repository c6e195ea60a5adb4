/** What must compile, and what must not: hooks of modules and callbacks, and batches on their way to the steps. */
import { assertEquals } from "@std/assert";
import { CombinedLoader, type DataLoader } from "../data/mod.ts";
import { Callback, LightningDataModule, LightningModule, type Loader, type Trainer } from "../lightning.ts";
import type { OptimizerConfig, StepOutput } from "../lightning.ts";
import { type HostTensor, type Tensor, tensor } from "../mod.ts";
import type { Optimizer } from "../optim/mod.ts";

declare const sgd: Optimizer;
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

class OwnedSteps extends LightningModule<Points> {
  override configureOptimizers(): OptimizerConfig<Points>[] {
    return [{ optimizer: sgd, step: ({ x }) => x }];
  }
}

class WrongOwnedStep extends LightningModule<Points> {
  // @ts-expect-error the step that an optimizer owns takes the module's batches
  override configureOptimizers(): OptimizerConfig<{ image: Tensor }>[] {
    return [{ optimizer: sgd, step: ({ image }) => image }];
  }
}

class Counts extends LightningModule<Points> {
  override trainingStep({ x }: Points): StepOutput {
    return { loss: x, count: x.numel, seen: "more" };
  }
}

class WrongCount extends LightningModule<Points> {
  // @ts-expect-error a count is a number or a tensor
  override trainingStep({ x }: Points): { loss: Tensor; count: string } {
    return { loss: x, count: "3" };
  }
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

type Images = { image: HostTensor<"f32"> };
declare const points: DataLoader<unknown, { x: HostTensor<"f32">; y: HostTensor<"i32"> }>;
declare const images: DataLoader<unknown, Images>;
declare const untyped: Loader;

class Renames extends LightningModule<Points> {
  override transferBatchToDevice({ image }: Images): Points {
    return { x: tensor(image), y: tensor(image) };
  }
}
class PredictsX extends LightningModule<Points> {
  override predictStep({ x }: { x: Tensor }): Tensor {
    return x;
  }
}
class Two extends LightningModule<{ a: Points; b: Points }> {}
class TwoInAList extends LightningModule<[Points, { image: Tensor }]> {}
class Rows extends LightningModule<[Tensor, number]> {}

async function loadersCompile(trainer: Trainer): Promise<void> {
  await trainer.fit(new Model(), points);
  await trainer.fit(new Model(), [{ x: tensor([1]), y: tensor([1]) }]);
  await trainer.fit(new Model(), { train: points, val: { clean: points, noisy: points } });
  await trainer.validate(new Model(), [points, points]);
  // @ts-expect-error an array of arrays is one loader whose batches are arrays, here as when it runs
  await trainer.validate(new Model(), [[{ x: tensor([1]), y: tensor([1]) }]]);
  await trainer.validate(new Model(), { val: { clean: [{ x: tensor([1]), y: tensor([1]) }] } });
  await trainer.fit(new Model(), untyped);
  await trainer.fit(new Model(), new CombinedLoader({ x: points, y: points }));
  // @ts-expect-error the loader's batches are not the module's
  await trainer.fit(new Model(), images);
  // @ts-expect-error the batches are not the module's
  await trainer.fit(new Model(), [{ image: tensor([1]) }]);
  // @ts-expect-error the training loader's batches are not the module's
  await trainer.fit(new Model(), { train: images, val: points });
  // @ts-expect-error the validation loader's batches are not the module's
  await trainer.fit(new Model(), { train: points, val: images });
  // @ts-expect-error one of the loaders has other batches
  await trainer.validate(new Model(), { val: { clean: points, noisy: images } });
  // @ts-expect-error the loader's batches are not the module's
  await trainer.predict(new Model(), images);
  // Several loaders are walked together: each gives a part of the batch.
  await trainer.fit(new Two(), { train: { a: points, b: points } });
  // @ts-expect-error the part b is not what the step takes
  await trainer.fit(new Two(), { train: { a: points, b: images } });
  await trainer.fit(new TwoInAList(), [points, images]);
  await trainer.fit(new Rows(), [[Float32Array.of(1), 2]]);
  // @ts-expect-error a number stands where the step takes a tensor
  await trainer.fit(new Rows(), [[1, 2]]);
  // A prediction may do with less.
  await trainer.predict(new Model(), [{ x: tensor([1]), y: tensor([1]) }]);
  await trainer.predict(new PredictsX(), [{ x: tensor([1]) }]);
  await trainer.predict(new PredictsX(), new PointsData());
  // @ts-expect-error the batches lack x
  await trainer.predict(new PredictsX(), [{ y: tensor([1]) }]);
  // What a transfer hook says that it takes decides.
  await trainer.fit(new Renames(), images);
  // @ts-expect-error the transfer hook takes images
  await trainer.fit(new Renames(), points);
}

Deno.test("wrong signatures of hooks do not compile, and batches fit their steps", () => {
  // That this file compiles is the test.
  const classes = [WrongBatch, WrongOutput, WrongHooks, WrongCallback, OwnedSteps, WrongOwnedStep, Counts, WrongCount];
  assertEquals([compiles, loadersCompile, ...classes].length, 10);
});
